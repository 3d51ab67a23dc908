"""What can go wrong in a state machine: AWS's own error names, and which of them a retrier or catcher may match."""

import json
from collections.abc import Iterable, Sequence

ALL = "States.ALL"
BRANCH_FAILED = "States.BranchFailed"
DATA_LIMIT = "States.DataLimitExceeded"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
ITEM_READER_FAILED = "States.ItemReaderFailed"
NO_CHOICE_MATCHED = "States.NoChoiceMatched"
QUERY_EVALUATION = "States.QueryEvaluationError"
RESULT_WRITER_FAILED = "States.ResultWriterFailed"
RUNTIME = "States.Runtime"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"
TOLERANCE_EXCEEDED = "States.ExceedToleratedFailureThreshold"

# AWS cuts a longer cause off.
MAX_CAUSE = 32_768


class DefinitionError(ValueError):
    """A definition that AWS would refuse, or that uses what this runner does not know; the message names the place and the thing."""


class StateError(Exception):
    """A state failed. `error` is the name that ErrorEquals compares, `cause` a text for people (often JSON)."""

    def __init__(self, error: str | None, cause: str | None = None) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = None if cause is None else cause[:MAX_CAUSE]

    def output(self) -> dict[str, str]:
        """`$states.errorOutput` of a catcher."""
        pairs = (("Error", self.error), ("Cause", self.cause))
        return {name: value for name, value in pairs if value is not None}


class LambdaFailure(StateError):
    """The function itself raised: Error is the exception's class name, Cause the JSON that Lambda replies with."""

    def __init__(self, error_type: str, message: str, stack: Sequence[str] = ()) -> None:
        cause = {"errorMessage": message, "errorType": error_type, "stackTrace": list(stack)}
        super().__init__(error_type, json.dumps(cause, ensure_ascii=False))


class QueryFailed(StateError):
    """A JSONata expression raised, was undefined, or gave the wrong type; `location` is the field."""

    def __init__(self, message: str, location: str) -> None:
        super().__init__(QUERY_EVALUATION, message)
        self.location = location


class Cancelled(Exception):
    """The execution was stopped, or a sibling branch failed: leave at once."""


class ExecutionTimedOut(Exception):
    """The state machine's own TimeoutSeconds passed."""


class TaskTokenUnknown(Exception):
    """No task ever had this token."""


class TaskTokenExpired(Exception):
    """The task with this token is over."""


class ExecutionUnknown(Exception):
    """No execution has this ARN."""


class MachineUnknown(Exception):
    """No state machine has this ARN."""


class ExecutionNameTaken(Exception):
    """Another execution of this machine had the name, with another input or already ended."""


def matches(names: Iterable[str], error: str | None) -> bool:
    """Whether ErrorEquals covers the error: exact names, and the two wildcards with the exceptions that AWS documents."""
    if error == RUNTIME:
        return False
    for name in names:
        if name == error:
            return True
        if error == DATA_LIMIT:
            continue
        if name == ALL or (name == TASK_FAILED and error != TIMEOUT) or (name == TIMEOUT and error == HEARTBEAT_TIMEOUT):
            return True
    return False
