"""A run's end: totals that are right whatever came late, in steps that fit into a call, and only by the execution that has the run."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.backup import NOW, BackupWorld, backup_world, never, packet
from waybill.counting import by_service
from waybill.files.domain import FileState
from waybill.files.ledger import AccountSummary
from waybill.files.reporting import report_key
from waybill.files.summing import TOGETHER, Spans, sum_up
from waybill.files.tasks.finish_run import DeltaResult, FinishReply, finish_run
from waybill.runs.finishing import ExecutionDetail, StateError, run_to_finish, tell_late, told_of
from waybill.runs.model import Control, Counts, RunRecord, RunStatus
from waybill.runs.starting import context_of
from waybill.runs.task import Status

BROKE_OFF = StateError.model_validate({"Error": "ABORTED", "Cause": "by an operator"})


@dataclass
class Ending:
    """Calls of FinishRun, and what they sent."""

    world: BackupWorld
    sent: list[RunRecord] = field(default_factory=list)
    # What the clock moves on by whenever it is looked at.
    step: timedelta = timedelta()
    looks: int = 0
    given_up: list[str] = field(default_factory=list)
    send: Callable[[RunRecord], None] | None = None

    def now(self) -> Any:
        self.looks += 1
        return NOW + self.step * self.looks

    def __call__(
        self,
        record: RunRecord,
        *,
        cursor: dict[str, Any] | None = None,
        error: StateError | None = None,
        time_is_up: Callable[[], bool] = never,
        last_chance: bool = False,
        delta: DeltaResult | None = None,
    ) -> FinishReply:
        world = self.world
        return finish_run(
            record,
            error=error,
            delta=delta,
            cursor=cursor,
            store=world.store,
            ledger=world.ledger,
            work=world.work,
            lock=world.lock,
            log=world.log,
            made=lambda: {"dynamodb Query": 7},
            give_up=lambda: self.given_up.append(record.run_id),
            url_field="URL__c",
            send=self.send or self.sent.append,
            now=self.now,
            time_is_up=time_is_up,
            last_chance=last_chance,
        )

    def whole(self, record: RunRecord, **options: Any) -> FinishReply:
        """Calls until the run has ended."""
        reply = self(record, **options)
        while reply.status is Status.MORE:
            reply = self(record, cursor=reply.cursor, **options)
        return reply


@pytest.fixture
def world() -> Iterator[BackupWorld]:
    with backup_world() as world:
        yield world


@pytest.fixture
def finish(world: BackupWorld) -> Ending:
    return Ending(world)


def listed(world: BackupWorld, record: RunRecord, *accounts: str, packets: int = 1) -> None:
    """One packet of these accounts is listed, of so many that were cut."""
    world.store.record(record.run_id, "PACKETS", {"packets": packets, "entries": 0})
    world.list_packet(record, packet(*accounts))


def ended(world: BackupWorld, run_id: str) -> RunRecord:
    return world.store.get(run_id)


# -- summaries ----------------------------------------------------------------------------------------------------------


def stopped_while_copying(world: BackupWorld, finish: Ending, account: str, *, last_chance: bool) -> None:
    """A backup is stopped; the rule has its run finished; only then the copies that were in hand are written."""
    run = world.begin("backup-1", arn="arn:1")
    listed(world, run, account)
    finish(run, error=BROKE_OFF, time_is_up=lambda: last_chance, last_chance=last_chance)
    world.copied(run)


@pytest.mark.parametrize("parent", [None, {"run_id": "cutover-1", "fence": 1}], ids=["backup", "delta"])
def test_what_was_written_after_a_runs_end_is_counted_by_the_next_run(
    world: BackupWorld, finish: Ending, parent: dict[str, Any] | None
) -> None:
    account = world.account()
    switched = world.known(account, world.entry(account), FileState.SWITCHED)
    world.org.update("DocListEntry__c", switched.entry_id, {"URL__c": switched.new_url or ""})
    world.entry(account, "arrived later.txt")
    world.ledger.put_summary(AccountSummary(account, "Acme", {"switched": 1}, 1, "2026-01-01T00:00:00.000Z"), fence=1)
    stopped_while_copying(world, finish, account, last_chance=False)
    assert world.states(account) == {"switched": 1}
    nxt = world.begin("backup-2", arn="arn:2", parent=parent)
    listed(world, nxt, account)
    assert world.shards(nxt) == []
    finish.whole(nxt)
    assert world.states(account) == {"switched": 1, "verified": 1}


def test_accounts_that_a_rules_call_had_no_time_for_are_counted_by_the_next_run(world: BackupWorld, finish: Ending) -> None:
    accounts = [world.account() for _ in range(TOGETHER + 1)]
    for account in accounts:
        world.entry(account)
        world.ledger.put_summary(AccountSummary(account, "Acme", {}), fence=1)
    run = world.begin()
    listed(world, run, *accounts)
    world.copied(run)
    reply = finish(run, error=BROKE_OFF, time_is_up=lambda: True, last_chance=True)
    assert reply.result is not None
    assert world.states(accounts[-1]) == {}
    nxt = world.begin("backup-2", arn="arn:2")
    listed(world, nxt, *accounts)
    finish.whole(nxt)
    assert [world.states(account) for account in accounts] == [{"verified": 1}] * len(accounts)


def test_a_summary_that_stands_is_not_counted_anew(world: BackupWorld, finish: Ending) -> None:
    account = world.account()
    world.entry(account)
    for n in (1, 2):
        run = world.begin(f"backup-{n}", arn=f"arn:{n}")
        listed(world, run, account)
        world.copied(run)
        if n == 2:
            # Of no consequence: the listing found what the summary says.
            world.known(account, "a0X000000000009AAA")
        finish.whole(run)
    assert world.states(account) == {"verified": 1}


def test_time_that_runs_out_among_the_accounts_is_handed_back_and_none_is_counted_twice(
    world: BackupWorld, finish: Ending
) -> None:
    accounts = [world.account() for _ in range(TOGETHER * 2 + 1)]
    for account in accounts:
        world.entry(account)
    run = world.begin()
    listed(world, run, *accounts)
    world.copied(run)
    cursor, calls = None, 0
    while (reply := finish(run, cursor=cursor, time_is_up=lambda: True)).status is Status.MORE:
        cursor, calls = reply.cursor, calls + 1
        assert cursor is not None
        known = [account for account in accounts if world.ledger.summary(account)]
        assert known == accounts[: TOGETHER * calls]
    assert calls == 3
    assert all(world.states(account) == {"verified": 1} for account in accounts)


def test_a_large_account_is_counted_in_pieces_that_fit(world: BackupWorld) -> None:
    small, large = world.account(), world.account()
    world.entry(small)
    for n in range(5):
        world.entry(large, f"{n}.txt")
    run = world.begin()
    listed(world, run, small, large)
    world.copied(run)
    cursors: list[Any] = [None]
    while True:
        rest = sum_up(
            run,
            cursor=cursors[-1],
            store=world.store,
            ledger=world.ledger,
            work=world.work,
            time_is_up=lambda: True,
            files_per_look=2,
        )
        if rest is None:
            break
        cursors.append(rest)
    assert [cursor["account"] for cursor in cursors[1:3]] == [small, small]
    assert [sum(cursor["counted"]["states"].values()) for cursor in cursors[1:3]] == [2, 4]
    assert world.states(large) == {"verified": 5}


def test_an_account_listed_in_several_parts_is_counted_once_all_are(world: BackupWorld, finish: Ending) -> None:
    account = world.account()
    for n in range(4):
        world.entry(account, f"{n}.txt")
    run, scope = world.begin(), packet(account, large=True)
    first = world.list_packet(run, scope, batch=2, time_is_up=lambda: True)
    world.list_packet(run, scope, batch=5, cursor=first.cursor)
    world.copied(run)
    finish.whole(run)
    summary = world.ledger.summary(account)
    assert summary is not None
    assert (summary.states, summary.watermark, summary.name) == ({"verified": 4}, "2026-01-02T12:00:00.000Z", "Acme")


def test_a_large_account_that_was_not_listed_to_its_end_keeps_its_watermark(world: BackupWorld, finish: Ending) -> None:
    account = world.account()
    for n in range(4):
        world.entry(account, f"{n}.txt")
    run = world.begin()
    world.list_packet(run, packet(account, large=True), batch=2, time_is_up=lambda: True)
    world.copied(run)
    finish.whole(run, error=BROKE_OFF)
    summary = world.ledger.summary(account)
    assert summary is not None
    assert (summary.states, summary.watermark) == ({"verified": 2}, None)


def test_accounts_of_a_shard_without_a_result_keep_their_watermark(world: BackupWorld, finish: Ending) -> None:
    accounts = [world.account() for _ in range(3)]
    for account in accounts:
        world.entry(account)
        world.entry(account)
    run = world.begin()
    listed(world, run, *accounts)
    lost = world.shards(run)[1]
    world.store.record(run.run_id, f"SHARD#{lost['shard']}", {})
    world.copied(run)
    world.store._table.delete(f"RUN#{run.run_id}", f"SHARD#{lost['shard']}")
    finish.whole(run)
    watermarks = [summary.watermark for account in accounts if (summary := world.ledger.summary(account))]
    assert watermarks == ["2026-01-02T12:00:00.000Z", None, "2026-01-02T12:00:00.000Z"]


def test_spans_hold_what_lies_in_any_of_them() -> None:
    spans = Spans([("f", "h"), ("b", "c"), ("c", "d"), ("k", "k")])
    assert [letter for letter in "abcdefghijkl" if letter in spans] == list("bcdfghk")
    assert "a" not in Spans([])


def test_accounts_that_took_long_leave_the_report_to_a_call_of_its_own(world: BackupWorld, finish: Ending) -> None:
    account = world.account()
    world.entry(account)
    run = world.begin()
    listed(world, run, account)
    world.copied(run)
    finish.step = timedelta(minutes=3)
    reply = finish(run)
    assert (reply.status, reply.cursor) == (Status.MORE, {"phase": "report"})
    assert world.work.get(report_key(run.run_id, "json")) is None
    assert ended(world, run.run_id).status is RunStatus.RUNNING
    reply = finish(run, cursor=reply.cursor)
    assert reply.result is not None
    assert reply.result.status is RunStatus.COMPLETED
    assert world.work.get(report_key(run.run_id, "json")) is not None


# -- whose end it is ----------------------------------------------------------------------------------------------------


def detail(name: str, arn: str) -> ExecutionDetail:
    return ExecutionDetail.model_validate({"executionArn": arn, "name": name, "status": "ABORTED", "input": "{}"})


def test_a_stopped_execution_is_told_by_its_arn_where_two_machines_have_its_name(world: BackupWorld) -> None:
    world.begin("backup-weekend", arn="arn:backup:weekend")
    world.lock.release(1)
    cutover = world.begin("cutover-weekend", arn="arn:cutover:weekend")
    found = run_to_finish(None, None, detail("weekend", "arn:cutover:weekend"), world.store)
    assert found is not None
    assert found[0] == cutover
    assert run_to_finish(None, None, detail("weekend", "arn:rollback:weekend"), world.store) is None


def test_a_late_call_of_an_execution_that_was_taken_over_finishes_nothing(world: BackupWorld) -> None:
    run = world.begin()
    told = context_of(run)
    assert run_to_finish(told, None, None, world.store) is not None
    world.store.resume(run.run_id, execution_arn="arn:2", fence=run.fence + 1)
    assert run_to_finish(told, None, None, world.store) is None


@pytest.mark.parametrize("moment", ["before", "while the accounts are counted"])
def test_a_run_that_another_execution_has_resumed_is_neither_ended_nor_told_of(
    world: BackupWorld, finish: Ending, moment: str
) -> None:
    account = world.account()
    world.entry(account)
    run = world.begin()
    listed(world, run, account)

    def resumed() -> bool:
        world.store.resume(run.run_id, execution_arn="arn:2", fence=run.fence + 1)
        world.store.enter(run.run_id, "copying")
        return False

    if moment == "before":
        resumed()
    reply = finish(run, error=BROKE_OFF, time_is_up=never if moment == "before" else resumed)
    assert (reply.status, reply.result, finish.sent) == (Status.DONE, None, [])
    record = ended(world, run.run_id)
    assert (record.status, record.phase, record.execution_arn) == (RunStatus.RUNNING, "copying", "arn:2")
    assert world.work.get(report_key(run.run_id, "json")) is None


def test_an_end_that_is_ours_is_told_of_and_lets_the_lock_go(world: BackupWorld, finish: Ending) -> None:
    run = world.begin()
    finish.whole(run)
    assert [one.run_id for one in finish.sent] == ["backup-1"]
    assert finish.sent == [ended(world, run.run_id)]
    assert world.begin("backup-2", arn="arn:2").fence == run.fence + 1


def test_an_end_that_nobody_was_told_of_is_told_of_by_the_rule_which_lets_the_lock_go(world: BackupWorld, finish: Ending) -> None:
    """The process dies between the run's end and the event: its lock is held still."""

    def die(_: RunRecord) -> None:
        raise ConnectionError("the process is gone")

    run = world.begin("backup-night", arn="arn:backup:night")
    finish.send = die
    with pytest.raises(ConnectionError):
        finish.whole(run)
    assert ended(world, run.run_id).status is RunStatus.COMPLETED
    told: list[RunRecord] = []
    for _ in range(2):  # the rule's second delivery finds the lock free, and tells nobody again
        tell_late(detail("night", "arn:backup:night"), store=world.store, lock_of=lambda _: world.lock, tell=told.append)
    assert told == [ended(world, run.run_id)]
    assert not world.lock.is_held(run.fence)


