"""How a run starts: it is approved where that is needed, before it takes the lock, and waits for its turn behind another."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.fakes.backup import NOW, BackupWorld, backup_world
from waybill.errors import InvalidInput
from waybill.runs.approval import Approval, ApprovalState
from waybill.runs.finishing import StateError, status_of
from waybill.runs.model import Control, RunKind, RunRecord, RunStatus
from waybill.runs.starting import Gate, Outcome, StartReply, StartRequest, start_run

EXECUTE = {"mode": "execute", "requested_by": "ana", "requested_subject": "sub-of-ana"}
TIMED_OUT = StateError.model_validate({"Error": "States.Timeout"})


@dataclass
class Starting:
    """Calls of StartRun, and whom they told."""

    world: BackupWorld
    kinds: tuple[str, ...] = ("cutover",)
    told: list[RunRecord] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    now: datetime = NOW

    def __call__(self, name: str = "c1", kind: str = "cutover", given: Any = None) -> StartReply:
        arn = f"arn:{kind}:{name}"
        return start_run(
            StartRequest(kind=RunKind(kind), execution_arn=arn, execution_name=name, input=EXECUTE if given is None else given),
            store=self.world.store,
            table=self.world.store._table,
            is_running=lambda arn: arn not in self.dead,
            configuration="{}",
            gate=Gate(kinds=self.kinds, hours=72, tell=self.told.append),
            now=self.now,
        )

    def record(self, run_id: str = "cutover-c1") -> RunRecord:
        return self.world.store.get(run_id)

    def decide(self, verdict: ApprovalState, run_id: str = "cutover-c1", reason: str = "") -> None:
        approval = self.record(run_id).approval
        assert approval is not None
        decided = approval.model_copy(update={"state": verdict, "decided_by": "beth", "reason": reason})
        assert self.world.store.decide(run_id, decided)


@pytest.fixture
def start() -> Iterator[Starting]:
    with backup_world() as world:
        yield Starting(world)


def test_a_run_that_needs_an_approval_waits_for_it_without_the_lock_and_somebody_is_told(start: Starting) -> None:
    reply = start()
    assert (reply.outcome, reply.run.run_id, reply.run.fence) == (Outcome.APPROVAL, "cutover-c1", 0)
    record = start.record()
    assert (record.status, record.phase) == (RunStatus.AWAITING_APPROVAL, "waiting for approval")
    assert record.approval == Approval(
        requested_by="ana",
        requested_subject="sub-of-ana",
        requested_at="2026-01-02T12:00:00.000Z",
        until="2026-01-05T12:00:00.000Z",
    )
    assert start.told == [record]
    assert start("b1", "backup", {"mode": "incremental"}).outcome is Outcome.STARTED, "the nightly backup goes on meanwhile"


def test_a_call_that_is_repeated_gets_the_same_answer_and_tells_nobody_again(start: Starting) -> None:
    assert [start().outcome for _ in range(3)] == [Outcome.APPROVAL] * 3
    assert len(start.told) == 1


def test_approved_it_takes_the_lock_and_begins(start: Starting) -> None:
    start()
    start.decide(ApprovalState.APPROVED)
    for _ in range(2):
        reply = start()
        assert (reply.outcome, reply.run.fence) == (Outcome.STARTED, 1)
    assert start.record().status is RunStatus.RUNNING


def test_the_token_alone_lets_nothing_begin(start: Starting) -> None:
    """Whoever sends the token back, and has decided nothing, has the run wait on."""
    start()
    assert start().outcome is Outcome.APPROVAL
    assert start.record().status is RunStatus.AWAITING_APPROVAL


@pytest.mark.parametrize(
    ("kind", "given", "kinds"),
    [
        ("cutover", {"mode": "dry_run"}, ("cutover",)),
        ("cutover", {"mode": "execute", "dry_run": True}, ("cutover",)),
        ("cutover", {}, ("cutover",)),
        ("cutover", EXECUTE, ()),
        ("rollback", {"mode": "execute", "all": True}, ("cutover", "load")),
        ("backup", {"mode": "full"}, ("cutover", "rollback", "load", "undo")),
    ],
)
def test_what_writes_nothing_or_is_not_asked_for_by_the_stage_begins_at_once(
    start: Starting, kind: str, given: Any, kinds: tuple[str, ...]
) -> None:
    start.kinds = kinds
    assert start(kind=kind, given=given).outcome is Outcome.STARTED


def test_started_in_the_console_nobody_knows_who_has_asked(start: Starting) -> None:
    start(given={"mode": "execute"})
    approval = start.record().approval
    assert approval is not None
    assert (approval.requested_by, approval.requested_subject) == ("console", "")


def test_no_input_says_that_a_run_is_approved(start: Starting) -> None:
    with pytest.raises(InvalidInput):
        start(given={**EXECUTE, "approval": {"state": "approved"}})
    assert start(given={**EXECUTE, "parent": None}).outcome is Outcome.APPROVAL


def test_rejected_it_is_to_be_finished_and_was_refused(start: Starting) -> None:
    start()
    start.decide(ApprovalState.REJECTED, reason="not tonight")
    reply = start()
    assert (reply.outcome, reply.run.fence) == (Outcome.ENDED, 0)
    assert status_of(start.record(), None, start.world.store) == (RunStatus.REFUSED, "Rejected by beth: not tonight")


def test_cancelled_while_it_waits_it_is_to_be_finished(start: Starting) -> None:
    start()
    start.world.store.ask("cutover-c1", Control.CANCEL, reason="asked by an operator")
    assert start().outcome is Outcome.ENDED
    assert status_of(start.record(), None, start.world.store) == (RunStatus.CANCELLED, "asked by an operator")


def test_a_run_that_nobody_approved_in_time_was_refused(start: Starting) -> None:
    start()
    status, message = status_of(start.record(), TIMED_OUT, start.world.store)
    assert status is RunStatus.REFUSED
    assert "2026-01-05T12:00" in message


def test_a_task_that_timed_out_later_is_no_missing_approval(start: Starting) -> None:
    start()
    start.decide(ApprovalState.APPROVED)
    start()
    assert status_of(start.record(), TIMED_OUT, start.world.store)[0] is RunStatus.FAILED


def test_approved_while_another_run_is_at_work_it_waits_for_its_turn(start: Starting) -> None:
    start()
    start("b1", "backup", {"mode": "incremental"})
    start.decide(ApprovalState.APPROVED)
    assert start().outcome is Outcome.TURN
    assert (start.record().status, start.record().phase) == (RunStatus.RUNNING, "waiting for backup-b1 to end")
    start.dead.add("arn:backup:b1")
    assert start().outcome is Outcome.STARTED


@pytest.mark.parametrize("control", list(Control))
def test_a_run_that_waits_for_its_turn_can_be_paused_and_cancelled(start: Starting, control: Control) -> None:
    start()
    start("b1", "backup", {"mode": "incremental"})
    start.decide(ApprovalState.APPROVED)
    start()
    start.world.store.ask("cutover-c1", control, reason="asked by an operator")
    assert start().outcome is Outcome.ENDED


def test_nobody_waits_for_his_turn_longer_than_for_an_approval(start: Starting) -> None:
    start()
    start("b1", "backup", {"mode": "incremental"})
    start.decide(ApprovalState.APPROVED)
    start.now = NOW + timedelta(hours=72)
    assert start().outcome is Outcome.REFUSED
    assert start.record().status is RunStatus.REFUSED
    assert "backup-b1" in start.record().message


def test_a_run_that_is_refused_is_told_of(start: Starting) -> None:
    start("b1", "backup", {"mode": "full"})
    assert start("b2", "backup", {"mode": "full"}).outcome is Outcome.REFUSED
    (told,) = start.told
    assert (told.run_id, told.status) == ("backup-b2", RunStatus.REFUSED)
    assert told == start.record("backup-b2").model_copy(update={"phase": told.phase})


def test_an_approved_run_is_resumed_without_asking_again(start: Starting) -> None:
    start()
    start.decide(ApprovalState.APPROVED)
    start()
    start.dead.add("arn:cutover:c1")
    assert start("r1", given={"mode": "execute", "resume": "cutover-c1"}).outcome is Outcome.STARTED


def test_one_that_was_never_approved_is_asked_for_again_when_it_is_resumed(start: Starting) -> None:
    start()
    start.world.store.ask("cutover-c1", Control.CANCEL, reason="")
    start.dead.add("arn:cutover:c1")
    assert start("r1", given={"mode": "execute", "resume": "cutover-c1"}).outcome is Outcome.APPROVAL
    record = start.record()
    assert (record.execution_arn, record.control, len(start.told)) == ("arn:cutover:r1", None, 2)


def test_a_run_that_began_before_approvals_were_asked_for_needs_one_to_be_resumed(start: Starting) -> None:
    start.kinds = ()
    start()
    start.dead.add("arn:cutover:c1")
    start.kinds = ("cutover",)
    assert start("r1", given={"mode": "execute", "resume": "cutover-c1"}).outcome is Outcome.APPROVAL


def test_a_decision_counts_once_and_only_while_the_run_waits(start: Starting) -> None:
    start()
    waiting = start.record().approval
    assert waiting is not None
    approved = waiting.model_copy(update={"state": ApprovalState.APPROVED})
    assert start.world.store.decide("cutover-c1", approved)
    assert not start.world.store.decide("cutover-c1", waiting.model_copy(update={"state": ApprovalState.REJECTED}))
    start()
    assert not start.world.store.decide("cutover-c1", approved)
