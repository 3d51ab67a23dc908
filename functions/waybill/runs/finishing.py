"""How a run of any context ends: which run an execution was, how it ended, and who is told."""

import json
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from waybill import compose
from waybill.errors import InvalidInput
from waybill.runs.causes import in_words
from waybill.runs.model import Control, RunContext, RunKind, RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.telemetry import logger

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,120}")


class StateError(BaseModel):
    """What a Catch hands over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    error: str = Field(alias="Error", default="")
    cause: str = Field(alias="Cause", default="")


class ExecutionDetail(BaseModel):
    """Of EventBridge's `Step Functions Execution Status Change`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    execution_arn: str = Field(alias="executionArn")
    name: str
    status: str
    input: str | None = None
    error: str | None = None
    cause: str | None = None


def run_to_finish(
    run: RunContext | None, error: StateError | None, detail: ExecutionDetail | None, store: RunStore
) -> tuple[RunRecord, StateError | None] | None:
    """The run to finish; None where it has ended already, or another execution has resumed it. `detail`: where a rule calls."""
    if run is not None:
        record = store.get(run.run_id)
        # The fence tells executions of a run apart: a late call of an old one must not end the newer, nor let its lock go.
        return (record, error) if record.fence == run.fence else None
    if detail is None:
        raise InvalidInput("Finishing needs a run, or the detail of an execution's event.")
    found = _of_execution(detail, store)
    if found is None or found.status is not RunStatus.RUNNING:
        return None
    cause = detail.cause or f"The execution ended as {detail.status} before it could finish the run."
    return found, StateError.model_validate({"Error": detail.error or detail.status, "Cause": cause})


def fence_left_behind(detail: ExecutionDetail | None, store: RunStore) -> int | None:
    """The fence of a run whose end was recorded and whose execution then died: its lock may not have been let go."""
    found = None if detail is None else _of_execution(detail, store)
    ended = found is not None and found.status is not RunStatus.RUNNING and found.options.parent is None
    return found.fence if found is not None and ended else None


def _of_execution(detail: ExecutionDetail, store: RunStore) -> RunRecord | None:
    """The run that this execution works on. Executions of several machines may have one name: who is at work tells the ARN."""
    resumed = _resumed(detail.input or "{}")
    names = [resumed] if resumed else [f"{kind}-{detail.name}" for kind in RunKind]
    records = (record for name in names if (record := store.find(name)))
    return next((record for record in records if record.execution_arn == detail.execution_arn), None)


def _resumed(text: str) -> str | None:
    """The run that an execution's input says to resume. An operator may have started the machine with any JSON at all."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return None
    resumed = given.get("resume") if isinstance(given, dict) else None
    return resumed if isinstance(resumed, str) and _RUN_ID.fullmatch(resumed) else None


def status_of(record: RunRecord, error: StateError | None, store: RunStore) -> tuple[RunStatus, str]:
    """How the run ended, and the message: what a state failed with, or what an operator or the quota guard asked for."""
    if error is not None and error.error:
        status = RunStatus.REFUSED if error.error == "NotReady" else RunStatus.FAILED
        return status, in_words(error.cause) or error.error
    control = store.control(record.run_id)
    if control is not None:
        reason = store.get(record.run_id).control_reason
        return (RunStatus.PAUSED if control is Control.PAUSE else RunStatus.CANCELLED), reason
    return RunStatus.COMPLETED, ""


def send_event(detail: dict[str, Any], *, stage: str) -> None:
    """Tells the event bus that a run has ended. A bus that does not answer must not keep the lock held."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        compose.aws("events").put_events(
            Entries=[{"Source": f"waybill.{stage}", "DetailType": "Run Ended", "Detail": json.dumps(detail)}]
        )
    except (BotoCoreError, ClientError) as error:
        logger.warning("event not sent", extra={"run_id": detail["run_id"], "reason": str(error)})