def test_nobody_is_told_late_of_a_run_that_goes_on_or_of_a_cutovers_backup(world: BackupWorld) -> None:
    world.begin("backup-on", arn="arn:backup:on")
    delta = world.begin("backup-c-delta", arn="arn:backup:c-delta", parent={"run_id": "cutover-c", "fence": 1})
    world.store.finish(
        delta.run_id,
        execution_arn=delta.execution_arn,
        status=RunStatus.COMPLETED,
        ended_at="",
        message="",
        counts=Counts(),
        errors=[],
    )
    told: list[RunRecord] = []
    for name in ("on", "c-delta", "never"):
        tell_late(detail(name, f"arn:backup:{name}"), store=world.store, lock_of=lambda _: world.lock, tell=told.append)
    assert told == []


def test_what_the_bus_is_told_can_be_read_by_people(world: BackupWorld) -> None:
    run = world.begin("backup-1", arn="arn:1", requested_by="ana", dry_run=True)
    done = run.model_copy(update={"status": RunStatus.FAILED, "message": "No luck.", "counts": Counts(total=1200, failed=2)})
    told = told_of(done, stage="prod")
    assert told["text"] == "Waybill prod: backup (dry run) backup-1 is failed: total 1,200, failed 2. No luck. Asked for by ana."
    assert (told["run_id"], told["status"], told["files"]["total"], told["kind"]) == ("backup-1", "failed", 1200, "backup")
    assert "parent" not in told
    delta = world.begin("backup-2", arn="arn:2", parent={"run_id": "cutover-c", "fence": 1})
    assert told_of(delta, stage="prod")["parent"] == "cutover-c"


