"""Starts, shows and steers runs: what the API does with the run store and the state machines."""

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from waybill.api.executions import Execution, Executions, NameTaken
from waybill.api.identity import Caller
from waybill.api.problems import Conflict
from waybill.api.requesting import Started, input_of, refuse_nonsense
from waybill.clock import iso
from waybill.errors import NotFound
from waybill.orgs.connections import OWN
from waybill.runs.approval import TOKEN
from waybill.runs.causes import in_words
from waybill.runs.model import Control, RunKind, RunRecord, RunStatus, RunView
from waybill.runs.store import RunStore

# A key of this form is the execution's name itself, so that whoever sends it knows the run's id; any other is hashed.
_READABLE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{7,63}")
# An execution that ended this long ago without its run's end being recorded will not record it any more.
GRACE = timedelta(seconds=90)
RESUME_SECONDS = 4.0  # that a resumed run is waited for before the reply goes out


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Everything is handed in. `machines`: kind of run -> ARN of its state machine. `progress`: a running run with its counts so far."""

    store: RunStore
    executions: Executions
    machines: Mapping[str, str]
    progress: Callable[[RunRecord], RunView]
    unknown_accounts: Callable[[tuple[str, ...]], list[str]]
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    canary: int = 20

    def start(self, request: Started, *, key: str | None, caller: Caller) -> RunView:
        """Starts a run. The same key starts it once: asked again, the run that there is is given.

        Raises InvalidInput, NotFound, and Conflict where the key has started something else.
        """
        refuse_nonsense(request, store=self.store, unknown_accounts=self.unknown_accounts)
        kind = RunKind(request.kind)
        name = execution_name(key, now=self.now())
        given = input_of(request, canary=self.canary, caller=caller)
        machine = self._machine(kind)
        try:
            self.executions.start(machine, name, given)
        except NameTaken:
            self._same_request(Executions.arn(machine, name), given)
        return self.view(f"{kind}-{name}")

    def view(self, run_id: str) -> RunView:
        """The run as it is now. Raises NotFound."""
        record = self.store.find(run_id)
        if record is None:
            return self._starting(run_id)
        if not record.status.active:
            return RunView.of(record)
        execution = self.executions.find(record.execution_arn)
        if execution is not None and not execution.running:
            record = self.store.get(run_id)  # it may have ended between the two looks
            if record.status.active and self._overdue(execution):
                return _ended_without_record(self.progress(record), execution)
        return self.progress(record) if record.status is RunStatus.RUNNING else RunView.of(record)

    def pause(self, run_id: str) -> RunView:
        """Asks the run to stand still. Raises NotFound, and Conflict where it does not run."""
        self._ask(run_id, Control.PAUSE)
        return self.view(run_id)

    def cancel(self, run_id: str) -> RunView:
        """Asks the run to end; asked a second time, or before it has begun, its execution is stopped at once.

        One that waits for an approval is woken up, and ends by itself.
        """
        record = self.store.find(run_id)
        if record is None:
            execution = self._execution_of(run_id)
            if execution is not None and execution.running:
                self.executions.stop(execution.arn, "cancelled by an operator before it began")
        elif record.status is RunStatus.PAUSED:
            self.store.finish(
                run_id,
                execution_arn=record.execution_arn,
                status=RunStatus.CANCELLED,
                ended_at=iso(self.now()),
                message="Cancelled while it was paused.",
                counts=record.counts,
                errors=list(record.errors),
            )
        elif record.status.active and record.control is Control.CANCEL:
            self.executions.stop(record.execution_arn, "cancelled by an operator")
        else:
            self._ask(run_id, Control.CANCEL)
            self._wake(record)
        return self.view(run_id)

    def _wake(self, record: RunRecord) -> None:
        if record.status is not RunStatus.AWAITING_APPROVAL:
            return
        item = self.store.result(record.run_id, TOKEN)
        if item is None or item["execution_arn"] != record.execution_arn or not self.executions.wake(item["token"]):
            self.executions.stop(record.execution_arn, "cancelled by an operator while it waited for an approval")

    def resume(self, run_id: str, *, requested_by: str) -> RunView:
        """Starts another execution of a run that stopped. Asked twice, it is started once; where the last one was refused, anew.

        Raises NotFound and Conflict.
        """
        record = self.store.find(run_id)
        if record is None:
            ended = self._starting(run_id)  # raises NotFound where there is no such run at all
            raise Conflict(f"Run {run_id} is {ended.status} and has not begun: there is nothing to resume. Start a new one.")
        if record.status in {RunStatus.COMPLETED, RunStatus.REFUSED}:
            raise Conflict(f"Run {run_id} is {record.status}: there is nothing left to resume. Start a new one.")
        if record.status.active:
            execution = self.executions.find(record.execution_arn)
            if execution is not None and (execution.running or not self._overdue(execution)):
                raise Conflict(f"Run {run_id} is {_words(record.status)}: there is nothing to resume.")
        if record.options.parent is not None:
            raise Conflict(f"Run {run_id} belongs to {record.options.parent.run_id}: resume that one.")
        given = {"mode": record.options.mode, "resume": run_id, "requested_by": requested_by}
        arn = self._start_anew(record, given)
        return self._once_taken_over(record, arn)

    def execution_arn(self, run_id: str) -> str:
        """The ARN of the run's latest execution. Raises NotFound."""
        record = self.store.find(run_id)
        if record is not None:
            return record.execution_arn
        execution = self._execution_of(run_id)
        if execution is None:
            raise NotFound(f"There is no run {run_id}. `waybill runs list` shows the runs.")
        return execution.arn

    def _machine(self, kind: RunKind) -> str:
        if kind not in self.machines:
            raise NotFound(f"This stage has no state machine for a {kind}.")
        return self.machines[kind]

    def _same_request(self, arn: str, given: Mapping[str, Any]) -> None:
        before = self.executions.find(arn)
        if before is None or _but_who(before.input) != _but_who(given):
            raise Conflict("This Idempotency-Key has started another run already: use a new one.")

    def _ask(self, run_id: str, control: Control) -> None:
        record = self.store.find(run_id)
        if record is None:
            self._starting(run_id)  # raises NotFound where there is no such run at all
            raise Conflict(f"Run {run_id} has not begun yet: try again in a moment.")
        waits = record.status is RunStatus.AWAITING_APPROVAL
        if not record.status.active or (waits and control is Control.PAUSE):
            raise Conflict(f"Run {run_id} is {_words(record.status)}: there is nothing to {control}.")
        self.store.ask(run_id, control, reason="asked by an operator")

    def _overdue(self, execution: Execution) -> bool:
        return execution.stopped is not None and self.now() - execution.stopped.astimezone(UTC) > GRACE

    def _execution_of(self, run_id: str) -> Execution | None:
        kind, _, name = run_id.partition("-")
        return self.executions.find(Executions.arn(self.machines[kind], name)) if name and kind in self.machines else None

    def _starting(self, run_id: str) -> RunView:
        """A run whose execution has been started and has not written its record yet."""
        execution = self._execution_of(run_id)
        if execution is None or execution.input.get("resume"):
            raise NotFound(f"There is no run {run_id}. `waybill runs list` shows the runs.")
        kind = RunKind(run_id.partition("-")[0])
        if execution.running:
            status, message = RunStatus.RUNNING, ""
        elif self.store.find(run_id) is not None:  # it was written between the two looks
            return self.view(run_id)
        else:
            status = RunStatus.CANCELLED if execution.status == "ABORTED" else RunStatus.FAILED
            message = _why(execution) or "The execution ended before the run was recorded."
        return RunView(
            run_id=run_id,
            kind=kind,
            mode=str(execution.input.get("mode", "")),
            status=status,
            phase="starting",
            message=message,
            dry_run=bool(execution.input.get("dry_run")) or execution.input.get("mode") == "dry_run",
            started_at=iso(execution.started),
            ended_at=iso(execution.stopped) if execution.stopped else None,
            requested_by=str(execution.input.get("requested_by", "")),
            accounts=tuple(execution.input.get("accounts", ())),
            execution_arn=execution.arn,
            org=str(execution.input.get("org") or OWN),
            errors=(),
        )

    def _start_anew(self, record: RunRecord, given: Mapping[str, Any]) -> str:
        """The ARN of the execution that is to take the run over: one that is at it already, or a new one.

        Its name follows from the execution that stopped, so that a second request starts no second one. A name is given once in
        90 days, also to an execution that ended without having the run (the lock was held, say): then the next number has its turn.
        """
        machine = self._machine(record.kind)
        attempt = 0
        while True:
            name = resume_name(record.execution_arn, attempt)
            try:
                return self.executions.start(machine, name, given)
            except NameTaken:
                arn = Executions.arn(machine, name)
                execution = self.executions.find(arn)
            if execution is None or execution.running or self._has_moved_on(record):
                return arn
            attempt += 1

    def _has_moved_on(self, before: RunRecord) -> bool:
        return self.store.get(before.run_id).execution_arn != before.execution_arn

    def _once_taken_over(self, before: RunRecord, arn: str) -> RunView:
        """The run once the new execution has it, so that who looks next does not see how the old one ended."""
        waited = 0.0
        while waited < RESUME_SECONDS:
            execution = self.executions.find(arn)
            if self._has_moved_on(before):  # looked at last: an execution may take the run over and end between two looks
                return self.view(before.run_id)
            if execution is not None and not execution.running:
                raise Conflict(f"Run {before.run_id} could not be resumed: {_why(execution) or 'another run is at work.'}")
            self.sleep(0.2)
            waited += 0.2
        fresh = before.model_copy(
            update={"status": RunStatus.RUNNING, "phase": "starting", "ended_at": None, "execution_arn": arn}
        )
        return RunView.of(fresh)


