"""What is done about a row in Salesforce: switch, already switched, conflict, held back."""

from dataclasses import replace

import pytest

from waybill.files.domain import FileState, HttpLocation, S3Location, SourceFacts, VerifiedBy
from waybill.files.ledger import FileItem
from waybill.files.switching import (
    Outcome,
    Restore,
    Result,
    Row,
    Switch,
    classify,
    confirm,
    held_back,
    moved_away,
    outcome_row,
    settled,
    source_of,
)
from waybill.files.urls import LinkBuilder

LINKS = LinkBuilder("https://files.example.com", "ours")
OLD = "https://theirs.s3.amazonaws.com/a.pdf"
NEW = "https://files.example.com/uploads/1/Acme/a.pdf"
FILE = FileItem(
    "001000000000001AAA", "a0X000000000001AAA", FileState.VERIFIED, "a.pdf", OLD, key="uploads/1/Acme/a.pdf", size=10, etag="e1",
    proof=VerifiedBy.ETAG, run="backup-1", fence=1, version=1,
)  # fmt: skip
SWITCH = Switch(LINKS, "cutover-1")
ROW = SWITCH.row(FILE)


def test_a_verified_row_goes_from_the_old_url_to_the_new_one() -> None:
    assert (ROW.old, ROW.new) == (OLD, NEW)
    assert classify(ROW, OLD, before_delta=False).outcome is Outcome.TO_DO


def test_a_row_that_has_its_new_url_already_is_not_written_again() -> None:
    assert classify(ROW, NEW, before_delta=False).outcome is Outcome.ALREADY


def test_any_other_value_is_a_conflict_and_says_what_was_expected_and_found() -> None:
    result = classify(ROW, "https://elsewhere.example/x?token=5ecret", before_delta=False)
    assert result.outcome is Outcome.CONFLICT
    assert OLD in result.message
    assert "elsewhere.example" in result.message
    assert "5ecret" not in result.message


def test_only_a_verified_file_with_a_proof_is_wanted() -> None:
    assert SWITCH.wants(FILE)
    for state in FileState:
        assert SWITCH.wants(replace(FILE, state=state)) is (state is FileState.VERIFIED)
    assert not SWITCH.wants(replace(FILE, proof=None))


@pytest.mark.parametrize(
    ("facts", "web", "error"),
    [
        (SourceFacts(10, "e1"), False, None),
        (SourceFacts(10, "e2"), False, "SOURCE_CHANGED"),
        (None, False, "SOURCE_MISSING"),
        (None, True, None),
        ("no right", False, "SOURCE_DENIED"),
    ],
)
def test_a_source_that_is_not_what_was_copied_holds_the_row_back(
    facts: SourceFacts | str | None, web: bool, error: str | None
) -> None:
    held = held_back(FILE, facts, web=web)
    assert (held[0] if held else None) == error
    expected = Outcome.HELD if error else Outcome.TO_DO
    assert classify(replace(ROW, held=held), OLD, before_delta=False).outcome is expected


def test_a_dry_run_leaves_to_the_delta_what_the_delta_will_see_to() -> None:
    changed = replace(ROW, held=("SOURCE_CHANGED", "it changed"))
    assert classify(changed, OLD, before_delta=True).outcome is Outcome.LEFT
    assert classify(ROW, None, before_delta=True).outcome is Outcome.LEFT
    assert classify(ROW, "https://theirs.s3.amazonaws.com/other.pdf", before_delta=True) == Result(ROW, Outcome.LEFT)
    assert classify(moved_away(ROW), OLD, before_delta=True).outcome is Outcome.LEFT
    assert classify(moved_away(ROW), OLD, before_delta=False).outcome is Outcome.HELD
    gone = replace(ROW, held=("SOURCE_MISSING", "it is gone"))
    assert classify(gone, OLD, before_delta=True).outcome is Outcome.HELD


def test_after_the_update_the_row_is_what_salesforce_says_it_is() -> None:
    assert confirm(ROW, NEW, failure=("LOST", "reply lost")).outcome is Outcome.DONE
    assert confirm(ROW, OLD, failure=("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no")).outcome is Outcome.FAILED
    assert confirm(ROW, OLD, failure=None).outcome is Outcome.FAILED
    assert confirm(ROW, "https://rewritten.example/", failure=None).outcome is Outcome.CONFLICT
    assert confirm(ROW, None, failure=None).outcome is Outcome.DELETED


