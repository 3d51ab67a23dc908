"""Runs in the table: claimed once, results that are facts, control, and an end that only their own execution writes."""

import pytest

from waybill.errors import NotFound
from waybill.runs.model import Control, Counts, ErrorRow, Options, RunKind, RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.table import Table


def record(run_id: str = "backup-1", *, arn: str = "arn:1", at: str = "2026-01-01T00:00:00.000Z") -> RunRecord:
    return RunRecord(
        run_id=run_id,
        kind=RunKind.BACKUP,
        options=Options(mode="full"),
        status=RunStatus.RUNNING,
        execution_arn=arn,
        started_at=at,
    )


def end(store: RunStore, arn: str, status: RunStatus = RunStatus.COMPLETED) -> bool:
    errors = [ErrorRow(error_class="SOURCE_MISSING", message="gone", entry_id="a0X")]
    at, counts = "2026-01-01T01:00:00.000Z", Counts(total=3)
    return store.finish("backup-1", execution_arn=arn, status=status, ended_at=at, message="m", counts=counts, errors=errors)


def test_a_run_id_is_claimed_once(table: Table) -> None:
    store = RunStore(table)
    assert store.claim(record()) == record()
    assert store.claim(record(arn="arn:2")).execution_arn == "arn:1"


def test_runs_are_listed_newest_first(table: Table) -> None:
    store = RunStore(table)
    store.claim(record("backup-1", at="2026-01-01T00:00:00.000Z"))
    store.claim(record("backup-2", at="2026-01-02T00:00:00.000Z"))
    assert [run.run_id for run in store.all()] == ["backup-2", "backup-1"]


def test_the_first_result_of_a_step_stands(table: Table) -> None:
    store = RunStore(table)
    assert store.record("backup-1", "SHARD#1", {"copied": 5})["copied"] == 5
    assert store.record("backup-1", "SHARD#1", {"copied": 7})["copied"] == 5
    store.record("backup-1", "SHARD#2", {"copied": 1})
    store.record("backup-1", "UNIT#1", {})
    assert [result["sk"] for result in store.results("backup-1", "SHARD#")] == ["SHARD#1", "SHARD#2"]
    assert [result["sk"] for result in store.results("backup-1", "SHARD#", after="SHARD#1")] == ["SHARD#2"]


def test_a_running_run_can_be_asked_to_pause_and_its_delta_hears_it_too(table: Table) -> None:
    store = RunStore(table)
    store.claim(record("cutover-1"))
    child = record("backup-1-delta")
    parent = {"run_id": "cutover-1", "fence": 1}
    store.claim(child.model_copy(update={"options": Options.model_validate({"mode": "full", "parent": parent})}))
    assert store.control("backup-1-delta") is None
    store.ask("cutover-1", Control.PAUSE, reason="by the operator")
    assert store.control("cutover-1") is Control.PAUSE
    assert store.control("backup-1-delta") is Control.PAUSE


def test_only_the_execution_that_runs_a_run_ends_it(table: Table) -> None:
    store = RunStore(table)
    store.claim(record())
    store.resume("backup-1", execution_arn="arn:2", fence=2)
    assert not end(store, "arn:1", RunStatus.FAILED)
    assert end(store, "arn:2")
    ended = store.get("backup-1")
    assert (ended.status, ended.counts.total, ended.errors[0].error_class) == (RunStatus.COMPLETED, 3, "SOURCE_MISSING")
    with pytest.raises(NotFound, match="not running"):
        store.ask("backup-1", Control.CANCEL, reason="too late")


def test_a_run_that_was_resumed_forgets_that_it_was_asked_to_pause(table: Table) -> None:
    store = RunStore(table)
    store.claim(record())
    store.ask("backup-1", Control.PAUSE, reason="by the operator")
    assert store.resume("backup-1", execution_arn="arn:2", fence=2).control is None


def test_deleting_a_run_leaves_the_others(table: Table) -> None:
    store = RunStore(table)
    store.claim(record("backup-1"))
    store.record("backup-1", "SHARD#1", {})
    store.claim(record("backup-2"))
    store.delete("backup-1")
    assert store.find("backup-1") is None
    assert list(store.results("backup-1", "")) == []
    assert store.find("backup-2") is not None


def test_an_unknown_run_is_named(table: Table) -> None:
    with pytest.raises(NotFound, match="backup-9"):
        RunStore(table).get("backup-9")
