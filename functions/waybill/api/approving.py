"""Approval of runs by a second person: who may decide, what he is shown, and how the run that waits learns of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from waybill.api.executions import Executions
from waybill.api.identity import Caller
from waybill.api.problems import Conflict
from waybill.api.roles import Forbidden
from waybill.clock import iso
from waybill.files.domain import NO_ACCOUNT
from waybill.runs.approval import TOKEN, Approval, ApprovalState
from waybill.runs.model import Context, RunRecord, RunStatus, RunView
from waybill.runs.store import RunStore
from waybill.salesforce.ids import to18

# How long a run whose token is used up is waited for: the function that begins it may be started first.
WAKE_SECONDS = 5.0
_VERBS = {ApprovalState.APPROVED: "approved", ApprovalState.REJECTED: "rejected"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """One caller's say over runs that wait."""

    store: RunStore
    executions: Executions
    caller: Caller
    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def decide(self, run_id: str, verdict: ApprovalState, *, reason: str) -> None:
        """Records the decision, then wakes the run up. Said again, it wakes it up again, should that have been lost.

        Raises NotFound, Forbidden for who has asked for the run, and Conflict where there is nothing to decide (any more).
        """
        record = self.store.get(run_id)
        approval = record.approval
        if approval is None:
            raise Conflict(f"Run {run_id} waits for nobody's approval.")
        self._refuse_same(approval)
        token = self._token(record)
        if approval.state is ApprovalState.WAITING:
            self._require_waiting(record)
            if token is None:
                raise Conflict(f"Run {run_id} has not begun to wait yet: try again in a moment.")
            if not self.store.decide(run_id, self._decided(record, approval, verdict, reason=reason)):
                # Somebody was faster, or the run has ended: what stands now says which.
                return self.decide(run_id, verdict, reason=reason)
        elif approval.state is not verdict:
            raise Conflict(f"{approval.decided_by} has {_VERBS[approval.state]} run {run_id} at {approval.decided_at}.")
        if token is not None and record.status is RunStatus.AWAITING_APPROVAL:
            self._wake(run_id, token)
        return None

    def _wake(self, run_id: str, token: str) -> None:
        """Raises Conflict where the run goes on waiting, for it has left another token meanwhile: what was decided stands."""
        waited = 0.0
        while not self.executions.wake(token) and waited < WAKE_SECONDS:
            record = self.store.get(run_id)
            if record.status is not RunStatus.AWAITING_APPROVAL:
                return
            token = self._token(record) or token
            self.sleep(0.2)
            waited += 0.2
        if waited >= WAKE_SECONDS:
            raise Conflict(f"What you have decided on run {run_id} is recorded, and the run does not know yet: say it again.")

    def _refuse_same(self, approval: Approval) -> None:
        if approval.requested_subject and approval.requested_subject == self.caller.subject:
            raise Forbidden(
                f"{self.caller.name} has asked for this run: another administrator decides. Who has asked may cancel it."
            )

    def _require_waiting(self, record: RunRecord) -> None:
        if record.status is not RunStatus.AWAITING_APPROVAL:
            raise Conflict(f"Run {record.run_id} is {record.status}: there is nothing to decide any more.")

    def _token(self, record: RunRecord) -> str | None:
        """The token that the run's latest execution waits on; None until it does."""
        item = self.store.result(record.run_id, TOKEN)
        return item["token"] if item and item["execution_arn"] == record.execution_arn else None

    def _decided(self, record: RunRecord, approval: Approval, verdict: ApprovalState, *, reason: str) -> Approval:
        shown = last_dry_run(record, self.store.all())
        return approval.model_copy(
            update={
                "state": verdict,
                "decided_by": self.caller.name,
                "decided_subject": self.caller.subject,
                "decided_at": iso(self.now()),
                "reason": reason,
                "dry_run": shown.run_id if shown else None,
            }
        )


def with_figures(view: RunView, store: RunStore) -> RunView:
    """The view of a run that is or was to be approved, with the dry run to go by: the last one, or the one that was gone by."""
    approval = view.approval
    if approval is None:
        return view
    if approval.state is ApprovalState.WAITING:
        shown = last_dry_run(store.get(view.run_id), store.all())
    else:
        shown = store.find(approval.dry_run) if approval.dry_run else None
    if shown is None:
        return view
    counts = shown.rows if shown.kind.context is Context.RECORDS else shown.counts
    figures = {"dry_run": shown.run_id, "dry_run_ended_at": shown.ended_at, "figures": counts.model_dump()}
    return view.model_copy(update={"approval": approval.model_copy(update=figures)})


def last_dry_run(record: RunRecord, records: Iterable[RunRecord]) -> RunRecord | None:
    """The newest complete dry run of the same kind over the same scope. `records`: all runs, newest first."""
    wanted = _scope(record)
    return next(
        (
            other
            for other in records
            if other.kind is record.kind and other.dry_run and other.status is RunStatus.COMPLETED and _scope(other) == wanted
        ),
        None,
    )


def _scope(record: RunRecord) -> Any:
    """What a run is about. Of loads the input itself: another upload, though of the same name, is another load."""
    options = record.options
    accounts = {account if account == NO_ACCOUNT else to18(account) for account in options.accounts}
    return accounts, options.run_id, options.all, options.load, options.org
