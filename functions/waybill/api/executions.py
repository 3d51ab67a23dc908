"""The executions of the state machines: started, looked at, stopped, and their history in a few words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from waybill.clock import iso
from waybill.errors import NotFound, ServiceUnavailable, WaybillError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

RUNNING = frozenset({"RUNNING", "PENDING_REDRIVE"})
_TOLD_BY_NAME = {"ExecutionStarted": "started", "ExecutionSucceeded": "succeeded"}
_BAD = ("Failed", "TimedOut", "Aborted")
_LONGEST = 2_000  # characters of a cause that are shown


class NameTaken(WaybillError):
    """There is an execution of this name already."""


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution as Step Functions has it. `cause` is what it failed with."""

    arn: str
    status: str
    input: Mapping[str, Any]
    started: datetime
    stopped: datetime | None = None
    error: str = ""
    cause: str = ""

    @property
    def running(self) -> bool:
        return self.status in RUNNING


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a history that a person wants to see."""

    at: str
    failed: bool
    event: str
    state: str = ""
    detail: str = ""


class Executions:
    """Step Functions, as far as runs need it. Raises ServiceUnavailable."""

    def __init__(self, client: "SFNClient") -> None:
        self._client = client

    @staticmethod
    def arn(machine: str, name: str) -> str:
        """The ARN that an execution of this name has, or would have."""
        return machine.replace(":stateMachine:", ":execution:") + f":{name}"

    def start(self, machine: str, name: str, given: Mapping[str, Any]) -> str:
        """Starts an execution, gives its ARN. Raises NameTaken."""
        from botocore.exceptions import ClientError

        try:
            return str(self._call("start_execution", stateMachineArn=machine, name=name, input=json.dumps(given))["executionArn"])
        except ClientError as error:
            if _code(error) == "ExecutionAlreadyExists":
                raise NameTaken(name) from None
            raise

    def find(self, arn: str) -> Execution | None:
        from botocore.exceptions import ClientError

        try:
            found = self._call("describe_execution", executionArn=arn)
        except ClientError as error:
            if _code(error) in {"ExecutionDoesNotExist", "InvalidArn"}:
                return None
            raise
        return Execution(
            arn=found["executionArn"],
            status=found["status"],
            input=json.loads(found.get("input") or "{}"),
            started=found["startDate"],
            stopped=found.get("stopDate"),
            error=found.get("error") or "",
            cause=found.get("cause") or "",
        )

    def stop(self, arn: str, reason: str) -> None:
        """Stops an execution at once; the rule on aborted executions then finishes its run."""
        self._call("stop_execution", executionArn=arn, error="Cancelled", cause=reason)

    def wake(self, token: str) -> bool:
        """Ends the wait of a task that waits on this token; False where nobody waits on it (any more)."""
        from botocore.exceptions import ClientError

        try:
            self._call("send_task_success", taskToken=token, output="{}")
        except ClientError as error:
            if _code(error) in {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}:
                return False
            raise
        return True

    def history(self, arn: str, *, token: str | None, limit: int) -> tuple[list[Event], str | None]:
        """A page of the history, newest first, and the token of the page behind it. Raises NotFound."""
        from botocore.exceptions import ClientError

        more = {"nextToken": token} if token else {}
        try:
            found = self._call(
                "get_execution_history", executionArn=arn, maxResults=limit, reverseOrder=True, includeExecutionData=True, **more
            )
        except ClientError as error:
            if _code(error) in {"ExecutionDoesNotExist", "InvalidArn", "InvalidToken"}:
                raise NotFound(
                    "The history of this run's execution is no longer there: Step Functions keeps it for 90 days."
                ) from None
            raise
        told = (_told(event) for event in found["events"])
        return [event for event in told if event is not None], found.get("nextToken")

    def _call(self, method: str, **arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, method)(**arguments)
        except ClientError as error:
            if _code(error) in {"ThrottlingException", "ServiceUnavailable", "InternalServerError", "ExecutionLimitExceeded"}:
                raise ServiceUnavailable(f"Step Functions: {error}") from error
            raise
        except BotoCoreError as error:
            raise ServiceUnavailable(f"Step Functions: {error}") from error


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _told(event: Mapping[str, Any]) -> Event | None:
    """States entered, and whatever failed; the rest is the machinery's."""
    kind = str(event["type"])
    details: Mapping[str, Any] = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
    at = iso(event["timestamp"])
    if kind.endswith("StateEntered"):
        return Event(at, failed=False, event="entered", state=str(details.get("name", "")))
    if kind.endswith(_BAD):
        text = ": ".join(str(details[name]) for name in ("error", "cause") if details.get(name))
        return Event(at, failed=True, event=kind, detail=text[:_LONGEST])
    if kind in _TOLD_BY_NAME:
        return Event(at, failed=False, event=_TOLD_BY_NAME[kind])
    return None