def test_the_ledger_learns_the_new_url_and_keeps_the_old_one() -> None:
    file = settled(Result(ROW, Outcome.DONE), SWITCH)
    assert file is not None
    assert (file.state, file.url, file.new_url, file.switched_by) == (FileState.SWITCHED, OLD, NEW, "cutover-1")


@pytest.mark.parametrize("outcome", [Outcome.HELD, Outcome.FAILED, Outcome.LEFT, Outcome.TO_DO])
def test_a_row_that_was_not_switched_stays_verified(outcome: Outcome) -> None:
    assert settled(Result(ROW, outcome), SWITCH) is None


def test_restoring_goes_back_from_what_waybill_wrote_and_only_from_that() -> None:
    switched = settled(Result(ROW, Outcome.DONE), SWITCH)
    assert switched is not None
    restore = Restore(LINKS, None)
    row = restore.row(switched)
    assert (row.old, row.new) == (NEW, OLD)
    assert classify(row, NEW, before_delta=False).outcome is Outcome.TO_DO
    assert classify(row, OLD, before_delta=False).outcome is Outcome.ALREADY
    assert classify(row, "https://by-hand.example/", before_delta=False).outcome is Outcome.CONFLICT
    back = settled(Result(row, Outcome.DONE), restore)
    assert back is not None
    assert (back.state, back.url, back.new_url) == (FileState.ROLLED_BACK, OLD, None)


def test_a_rollback_of_one_run_leaves_what_other_runs_switched() -> None:
    switched = replace(FILE, state=FileState.SWITCHED, new_url=NEW, switched_by="cutover-1")
    assert Restore(LINKS, "cutover-1").wants(switched)
    assert not Restore(LINKS, "cutover-2").wants(switched)


def test_a_rollback_finds_rows_that_a_dying_task_switched_and_touches_no_other_verified_row() -> None:
    restore = Restore(LINKS, None)
    row = restore.row(FILE)
    assert classify(row, NEW, before_delta=False).outcome is Outcome.TO_DO
    assert classify(row, OLD, before_delta=False).outcome is Outcome.LEFT
    assert classify(row, "https://by-hand.example/", before_delta=False).outcome is Outcome.LEFT
    back = settled(Result(row, Outcome.DONE), restore)
    assert back is not None
    assert back.state is FileState.ROLLED_BACK


@pytest.mark.parametrize("state", [FileState.ENTRY_DELETED, FileState.CONFLICT])
def test_a_row_that_shows_our_link_again_after_a_deletion_or_an_edit_is_restored_as_well(state: FileState) -> None:
    left = replace(FILE, state=state, new_url=NEW, switched_by="cutover-1", error="EDITED", message="edited")
    restore = Restore(LINKS, "cutover-1")
    assert restore.wants(left)
    assert not Restore(LINKS, "cutover-2").wants(left)
    row = restore.row(left)
    assert (row.old, row.new) == (NEW, OLD)
    assert classify(row, None, before_delta=False).outcome is Outcome.LEFT
    assert classify(row, OLD, before_delta=False).outcome is Outcome.LEFT
    assert classify(row, "https://by-hand.example/", before_delta=False).outcome is Outcome.LEFT
    assert classify(row, NEW, before_delta=False).outcome is Outcome.TO_DO
    back = settled(Result(row, Outcome.DONE), restore)
    assert back is not None
    assert (back.state, back.url, back.new_url, back.error) == (FileState.ROLLED_BACK, OLD, None, None)


def test_the_source_of_a_file_is_the_key_that_was_really_read() -> None:
    plus = replace(FILE, url="https://theirs.s3.amazonaws.com/a+b.pdf", source_key="a+b.pdf")
    buckets = frozenset({"theirs"})
    assert source_of(plus, links=LINKS, source_buckets=buckets) == S3Location("theirs", "a+b.pdf")
    web = replace(FILE, url="https://www.example.com/a.pdf")
    assert source_of(web, links=LINKS, source_buckets=buckets) == HttpLocation("https://www.example.com/a.pdf")
    assert source_of(replace(FILE, url="nonsense"), links=LINKS, source_buckets=buckets) is None


def test_an_outcome_row_carries_old_and_new_whole() -> None:
    row = outcome_row(Result(Row(FILE, OLD, NEW), Outcome.DONE))
    assert (row["old"], row["new"], row["outcome"]) == (OLD, NEW, Outcome.DONE)
