"""What passes by itself is tried again, what does not is not, and who has tried in vain gives up."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from local.stepfunctions import Runner
from local.stepfunctions.errors import TaskTokenExpired
from local.stepfunctions.execution import Execution
from local.stepfunctions.scope import Scope
from waybill.errors import RETRYABLE, SalesforceError

from .conftest import MakeRig
from .definitions import STARTERS
from .lambdas import USUAL, Json, error
from .rig import Rig, entered, output
from .test_failures import FlakyTable
from .ways import CANARY, EXECUTE

PLATFORM = (
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.ClientExecutionTimeoutException",
    # What is left of a function whose process died, out of memory say: every step may be run again.
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "States.Timeout",
)
OURS = tuple(raised.__name__ for raised in RETRYABLE if not issubclass(raised, SalesforceError))
SALESFORCE = tuple(raised.__name__ for raised in RETRYABLE if issubclass(raised, SalesforceError))
# Kind, state, function; the calls of the function that come before the state's own.
TASKS = (
    ("backup", "StartRun", "StartRun", 0),
    ("backup", "ListAccounts", "ListAccounts", 0),
    ("backup", "ListFiles", "ListFiles", 0),
    ("backup", "CollectShards", "CollectShards", 0),
    ("backup", "CopyFiles", "CopyFiles", 0),
    ("backup", "ValidateFiles", "ValidateFiles", 0),
    ("backup", "FinishRun", "FinishRun", 0),
    ("cutover", "StartRun", "StartRun", 0),
    ("cutover", "CheckReadiness", "CheckReadiness", 0),
    ("cutover", "PlanUnits", "PlanUnits", 0),
    ("cutover", "Canary", "UpdateUrls", 0),
    ("cutover", "UpdateUrls", "UpdateUrls", 1),
    ("cutover", "FinishRun", "FinishRun", 0),
    ("rollback", "StartRun", "StartRun", 0),
    ("rollback", "PlanUnits", "PlanUnits", 0),
    ("rollback", "RestoreUrls", "RestoreUrls", 0),
    ("rollback", "FinishRun", "FinishRun", 0),
    ("load", "StartLoad", "StartLoad", 0),
    ("load", "ReadInput", "ReadInput", 0),
    ("load", "PlanLoad", "PlanLoad", 0),
    ("load", "LoadRows", "LoadRows", 0),
    ("load", "Reconcile", "Reconcile", 0),
    ("load", "WriteErrors", "WriteErrors", 0),
    ("load", "FinishLoad", "FinishLoad", 0),
    ("undo", "StartLoad", "StartLoad", 0),
    ("undo", "PlanUndo", "PlanUndo", 0),
    ("undo", "LoadRows", "LoadRows", 0),
    ("undo", "FinishLoad", "FinishLoad", 0),
    ("sync", "StartLoad", "StartLoad", 0),
    ("sync", "ReadChanges", "ReadChanges", 0),
    ("sync", "WriteWorkbook", "WriteWorkbook", 0),
    ("sync", "FinishLoad", "FinishLoad", 0),
)
TALKS_TO_SALESFORCE = {
    *("ListAccounts", "ListFiles", "CheckReadiness", "Canary", "UpdateUrls", "RestoreUrls"),
    *("PlanLoad", "LoadRows", "Reconcile", "PlanUndo", "ReadChanges"),
}
each_task = pytest.mark.parametrize(("kind", "state", "function", "before"), TASKS, ids=str)
# Seconds that the six retries wait at most.
LONGEST_WAITS = (2, 4, 8, 16, 32, 60)


def _rig(make_rig: MakeRig, kind: str, function: str, before: int, names: Sequence[str]) -> Rig:
    """The function fails so often; a cutover has a canary, and a delta with nothing to do."""
    rig = make_rig(kind, counts={"packets": 0} if kind == "cutover" else {})
    rig.lambdas.script(function, *[USUAL] * before, *[error(name) for name in names])
    if kind == "cutover":
        rig.lambdas.script("PlanUnits", CANARY)
    return rig


@each_task
def test_a_task_is_tried_again_after_each_error_that_passes(
    kind: str, state: str, function: str, before: int, make_rig: MakeRig, name: str
) -> None:
    names = (*PLATFORM, *OURS, *(SALESFORCE if state in TALKS_TO_SALESFORCE else ()))
    for batch, few in enumerate((names[:4], names[4:8], names[8:])):
        rig = _rig(make_rig, kind, function, before=before, names=few)
        assert output(rig.run(f"{name}-{batch}", EXECUTE))["status"] == "completed"
        assert rig.lambdas.left() == {}
        assert [waiting for waiting, _ in rig.waits] == [state] * len(few)


@each_task
@pytest.mark.parametrize("raised", ["InvalidInput", "Runtime.ImportModuleError"])
def test_a_task_is_not_tried_again_after_an_error_that_stays(
    kind: str, state: str, function: str, before: int, raised: str, make_rig: MakeRig, name: str
) -> None:
    rig = _rig(make_rig, kind, function, before=before, names=[raised])
    rig.run(name, EXECUTE)
    assert len(rig.lambdas.payloads(function)) == before + 1
    assert rig.waits == []


@each_task
def test_a_task_gives_up_after_six_retries_that_wait_ever_longer(
    kind: str, state: str, function: str, before: int, make_rig: MakeRig, name: str
) -> None:
    rig = _rig(make_rig, kind, function, before=before, names=["ServiceUnavailable"] * 8)
    rig.run(name, EXECUTE)
    assert len(rig.lambdas.payloads(function)) == before + 7
    assert [waiting for waiting, _ in rig.waits] == [state] * 6
    assert all(0 <= seconds <= longest for (_, seconds), longest in zip(rig.waits, LONGEST_WAITS, strict=True))


def test_a_function_that_does_not_answer_in_time_is_called_again(make_rig: MakeRig, name: str) -> None:
    """The runner's own time-out, a thousandth of the definition's; everything else answers at once."""
    rig = make_rig("rollback", timeout_scale=0.001)
    released = threading.Event()

    def hang(_payload: Json) -> dict[str, Any]:
        released.wait(30)
        return {}

    rig.lambdas.script("StartRun", hang)
    try:
        execution = rig.run(name)
    finally:
        released.set()
    assert output(execution)["status"] == "completed"
    timed_out = [event["taskTimedOutEventDetails"] for event in execution.history.events() if event["type"] == "TaskTimedOut"]
    assert timed_out[0] == {"resourceType": "lambda", "resource": "invoke", "error": "States.Timeout"}
    assert rig.waits[0][0] == "StartRun"
    assert len(rig.lambdas.payloads("StartRun")) > 1


def test_finish_run_is_told_of_a_task_that_never_answers(make_rig: MakeRig, name: str) -> None:
    rig = make_rig("rollback")
    rig.lambdas.script("PlanUnits", *[error("States.Timeout")] * 7)
    execution = rig.run(name)
    assert entered(execution)[-3:] == ("FinishRun", "IsFinished?", "RunFailed")
    assert rig.lambdas.payloads("FinishRun")[0]["error"] == {"Error": "States.Timeout"}


@pytest.mark.parametrize(
    "raised",
    ["StepFunctions.ExecutionLimitExceeded", "StepFunctions.AWSStepFunctionsException", "StepFunctions.SdkClientException"],
)
def test_the_delta_is_started_again_where_it_could_not_be(raised: str, make_rig: MakeRig, name: str) -> None:
    failures = [error(raised)]

    class Busy(Runner):
        """Cannot start a nested execution at first."""

        def start_nested(self, machine_arn: str, name: str | None, text: str, scope: Scope | None) -> Execution:
            if failures:
                raise failures.pop()
            return super().start_nested(machine_arn, name, text, scope)

    rig = make_rig("cutover", runner=Busy)
    assert output(rig.run(name))["status"] == "completed"
    assert [state for state, _ in rig.waits] == ["Delta"]


APPROVED = ("cutover", "rollback", "load", "undo")


@pytest.mark.parametrize("kind", APPROVED)
def test_a_token_that_could_not_be_left_is_left_again_and_the_wait_is_not_repeated(
    kind: str, make_rig: MakeRig, name: str
) -> None:
    rig = make_rig(kind, replaced={"dynamodb": FlakyTable(failures=2)}, decided=None)
    rig.lambdas.script(STARTERS[kind], {"outcome": "approval"})
    waiting = rig.begin(name, EXECUTE)
    assert rig.table.left.wait(60)
    assert [state for state, _ in rig.waits] == ["WaitForApproval"] * 2
    (item,) = rig.table.tokens
    assert (item["pk"], item["sk"]) == ({"S": f"RUN#{kind}-{name}"}, {"S": "APPROVAL"})
    assert item["execution_arn"] == {"S": waiting.arn}
    rig.runner.send_success(item["token"]["S"], "{}")
    assert output(rig.runner.wait(waiting.arn, 60))["status"] == "completed"


def test_a_run_that_nobody_approves_ends_when_its_time_is_over(make_rig: MakeRig, name: str) -> None:
    """The runner's own time-out, a hundredth of the definition's."""
    rig = make_rig("rollback", timeout_scale=0.01, decided=None)
    rig.lambdas.script("StartRun", {"outcome": "approval"})
    execution = rig.run(name, EXECUTE)
    assert entered(execution)[-4:] == ("WaitForApproval", "FinishRun", "IsFinished?", "RunFailed")
    assert rig.lambdas.payloads("FinishRun")[0]["error"] == {"Error": "States.Timeout"}
    with pytest.raises(TaskTokenExpired):
        rig.runner.send_success(rig.table.tokens[0]["token"]["S"], "{}")


def test_a_delta_that_failed_is_not_started_again(make_rig: MakeRig, name: str) -> None:
    rig = make_rig("cutover")
    rig.lambdas.script("delta:StartRun", error("InvalidInput"))
    rig.run(name, EXECUTE)
    assert len(rig.lambdas.payloads("delta:StartRun")) == 1
    assert rig.waits == []
