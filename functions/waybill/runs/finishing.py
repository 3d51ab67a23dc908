"""How a run of any context ends: which run an execution was, how it ended, and who is told."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from waybill import compose
from waybill.errors import InvalidInput
from waybill.runs.approval import ApprovalState
from waybill.runs.causes import in_words
from waybill.runs.lock import Lock
from waybill.runs.model import Context, Control, RunContext, RunKind, RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.runs.task import Request
from waybill.telemetry import logger

# Characters: SNS takes 256 KB, people less.
_LONGEST_TEXT = 2_000
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


class EndRequest(Request):
    """What the last task of any run is asked. `detail`: of the event where a rule calls, instead of `run`."""

    run: RunContext | None = None
    error: StateError | None = None
    detail: ExecutionDetail | None = None


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
    if found is None or not found.status.active:
        return None
    cause = detail.cause or f"The execution ended as {detail.status} before it could finish the run."
    return found, StateError.model_validate({"Error": detail.error or detail.status, "Cause": cause})


def tell_late(
    detail: ExecutionDetail | None, *, store: RunStore, lock_of: Callable[[RunKind], Lock], tell: Callable[[RunRecord], None]
) -> None:
    """Tells of a run whose end was recorded and whose execution then died, before it had told anybody; its lock, let go last, says so."""
    found = None if detail is None else _of_execution(detail, store)
    if found is None or found.status.active or found.options.parent is not None:
        return
    lock = lock_of(found.kind)
    if not lock.is_held(found.fence):
        return
    tell(found)
    lock.release(found.fence)


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
    undecided = _not_approved(record, error)
    if undecided:
        return RunStatus.REFUSED, undecided
    if error is not None and error.error:
        status = RunStatus.REFUSED if error.error == "NotReady" else RunStatus.FAILED
        return status, in_words(error.cause) or error.error
    control = store.control(record.run_id)
    if control is not None:
        reason = store.get(record.run_id).control_reason
        return (RunStatus.PAUSED if control is Control.PAUSE else RunStatus.CANCELLED), reason
    return RunStatus.COMPLETED, ""


def _not_approved(record: RunRecord, error: StateError | None) -> str:
    """Why a run did not begin that had to be approved; empty for any other."""
    approval = record.approval
    if approval is None:
        return ""
    if approval.state is ApprovalState.REJECTED:
        return f"Rejected by {approval.decided_by}: {approval.reason}"
    if approval.state is ApprovalState.WAITING and error is not None and error.error == "States.Timeout":
        return f"Nobody has approved the run until {approval.until}. Nothing was done: start it again."
    return ""


def told_of(ended: RunRecord, *, stage: str) -> dict[str, Any]:
    """What the event bus is told of a run that has ended. `text`: a line for people, for mail. `parent`: the cutover that a delta is of."""
    options, records = ended.options, ended.kind.context is Context.RECORDS
    counts = {name: n for name, n in (ended.rows if records else ended.counts).model_dump().items() if n}
    dry = " (dry run)" if ended.dry_run else ""
    did = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in counts.items()) or "nothing to do"
    why = f" {ended.message}" if ended.message else ""
    text = (
        f"Waybill {stage}: {ended.kind}{dry} {ended.run_id} is {ended.status}: {did}.{why} Asked for by {options.requested_by}."
    )
    return {
        "run_id": ended.run_id,
        "kind": ended.kind,
        "dry_run": ended.dry_run,
        "status": ended.status,
        "message": ended.message,
        "requested_by": options.requested_by,
        "rows" if records else "files": (ended.rows if records else ended.counts).model_dump(),
        "text": text[:_LONGEST_TEXT],
        **({"parent": options.parent.run_id} if options.parent else {}),
    }


def announce(ended: RunRecord, *, stage: str) -> None:
    """Tells the event bus that a run has ended."""
    send_event(told_of(ended, stage=stage), stage=stage)


def waits(record: RunRecord, *, stage: str) -> dict[str, Any]:
    """What the event bus is told of a run that waits for an approval."""
    by, until = record.options.requested_by, record.approval.until if record.approval else ""
    text = (
        f"Waybill {stage}: {record.kind} {record.run_id}, asked for by {by}, waits for the approval of another administrator "
        f"until {until}: `waybill runs show {record.run_id}`, then `waybill runs approve` or `waybill runs reject`."
    )
    return {"run_id": record.run_id, "kind": record.kind, "requested_by": by, "until": until, "text": text[:_LONGEST_TEXT]}


def send_event(detail: Mapping[str, Any], *, stage: str, kind: str = "Run Ended") -> None:
    """Tells the event bus that a run has ended, or of another `kind` of event. A bus that does not answer must not keep the lock held."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        compose.aws("events").put_events(
            Entries=[{"Source": f"waybill.{stage}", "DetailType": kind, "Detail": json.dumps(detail)}]
        )
    except (BotoCoreError, ClientError) as error:
        logger.warning("event not sent", extra={"run_id": detail["run_id"], "reason": str(error)})
