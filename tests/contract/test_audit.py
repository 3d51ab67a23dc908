"""The audit on a real table: one chain, whoever writes, and nothing written twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from waybill.api.auditing import Audit
from waybill.api.identity import Caller
from waybill.api.roles import Role
from waybill.audit import Head, Record, check
from waybill.errors import ServiceUnavailable
from waybill.table import Table

ANA = Caller(subject="s", name="ana", role=Role.ADMIN, source="192.0.2.7")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def append(audit: Audit, n: int, *, now: datetime = NOON) -> Record:
    return audit.append(
        ANA, now=now, action="POST /api/runs", resource="/api/runs", outcome="asked", detail={"n": n, "share": 1.0}
    )


def records(audit: Audit, *days: str) -> list[Record]:
    return [record for day in days or ("2026-11-21",) for _, record in audit.day(day, after=None, limit=1000)]


def test_an_empty_audit_is_whole(table: Table) -> None:
    audit = Audit(table)
    assert audit.head() == Head()
    assert check(records(audit), audit.head()) is None


def test_records_come_back_as_they_were_written_and_chained(table: Table) -> None:
    audit = Audit(table)
    written = [append(audit, n) for n in range(3)]
    assert records(audit) == written
    assert [record.sequence for record in written] == [1, 2, 3]
    assert check(records(audit), audit.head(), noted=[written[1].hash]) is None


def test_many_writers_make_one_chain(table: Table) -> None:
    audit = Audit(table)
    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(lambda n: append(audit, n), range(12)))
    assert sorted(record.sequence for record in written) == list(range(1, 13))
    assert check(records(audit), audit.head()) is None


def test_a_clock_that_runs_behind_breaks_no_order(table: Table) -> None:
    audit = Audit(table)
    append(audit, 1, now=datetime(2026, 11, 22, 0, 0, 1, tzinfo=UTC))
    late = append(audit, 2, now=datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC))
    assert late.at == "2026-11-22T00:00:01.000Z"
    assert check(records(audit, "2026-11-22"), audit.head()) is None


def test_a_page_goes_on_behind_the_one_before(table: Table) -> None:
    audit = Audit(table)
    written = [append(audit, n) for n in range(5)]
    first = list(audit.day("2026-11-21", after=None, limit=2))
    rest = list(audit.day("2026-11-21", after=first[-1][0], limit=10))
    assert [record for _, record in first + rest] == written


@pytest.mark.parametrize("change", [{"actor": "beth"}, {"detail": "{}"}, {"outcome": "202"}, {"hash": "0" * 64}])
def test_a_record_that_somebody_changed_in_the_table_is_found(table: Table, change: dict[str, Any]) -> None:
    audit = Audit(table)
    for n in range(3):
        append(audit, n)
    ((_, _), (key, _), (_, _)) = audit.day("2026-11-21", after=None, limit=10)
    (name,) = change
    table.update("AUDIT#2026-11-21", key, expression="SET #n = :v", names={"#n": name}, values={":v": change[name]})
    broken = check(records(audit), audit.head())
    assert broken is not None
    assert broken.sequence == 2


class LostReply:
    """A table whose first reply gets lost on its way, after the write."""

    def __init__(self, table: Table) -> None:
        self.table, self.lost = table, False

    def get(self, pk: str, sk: str) -> Any:
        return self.table.get(pk, sk)

    def append(self, item: Any, **more: Any) -> None:
        self.table.append(item, **more)
        if not self.lost:
            self.lost = True
            raise ServiceUnavailable("no reply")


def test_a_record_whose_reply_was_lost_is_not_written_twice(table: Table) -> None:
    assert append(Audit(LostReply(table)), 1).sequence == 1  # type: ignore[arg-type]
    assert len(records(Audit(table))) == 1


class Down(LostReply):
    def append(self, item: Any, **more: Any) -> None:
        raise ServiceUnavailable("down")


def test_what_cannot_be_written_down_is_not_done(table: Table) -> None:
    with pytest.raises(ServiceUnavailable, match="nothing was done"):
        append(Audit(Down(table)), 1)  # type: ignore[arg-type]