# -- steps that left nothing ------------------------------------------------------------------------------------------------


def classes(world: BackupWorld, run_id: str) -> list[tuple[str, str]]:
    """Class and step of a run's errors."""
    return [(row.error_class, row.message.split(":")[0]) for row in ended(world, run_id).errors]


def test_packets_and_shards_without_a_result_are_failures(world: BackupWorld, finish: Ending) -> None:
    account = world.account()
    world.entry(account)
    run = world.begin()
    listed(world, run, account, packets=2)
    reply = finish.whole(run)
    assert reply.result is not None
    assert (reply.result.status, reply.result.files.failed) == (RunStatus.COMPLETED, 2)
    assert "2 steps ended without a result" in reply.result.message
    assert classes(world, run.run_id) == [
        ("UNACCOUNTED", "Accounts of packet 1"),
        ("UNACCOUNTED", "Files of shard 00000-000-0000"),
    ]


def test_a_packet_that_was_listed_in_part_is_a_failure(world: BackupWorld, finish: Ending) -> None:
    accounts = [world.account(), world.account()]
    for account in accounts:
        world.entry(account)
    run = world.begin()
    world.store.record(run.run_id, "PACKETS", {"packets": 1, "entries": 2})
    world.list_packet(run, packet(*accounts), time_is_up=lambda: True)
    world.copied(run)
    finish.whole(run)
    assert classes(world, run.run_id) == [("UNACCOUNTED", "Accounts of packet 0")]