def _but_who(given: Mapping[str, Any]) -> dict[str, Any]:
    """An execution's input without who has asked for it."""
    return {name: value for name, value in given.items() if name not in {"requested_by", "requested_subject"}}


def _words(status: RunStatus) -> str:
    return status.replace("_", " ")


def execution_name(key: str | None, *, now: datetime) -> str:
    """An execution's name: the same for the same key; without one the time, to be read by people, and what makes it the only one."""
    if key is None:
        tail = hashlib.sha256(f"{now.isoformat()}{time.monotonic_ns()}".encode()).hexdigest()[:8]
        return f"{now:%Y%m%d-%H%M%S}-{tail}"
    return key if _READABLE_KEY.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()[:32]


def resume_name(stopped_arn: str, attempt: int) -> str:
    """The name of the execution that goes on where another stopped: the same for the same one and attempt."""
    told = f"{stopped_arn}#{attempt}" if attempt else stopped_arn
    return f"resume-{hashlib.sha256(told.encode()).hexdigest()[:24]}"


def _why(execution: Execution) -> str:
    return ": ".join(part for part in (execution.error, in_words(execution.cause)) if part)[:1_000]


def _ended_without_record(view: RunView, execution: Execution) -> RunView:
    status = RunStatus.CANCELLED if execution.status == "ABORTED" else RunStatus.FAILED
    message = f"The execution ended ({execution.status}) without recording the run's end. {_why(execution)}".strip()
    ended = iso(execution.stopped) if execution.stopped else None
    return view.model_copy(update={"status": status, "message": message, "ended_at": ended, "phase": "ended"})
