"""The chain of the audit: whatever is done to it is found, at its place."""

from dataclasses import asdict, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill.audit import GENESIS, Head, Record, check, days

TEXT = st.text(max_size=20)


def chain(*actors: str) -> tuple[list[Record], Head]:
    records: list[Record] = []
    for n, actor in enumerate(actors, 1):
        record = Record(
            sequence=n, at=f"2026-11-21T12:00:{n:02d}.000Z", actor=actor, role="admin", source="192.0.2.7", action="POST /api/runs",
            resource="/api/runs", outcome="asked", detail='{"n": 1}', of=0, previous=records[-1].hash if records else GENESIS,
        )  # fmt: skip
        records.append(record.sealed())
    last = records[-1] if records else None
    return records, Head(last.sequence, last.hash, last.at, "2026-11-21") if last else Head()


@given(st.lists(TEXT, max_size=6))
def test_a_chain_as_it_was_written_is_whole(actors: list[str]) -> None:
    records, head = chain(*actors)
    assert check(records, head) is None
    assert check(records, head, noted=[record.hash for record in records]) is None


@given(st.lists(TEXT, min_size=1, max_size=6), st.data())
def test_any_change_of_a_record_is_found(actors: list[str], data: st.DataObject) -> None:
    records, head = chain(*actors)
    at = data.draw(st.integers(0, len(records) - 1))
    name = data.draw(st.sampled_from([name for name in Record.__slots__ if name not in {"sequence", "of"}]))
    value = data.draw(TEXT.filter(lambda text: text != getattr(records[at], name)))
    changed = replace(records[at], **{name: value})  # type: ignore[arg-type]  # the names of texts only
    assert check([*records[:at], changed, *records[at + 1 :]], head) is not None
    if name != "hash":
        # Also where whoever changed it has made its hash anew: the next record, or the head, knows the old one.
        assert check([*records[:at], changed.sealed(), *records[at + 1 :]], head) is not None


@given(st.lists(TEXT, min_size=1, max_size=6), st.data())
def test_a_record_that_is_gone_is_found(actors: list[str], data: st.DataObject) -> None:
    records, head = chain(*actors)
    del records[data.draw(st.integers(0, len(records) - 1))]
    assert check(records, head) is not None


def test_a_chain_that_was_written_anew_is_told_by_a_hash_that_was_noted() -> None:
    old, _ = chain("ana", "beth")
    new, head = chain("ana", "nobody", "beth")
    assert check(new, head, noted=[old[0].hash]) is None
    broken = check(new, head, noted=[old[1].hash])
    assert broken is not None
    assert "was noted" in broken.why


def test_two_records_that_changed_places_are_found() -> None:
    records, head = chain("ana", "beth", "carl")
    broken = check([records[1], records[0], records[2]], head)
    assert broken is not None
    assert broken.sequence == 1


def test_a_record_survives_its_way_as_json() -> None:
    records, _ = chain("ana")
    assert Record.of_json(asdict(records[0])) == records[0]
    with pytest.raises(KeyError):
        Record.of_json({"sequence": 1})


def test_the_days_of_a_chain_run_to_today_or_to_its_last_record() -> None:
    head = Head(3, "h", "2026-12-01T00:00:00.000Z", "2026-11-29")
    assert list(days(head, until=lambda: date(2026, 11, 30))) == ["2026-11-29", "2026-11-30", "2026-12-01"]
    assert list(days(Head(), until=lambda: date(2026, 11, 30))) == []