def test_units_without_a_result_are_failures(world: BackupWorld, finish: Ending) -> None:
    run = world.begin("cutover-1")
    fence = f"{run.fence:08d}"
    world.store.record(run.run_id, f"UNITS#{fence}", {"units": 3, "rows": 3, "canary": None})
    turn = {"fence": run.fence, "outcomes": {}, "classes": {}, "window_ms": 0}
    world.store.record(run.run_id, f"UNIT#{fence}-00000-000", turn | {"after": None})
    world.store.record(run.run_id, f"UNIT#{fence}-00001-000", turn | {"after": ["a", "b"]})
    world.store.record(run.run_id, f"FAULT#UNIT#{fence}-00002", {"error": "SalesforceDenied", "cause": "no"})
    reply = finish.whole(run)
    assert reply.result is not None
    assert reply.result.files.failed == 2
    assert classes(world, run.run_id) == [
        ("UNACCOUNTED", f"Rows of unit {fence}-00001"),
        ("SalesforceDenied", f"Rows of unit {fence}-00002"),
    ]


def test_steps_of_a_run_that_was_stopped_are_not_missed(world: BackupWorld, finish: Ending) -> None:
    account = world.account()
    world.entry(account)
    run = world.begin()
    listed(world, run, account, packets=2)
    world.store.ask(run.run_id, Control.PAUSE, reason="by the operator")
    reply = finish.whole(run)
    assert reply.result is not None
    assert (reply.result.status, reply.result.files) == (RunStatus.PAUSED, Counts(total=1))


