"""What fails is noted with its cause, stops nothing beside it, and ends in FinishRun."""

import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import MakeRig
from .definitions import FINISHERS, KINDS, STARTERS
from .lambdas import Json, error
from .rig import entered, output
from .ways import CANARY, EXECUTE

# Kind; the function that fails for one item; the map's label; the item's field and its number; the fault's key.
ITEMS = (
    ("backup", "ListFiles", "List", "packet", 1, "FAULT#PACKET#1"),
    ("backup", "CopyFiles", "Copy", "shard", "00001-0000", "FAULT#SHARD#00001-0000"),
    ("backup", "ValidateFiles", "Copy", "shard", "00001-0000", "FAULT#SHARD#00001-0000"),
    ("cutover", "UpdateUrls", "Switch", "unit", "00001", "FAULT#UNIT#00001"),
    ("rollback", "RestoreUrls", "Restore", "unit", "00001", "FAULT#UNIT#00001"),
)
each_item = pytest.mark.parametrize(("kind", "function", "label", "field", "number", "fault"), ITEMS)
THREE = {"packets": 3, "shards": 3, "units": 3}


class FlakyTable:
    """DynamoDB that throttles the first writes."""

    def __init__(self, failures: int) -> None:
        self._left = failures
        self._lock = threading.Lock()
        self.items: list[Mapping[str, Any]] = []

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        with self._lock:
            self._left -= 1
            if self._left >= 0:
                raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "PutItem")
            self.items.append(arguments["Item"])
        return {}


@each_item
def test_an_item_that_fails_is_noted_and_the_others_go_on(
    kind: str, function: str, label: str, field: str, number: Any, fault: str, make_rig: MakeRig, name: str
) -> None:
    rig = make_rig(kind, counts=THREE)

    def fail_one(payload: Json) -> dict[str, Any]:
        if payload[field][field] == number:
            raise error("LockLost", "Another run has the lock.", frames=40)
        return {}

    rig.lambdas.script(function, *[fail_one] * 3)
    execution = rig.run(name, EXECUTE if kind == "cutover" else {})
    assert output(execution)["status"] == "completed"
    failed, cause = rig.faults(f"{kind}-{name}")[fault]
    assert list(rig.faults(f"{kind}-{name}")) == [fault]
    assert failed == "LockLost"
    # Whole, stack trace and all: who reads the report is shown the message in it.
    assert json.loads(cause)["errorMessage"] == "Another run has the lock."
    assert len(rig.lambdas.payloads(function)) == 3
    children = rig.children(execution, label)
    assert [child.status for child in children] == ["SUCCEEDED"] * 3
    assert [json.loads(child.output or "")["status"] for child in children] == ["done", "failed", "done"]
    assert rig.lambdas.payloads("FinishRun")[0]["error"] is None


@each_item
def test_an_item_that_never_answers_is_noted_although_a_time_out_has_no_cause(
    kind: str, function: str, label: str, field: str, number: Any, fault: str, make_rig: MakeRig, name: str
) -> None:
    rig = make_rig(kind)
    rig.lambdas.script(function, *[error("States.Timeout")] * 7)
    assert output(rig.run(name, EXECUTE if kind == "cutover" else {}))["status"] == "completed"
    assert list(rig.faults(f"{kind}-{name}").values()) == [("States.Timeout", "No cause was given.")]


@pytest.mark.parametrize(("kind", "function"), [item[:2] for item in ITEMS])
def test_noting_a_failure_is_tried_again(kind: str, function: str, make_rig: MakeRig, name: str) -> None:
    table = FlakyTable(failures=3)
    rig = make_rig(kind, replaced={"dynamodb": table})
    rig.lambdas.script(function, error("LockLost"))
    assert output(rig.run(name, EXECUTE if kind == "cutover" else {}))["status"] == "completed"
    assert [item["error"] for item in table.items] == [{"S": "LockLost"}]
    assert len(rig.waits) == 3


def test_a_failure_that_cannot_be_noted_stays_in_the_maps_results_and_the_others_go_on(make_rig: MakeRig, name: str) -> None:
    rig = make_rig("backup", counts=THREE, replaced={"dynamodb": FlakyTable(failures=7)})
    rig.lambdas.script("ListFiles", error("SalesforceDenied"))
    execution = rig.run(name)
    assert output(execution)["status"] == "completed"
    assert sorted(child.status for child in rig.children(execution, "List")) == ["FAILED", "SUCCEEDED", "SUCCEEDED"]
    assert len(rig.files(f"runs/backup-{name}/list/")["FAILED_0.json"]) == 1


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("backup", "ListAccounts"),
        ("backup", "CollectShards"),
        ("cutover", "CheckReadiness"),
        ("cutover", "PlanUnits"),
        ("cutover", "UpdateUrls"),
        ("rollback", "PlanUnits"),
        ("load", "ReadInput"),
        ("load", "PlanLoad"),
        ("load", "LoadRows"),
        ("load", "Reconcile"),
        ("undo", "PlanUndo"),
        ("undo", "LoadRows"),
        ("sync", "ReadChanges"),
        ("sync", "WriteWorkbook"),
    ],
)
def test_whoever_ends_a_run_is_told_error_and_cause_and_the_execution_repeats_what_it_says(
    kind: str, function: str, make_rig: MakeRig, name: str
) -> None:
    rig = make_rig(kind)
    if function == "UpdateUrls":
        rig.lambdas.script("PlanUnits", CANARY)
    rig.lambdas.script(function, error("LockLost", "Another run has the lock."))
    execution = rig.run(name, EXECUTE)
    (told,) = rig.lambdas.payloads(FINISHERS[kind])
    assert told["error"]["Error"] == "LockLost"
    assert json.loads(told["error"]["Cause"])["errorMessage"] == "Another run has the lock."
    assert told["run"]["run_id"] == f"{kind}-{name}"
    # The fake says the error's name for a message.
    assert (execution.error, execution.cause) == ("RunFailed", "LockLost")


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_execution_names_the_run_that_is_at_work(kind: str, make_rig: MakeRig, name: str) -> None:
    rig = make_rig(kind)
    rig.lambdas.script(STARTERS[kind], {"outcome": "refused", "message": "Run backup-1 is at work."})
    execution = rig.run(name)
    assert (execution.error, execution.cause) == ("RunRefused", "Run backup-1 is at work.")
    assert [function for function, _ in rig.lambdas.calls] == [STARTERS[kind]]


def test_an_attempt_that_is_retried_does_not_leave_its_error_behind(make_rig: MakeRig, name: str) -> None:
    rig = make_rig("backup")
    rig.lambdas.script("ListAccounts", error("ServiceUnavailable"))
    execution = rig.run(name)
    assert entered(execution)[-1] == "RunEnded"
    assert rig.lambdas.payloads("FinishRun")[0]["error"] is None
