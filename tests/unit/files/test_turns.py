"""Turns of switching: planned durably, read again directly before each write, safe to do again at any moment.

The org is the simulator, the ledger and the work bucket are moto; sources are told by the test.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from local.aws.endpoint import Endpoint
from local.salesforce import SalesforceSimulator
from tests.contract.conftest import create_table
from waybill import compose
from waybill.errors import CanaryFailed, LockLost
from waybill.files.domain import FileState, VerifiedBy
from waybill.files.entries import EntryReader
from waybill.files.gateway import GatewayLinks, LinkKeys
from waybill.files.ledger import AccountSummary, FileItem, Ledger
from waybill.files.reporting import old_values
from waybill.files.switching import Direction, Outcome, Restore, Row, Switch
from waybill.files.tallying import recount
from waybill.files.tasks.plan_units import plan_units
from waybill.files.totals import switch_totals
from waybill.files.turning import write_urls
from waybill.files.turns import CANARY_TURNS, Turns, UnitScope
from waybill.files.urls import LinkBuilder
from waybill.runs.model import Counts, Options, RunContext, RunKind, RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.connect import connect
from waybill.salesforce.patience import Patience
from waybill.salesforce.token_cache import MemoryTokenCache
from waybill.settings import AuthFlow, SalesforceSettings

LINKS = LinkBuilder("https://files.example.com", "ours")
KEYS = {1: b"1" * 32, 2: b"2" * 32}
FIRST, SECOND = (GatewayLinks("https://links.example.com", "ours", LinkKeys(n, KEYS)) for n in KEYS)


class World:
    """An org with verified entries, and a cutover that takes turns at them."""

    def __init__(self, simulator: SalesforceSimulator) -> None:
        self.simulator = simulator
        self.settings = SalesforceSettings(login_url=simulator.url, auth=AuthFlow.CLIENT_CREDENTIALS)
        secret = {"client_id": simulator.client_id, "client_secret": simulator.client_secret}
        once = Patience(sleep=lambda _: None, random=lambda: 0.0, tries=1, tries_after_timeout=1, lock_tries=1)
        self.client: SalesforceClient = connect(self.settings, secret, cache=MemoryTokenCache(), patience=once)
        table = create_table(compose.aws("dynamodb"), "turns")
        self.store, self.ledger = RunStore(table), Ledger(table)
        compose.aws("s3").create_bucket(Bucket="work-bucket")
        self.work = WorkBucket(client=compose.aws("s3"), bucket="work-bucket")
        self.run = RunContext(
            run_id="cutover-1", kind=RunKind.CUTOVER, mode="execute", fence=3, started_at="2026-01-01T00:00:00.000Z"
        )
        self.record = RunRecord(
            run_id="cutover-1",
            kind=RunKind.CUTOVER,
            options=Options(mode="execute"),
            status=RunStatus.RUNNING,
            execution_arn="arn:1",
            fence=3,
            started_at=self.run.started_at,
        )
        self.store.claim(self.record)
        self.account = simulator.org.insert("Account", {"Name": "Acme"})
        self.held: dict[str, tuple[str, str]] = {}
        self.before_write: list[Callable[[], None]] = []
        self.locked_out = False
        self.pauses = 0

    def entries(self, count: int) -> list[str]:
        """Entries that are verified in the ledger."""
        ids = []
        for n in range(count):
            url = f"https://theirs.s3.amazonaws.com/{n}.txt"
            entry = self.simulator.org.insert("DocListEntry__c", {"Name": f"{n}.txt", "URL__c": url, "Account__c": self.account})
            key = f"uploads/{self.account}/Acme/{n}.txt"
            file = FileItem(
                self.account, entry, FileState.VERIFIED, f"{n}.txt", url, key=key, size=1, etag="e", proof=VerifiedBy.ETAG
            )
            self.ledger.write(replace(file, run="backup-1", fence=1))
            ids.append(entry)
        self.ledger.put_summary(replace(recount(self.ledger, self.account), name="Acme"), fence=1)
        return ids

    def turns(self, *, direction: Direction | None = None, size: int = 2_000) -> Turns:
        reader = EntryReader(client=self.client, settings=self.settings)
        return Turns(
            run=self.run,
            direction=direction or Switch(LINKS, self.run.run_id),
            reader=reader,
            ledger=self.ledger,
            store=self.store,
            work=self.work,
            examine=self._examine,
            write=self._write,
            ensure_lock=self._ensure_lock,
            now=lambda: datetime.now(UTC),
            pause=self._pause,
            size=size,
            chunk=1_000,
            in_flight=4,
        )

    def _examine(self, rows: Sequence[Row]) -> list[Row]:
        return [replace(row, held=self.held.get(row.file.entry_id)) for row in rows]

    def _write(self, rows: Sequence[Row], found: Any) -> Any:
        for hook in self.before_write:
            hook()
        return write_urls(self.client, self.settings, rows, found, careful=self.run.careful)

    def _ensure_lock(self) -> None:
        if self.locked_out:
            raise LockLost("taken over")

    def _pause(self, _attempt: int) -> None:
        self.pauses += 1
        for hook in self.before_write:
            hook()

    def unit(self, name: str = "00000003-00000") -> UnitScope:
        return UnitScope(unit=name, accounts=(self.account,))

    def url(self, entry: str) -> str:
        record = self.simulator.org.get("DocListEntry__c", entry)
        assert record is not None
        return str(record["URL__c"])

    def edit(self, entry: str, url: str) -> None:
        self.simulator.org.update("DocListEntry__c", entry, {"URL__c": url})

    def state(self, entry: str) -> FileState:
        item = self.ledger.get(self.account, entry)
        assert item is not None
        return item.state

    def resumed(self) -> None:
        """Another execution takes the run over."""
        self.run = self.run.model_copy(update={"fence": self.run.fence + 1})
        self.store.resume("cutover-1", execution_arn="arn:2", fence=self.run.fence)

    def plan(self, links: LinkBuilder = LINKS) -> list[UnitScope]:
        plan_units(
            self.run,
            options=self.record.options,
            cursor={},
            store=self.store,
            ledger=self.ledger,
            work=self.work,
            links=links,
            size=2_000,
            time_is_up=lambda: False,
        )
        return [
            UnitScope(unit=row["unit"], accounts=tuple(row["accounts"])) for row in self.work.rows("runs/cutover-1/units.jsonl")
        ]

    def counts(self) -> Counts:
        return switch_totals(self.store, self.store.get("cutover-1"), None).counts


@pytest.fixture
def world() -> Iterator[World]:
    endpoint = Endpoint()
    endpoint.start()
    compose.forget()
    try:
        with SalesforceSimulator() as simulator:
            yield World(simulator)
    finally:
        endpoint.stop()
        compose.forget()


def test_verified_rows_are_switched_and_the_ledger_keeps_the_old_url(world: World) -> None:
    first, second = world.entries(2)
    result = world.turns().take(world.unit(), sequence=0, after=None)
    assert result["outcomes"] == {Outcome.DONE: 2}
    assert world.url(first) == LINKS.link_for(f"uploads/{world.account}/Acme/0.txt")
    item = world.ledger.get(world.account, second)
    assert item is not None
    assert (item.state, item.url) == (FileState.SWITCHED, "https://theirs.s3.amazonaws.com/1.txt")


def test_a_turn_that_is_done_again_changes_nothing_and_counts_the_same(world: World) -> None:
    world.entries(2)
    result = world.turns().take(world.unit(), sequence=0, after=None)
    calls = world.simulator.calls.write_count
    assert world.turns().take(world.unit(), sequence=0, after=None) == result
    assert world.simulator.calls.write_count == calls


def test_a_large_account_is_taken_in_turns(world: World) -> None:
    world.entries(5)
    turns = world.turns(size=2)
    after, seen = None, 0
    for sequence in range(4):
        result = turns.take(world.unit(), sequence=sequence, after=after)
        seen += result["outcomes"].get(Outcome.DONE, 0)
        if result["after"] is None:
            break
        after = (result["after"][0], result["after"][1])
    assert seen == 5


def test_a_row_that_a_user_edits_while_it_is_locked_keeps_the_users_value(world: World) -> None:
    (entry,) = world.entries(1)
    world.simulator.faults.lock_rows(1, ids=[entry])
    edits = iter([None, lambda: world.edit(entry, "https://example.com/by-hand.pdf")])

    def user_saves() -> None:
        edit = next(edits, None)
        if edit:
            edit()

    world.before_write.append(user_saves)
    result = world.turns().take(world.unit(), sequence=0, after=None)
    assert result["outcomes"] == {Outcome.CONFLICT: 1}
    assert world.url(entry) == "https://example.com/by-hand.pdf"
    assert world.state(entry) is FileState.CONFLICT


def test_locked_rows_are_tried_again_after_a_pause(world: World) -> None:
    entries = world.entries(3)
    world.simulator.faults.lock_rows(2, ids=entries[:1])
    result = world.turns().take(world.unit(), sequence=0, after=None)
    assert result["outcomes"] == {Outcome.DONE: 3}
    assert world.pauses == 2


def test_a_row_that_stays_locked_is_a_failure_and_keeps_its_old_link(world: World) -> None:
    first, second = world.entries(2)
    world.simulator.faults.lock_rows(None, ids=[first])
    result = world.turns().take(world.unit(), sequence=0, after=None)
    assert result["outcomes"] == {Outcome.FAILED: 1, Outcome.DONE: 1}
    assert result["classes"] == {"UNABLE_TO_LOCK_ROW": 1}
    assert world.state(first) is FileState.VERIFIED
    assert world.state(second) is FileState.SWITCHED


def test_a_lost_reply_is_looked_into_before_anything_is_written_again(world: World) -> None:
    (entry,) = world.entries(1)
    world.simulator.faults.drop_after_commit(1)
    result = world.turns().take(world.unit(), sequence=0, after=None)
    assert result["outcomes"] == {Outcome.ALREADY: 1}
    assert world.state(entry) is FileState.SWITCHED


def test_a_dry_run_foretells_also_the_rows_that_show_the_new_link_already(world: World) -> None:
    shown, other = world.entries(2)
    item = world.ledger.get(world.account, shown)
    assert item is not None
    world.edit(shown, Switch(LINKS, "cutover-1").row(item).new)
    real, world.run = world.run, world.run.model_copy(update={"dry_run": True})
    world.turns().take(world.unit("dry-00000"), sequence=0, after=None)
    dry = world.record.model_copy(update={"options": Options(mode="dry_run")})
    assert switch_totals(world.store, dry, None).counts.to_switch == 2
    assert world.state(other) is FileState.VERIFIED

    world.run = real
    result = world.turns().take(world.unit(), sequence=0, after=None)
    assert result["outcomes"] == {Outcome.ALREADY: 1, Outcome.DONE: 1}


def test_nothing_is_written_once_the_lock_is_lost(world: World) -> None:
    (entry,) = world.entries(1)
    world.locked_out = True
    with pytest.raises(LockLost):
        world.turns().take(world.unit(), sequence=0, after=None)
    assert world.state(entry) is FileState.VERIFIED
    assert world.simulator.calls.write_count == 0


def test_a_plan_that_is_carried_out_later_leaves_files_that_changed_since(world: World) -> None:
    stale, fresh = world.entries(2)
    world.before_write.append(_die_once())
    with pytest.raises(KeyboardInterrupt):
        world.turns().take(world.unit(), sequence=0, after=None)
    item = world.ledger.get(world.account, stale)
    assert item is not None
    world.ledger.write(replace(item, key=f"uploads/{world.account}/Acme/0~new.txt", etag="e2", run="backup-2", fence=3))
    result = world.turns().take(world.unit(), sequence=0, after=None)
    assert result["outcomes"] == {Outcome.DONE: 1, Outcome.HELD: 1}
    assert result["classes"] == {"CHANGED_SINCE_PLAN": 1}
    assert world.url(stale).startswith("https://theirs.")
    assert world.state(fresh) is FileState.SWITCHED


def test_the_source_is_looked_at_again_by_whoever_carries_a_plan_out(world: World) -> None:
    (entry,) = world.entries(1)
    world.before_write.append(_die_once())
    with pytest.raises(KeyboardInterrupt):
        world.turns().take(world.unit(), sequence=0, after=None)
    world.held[entry] = ("SOURCE_MISSING", "gone since")
    assert world.turns().take(world.unit(), sequence=0, after=None)["outcomes"] == {Outcome.HELD: 1}
    assert world.url(entry).startswith("https://theirs.")


def test_rows_of_a_turn_that_died_after_the_ledger_was_told_are_counted_once(world: World) -> None:
    world.entries(3)
    put_rows, world.work.put_rows = world.work.put_rows, _raises  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.turns().take(world.unit(), sequence=0, after=None)
    world.work.put_rows = put_rows  # type: ignore[method-assign]
    world.resumed()
    for unit in world.plan():
        world.turns().take(unit, sequence=0, after=None)
    assert world.counts().switched == 3


def test_a_resumed_run_switches_what_its_own_delta_brought_and_counts_held_rows_once(world: World) -> None:
    held, _ = world.entries(2)
    world.held[held] = ("SOURCE_CHANGED", "changed")
    (unit,) = world.plan()
    world.turns().take(unit, sequence=0, after=None)
    assert (world.counts().switched, world.counts().held_back) == (1, 1)
    world.resumed()
    late = world.entries(1)[0]
    for again in world.plan():
        world.turns().take(again, sequence=0, after=None)
    assert world.state(late) is FileState.SWITCHED
    assert (world.counts().switched, world.counts().held_back) == (2, 1)


def test_a_canary_that_failed_fails_again_when_it_is_asked_again(world: World) -> None:
    world.entries(2)
    world.simulator.org.add_trigger("DocListEntry__c", "mangle", lambda _old, new: {"URL__c": str(new["URL__c"]) + "?x"})
    canary = UnitScope(unit="canary-00000003", accounts=(world.account,), per_account=1)
    for _ in range(2):
        with pytest.raises(CanaryFailed, match="1 of the canary's 1 rows"):
            world.turns().take(canary, sequence=0, after=None)


def test_rows_that_the_canary_held_back_are_counted_by_their_unit(world: World) -> None:
    held, _ = world.entries(2)
    world.held[held] = ("SOURCE_CHANGED", "changed")
    canary = UnitScope(unit="canary-00000003", accounts=(world.account,), per_account=1)
    world.turns().take(canary, sequence=0, after=None)
    world.turns().take(world.unit(), sequence=0, after=None)
    assert (world.counts().switched, world.counts().held_back) == (1, 1)


def test_a_canary_goes_on_past_rows_that_were_held_back_until_one_is_switched(world: World) -> None:
    first, second, third, fourth = world.entries(4)
    world.held |= dict.fromkeys((first, second), ("SOURCE_CHANGED", "changed"))
    canary = UnitScope(unit="canary-00000003", accounts=(world.account,), per_account=1, limit=1)
    for _ in range(2):  # asked again, it answers the same
        assert world.turns().prove(canary)["outcomes"] == {Outcome.DONE: 1}
    assert [world.state(entry) for entry in (third, fourth)] == [FileState.SWITCHED, FileState.VERIFIED]
    world.turns().take(world.unit(), sequence=0, after=None)
    assert (world.counts().switched, world.counts().held_back) == (2, 2)


def test_a_canary_without_a_row_to_switch_comes_to_an_end(world: World) -> None:
    world.held |= dict.fromkeys(world.entries(9), ("SOURCE_CHANGED", "changed"))
    canary = UnitScope(unit="canary-00000003", accounts=(world.account,), per_account=1, limit=1)
    assert world.turns().prove(canary)["outcomes"] == {Outcome.HELD: 1}
    assert len(list(world.store.results("cutover-1", "UNIT#canary-"))) == CANARY_TURNS


def test_the_old_values_of_rows_that_automation_changed_are_kept_for_the_way_back(world: World) -> None:
    done, mangled, edited = world.entries(3)
    world.simulator.org.add_trigger(
        "DocListEntry__c",
        "mangle",
        lambda old, new: {"URL__c": str(new["URL__c"]) + "?x"} if old and new["Name"] == "1.txt" else None,
    )
    world.edit(edited, "https://example.com/by-hand.pdf")
    world.turns().take(world.unit(), sequence=0, after=None)
    assert dict(old_values(world.work, "cutover-1")) == {
        done: "https://theirs.s3.amazonaws.com/0.txt",
        mangled: "https://theirs.s3.amazonaws.com/1.txt",
    }


def test_the_old_values_of_a_turn_that_broke_off_are_kept_whole(world: World) -> None:
    entries = world.entries(2)
    world.before_write.append(_die_once())
    with pytest.raises(KeyboardInterrupt):
        world.turns().take(world.unit(), sequence=0, after=None)
    assert {entry for entry, _ in old_values(world.work, "cutover-1")} == set(entries)


def test_an_entry_that_moved_to_another_account_waits_for_the_next_run(world: World) -> None:
    (entry,) = world.entries(1)
    other = world.simulator.org.insert("Account", {"Name": "Other"})
    world.simulator.org.update("DocListEntry__c", entry, {"Account__c": other})
    result = world.turns().take(world.unit(), sequence=0, after=None)
    assert result["classes"] == {"MOVED": 1}


def test_a_rollback_of_a_run_restores_an_entry_that_has_moved_since(world: World) -> None:
    (entry,) = world.entries(1)
    world.turns().take(world.unit(), sequence=0, after=None)
    other = world.simulator.org.insert("Account", {"Name": "Other"})
    world.simulator.org.update("DocListEntry__c", entry, {"Account__c": other})
    item = world.ledger.get(world.account, entry)
    assert item is not None
    world.ledger.move(item, account_id=other, fence=3, run="backup-2")
    world.ledger.put_summary(AccountSummary(other, "Other", {"switched": 1}), fence=3)
    world.run = world.run.model_copy(update={"run_id": "rollback-1", "kind": RunKind.ROLLBACK, "fence": 4})
    options = Options(mode="execute", run_id="cutover-1")
    world.store.claim(
        world.record.model_copy(update={"run_id": "rollback-1", "kind": RunKind.ROLLBACK, "fence": 4, "options": options})
    )
    world.record = world.store.get("rollback-1")
    plan_units(
        world.run,
        options=options,
        cursor={},
        store=world.store,
        ledger=world.ledger,
        work=world.work,
        links=LINKS,
        size=10,
        time_is_up=lambda: False,
    )
    (row,) = [row for row in world.work.rows("runs/rollback-1/units.jsonl") if other in row["accounts"]]
    unit = UnitScope(unit=row["unit"], accounts=tuple(row["accounts"]))
    result = world.turns(direction=Restore(LINKS, "cutover-1")).take(unit, sequence=0, after=None)
    assert result["outcomes"] == {Outcome.DONE: 1}
    assert world.url(entry) == "https://theirs.s3.amazonaws.com/0.txt"


def test_careful_mode_looks_again_when_somebody_else_was_faster(world: World) -> None:
    (entry,) = world.entries(1)
    world.run = world.run.model_copy(update={"careful": True})
    result = world.turns().take(world.unit(), sequence=0, after=None)
    assert result["outcomes"] == {Outcome.DONE: 1}
    assert world.state(entry) is FileState.SWITCHED


def _die_once() -> Callable[[], None]:
    """A process that is killed: nothing catches it on the way."""
    deaths = iter([KeyboardInterrupt()])

    def die() -> None:
        death = next(deaths, None)
        if death is not None:
            raise death

    return die


def _raises(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


# -- links of the gateway -------------------------------------------------------------------------------------------------


def test_after_a_rotation_a_cutover_writes_links_anew_and_a_rollback_goes_back_to_the_old_url(world: World) -> None:
    entries = world.entries(3)
    world.turns(direction=Switch(FIRST, "cutover-0")).take(world.unit("00000001-00000"), sequence=0, after=None)
    world.ledger.put_summary(replace(recount(world.ledger, world.account), name="Acme"), fence=1)
    assert world.plan(FIRST) == [], "nothing is due while the key is the same"
    world.resumed()
    (unit,) = world.plan(SECOND)
    result = world.turns(direction=Switch(SECOND, "cutover-1")).take(unit, sequence=0, after=None)
    assert result["outcomes"] == {Outcome.DONE: 3}
    for n, entry in enumerate(entries):
        item = world.ledger.get(world.account, entry)
        assert item is not None
        assert world.url(entry) == item.new_url == SECOND.link_of(item)
        assert (item.url, item.switched_by) == (f"https://theirs.s3.amazonaws.com/{n}.txt", "cutover-0")
    # Data Loader is given what was there before Waybill.
    old = {entry: f"https://theirs.s3.amazonaws.com/{n}.txt" for n, entry in enumerate(entries)}
    assert all(old[entry] == url for entry, url in old_values(world.work, "cutover-1"))
    back = Restore(SECOND, "cutover-0")
    world.turns(direction=back).take(world.unit("00000009-00000"), sequence=0, after=None)
    assert [world.url(entry) for entry in entries] == [f"https://theirs.s3.amazonaws.com/{n}.txt" for n in range(3)]


def test_writing_anew_is_not_what_a_rollback_of_that_run_takes_back(world: World) -> None:
    (entry,) = world.entries(1)
    world.turns(direction=Switch(FIRST, "cutover-0")).take(world.unit("00000001-00000"), sequence=0, after=None)
    world.turns(direction=Switch(SECOND, "cutover-1")).take(world.unit(), sequence=0, after=None)
    link = world.url(entry)
    world.turns(direction=Restore(SECOND, "cutover-1")).take(world.unit("00000009-00000"), sequence=0, after=None)
    assert world.url(entry) == link


def test_a_link_of_an_older_version_that_the_ledger_does_not_know_of_is_ours(world: World) -> None:
    """A task wrote it and died; the key was rotated before anybody came back."""
    first, second = world.entries(2)
    items = {entry: world.ledger.get(world.account, entry) for entry in (first, second)}
    assert all(items.values())
    world.edit(first, FIRST.link_of(items[first]))  # type: ignore[arg-type]
    forged = FIRST.link_of(items[second])[:-22] + "A" * 22  # type: ignore[arg-type]
    world.edit(second, forged)
    result = world.turns(direction=Switch(SECOND, "cutover-1")).take(world.unit(), sequence=0, after=None)
    assert result["outcomes"] == {Outcome.DONE: 1, Outcome.CONFLICT: 1}
    assert world.url(first) == SECOND.link_of(items[first])  # type: ignore[arg-type]
    assert world.url(second) == forged, "what nobody here has written is left alone"


def test_a_rollback_needs_no_key(world: World) -> None:
    (entry,) = world.entries(1)
    world.turns(direction=Switch(FIRST, "cutover-0")).take(world.unit("00000001-00000"), sequence=0, after=None)
    keyless = GatewayLinks(FIRST.base, "ours", LinkKeys(1, {}))
    world.turns(direction=Restore(keyless, None)).take(world.unit("00000009-00000"), sequence=0, after=None)
    assert world.url(entry) == "https://theirs.s3.amazonaws.com/0.txt"