def test_a_dry_run_copies_nothing_and_misses_no_shard(world: BackupWorld, finish: Ending) -> None:
    account = world.account()
    world.entry(account)
    run = world.begin(dry_run=True)
    listed(world, run, account)
    reply = finish.whole(run)
    assert reply.result is not None
    assert (reply.result.files.failed, reply.result.files.to_copy, reply.result.message) == (0, 1, "")


def test_the_report_tells_the_requests_of_every_call_by_service(world: BackupWorld, finish: Ending) -> None:
    run = world.begin("backup-1")
    listed(world, run, world.account())
    world.log.keep(run.run_id, "copy_files", {"s3 CopyObject": 5, "s3 HeadObject": 1})
    world.log.keep(run.run_id, "copy_files", {"s3 CopyObject": 2})  # a second attempt
    finish.whole(run)
    report = json.loads(world.work.get(report_key(run.run_id, "json")) or b"{}")
    assert report["requests"]["s3"] == {"CopyObject": 7, "HeadObject": 1, "PutObject": 1}
    assert report["requests"]["dynamodb"]["Query"] == 7  # of this call itself
    assert by_service(world.log.of(run.run_id)) == report["requests"]


def test_the_requests_of_a_delta_are_its_cutovers_too(world: BackupWorld, finish: Ending) -> None:
    run = world.begin("cutover-1", mode="execute")
    world.log.close("backup-1-delta", {"salesforce query": 4})
    world.log.keep(run.run_id, "update_urls", {"salesforce composite": 3})
    delta = DeltaResult(run_id="backup-1-delta", status=RunStatus.CANCELLED, files=Counts())
    world.store.claim(run.model_copy(update={"run_id": "backup-1-delta"}))
    finish(run, delta=delta)
    requests = by_service(world.log.of(run.run_id))
    assert requests["salesforce"] == {"query": 4, "composite": 3}


@pytest.mark.parametrize(("control", "given_up"), [(None, 1), (Control.CANCEL, 1), (Control.PAUSE, 0)])
def test_uploads_left_behind_are_given_up_unless_the_run_is_to_go_on(
    world: BackupWorld, finish: Ending, control: Control | None, given_up: int
) -> None:
    run = world.begin("backup-1")
    listed(world, run, world.account())
    if control:
        world.store.ask(run.run_id, control, reason="an operator")
    finish.whole(run)
    assert len(finish.given_up) == given_up
