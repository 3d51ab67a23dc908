"""Listing a packet: cut and gone on with anywhere, recorded once whatever its attempts saw, and each entry known in one place."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.backup import BackupWorld, backup_world, packet
from waybill.errors import ServiceUnavailable
from waybill.files.domain import NO_ACCOUNT, FileState
from waybill.files.entries import EntryReader
from waybill.runs.store import RunStore
from waybill.runs.work import Row
from waybill.settings import AuthFlow, SalesforceSettings

SHARDS_IN_AN_ITEM = 400


@pytest.fixture
def world() -> Iterator[BackupWorld]:
    with backup_world() as world:
        yield world


def always() -> bool:
    return True


class NotedQueries:
    """A client that notes what it is asked, and finds nothing."""

    org_time = None

    def __init__(self) -> None:
        self.queries: list[str] = []

    def query(self, query: str) -> Iterator[Row]:
        self.queries.append(query)
        return iter(())


class DiesBeforeRecording:
    """A table that is lost when the result of a step is to be recorded."""

    def __init__(self, store: RunStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def record(self, run_id: str, step: str, result: Row) -> Row:
        raise ServiceUnavailable(f"{step} of {run_id} is lost with {len(result)} values")


def test_a_packet_that_is_cut_between_accounts_goes_on_behind_the_account(world: BackupWorld) -> None:
    accounts = [world.account(), world.account()]
    entries = [world.entry(account) for account in accounts for _ in range(2)]
    run = world.begin()
    first = world.list_packet(run, packet(*accounts), time_is_up=always)
    assert first.cursor is not None
    assert first.cursor["after"] == [accounts[0], None]
    second = world.list_packet(run, packet(*accounts), cursor=first.cursor)
    assert second.cursor is None
    assert [set(world.accounts_of(part)) for part in world.parts(run)] == [{accounts[0]}, {accounts[1]}]
    assert set(world.manifest(run)) == set(entries)


def test_nothing_is_asked_of_salesforce_by_an_id_that_is_none() -> None:
    client = NotedQueries()
    settings = SalesforceSettings(login_url="https://login.example.com", auth=AuthFlow.JWT_BEARER)
    reader = EntryReader(client=client, settings=settings)  # type: ignore[arg-type]
    assert list(reader.entries(first=NO_ACCOUNT, last=NO_ACCOUNT, after=(NO_ACCOUNT, None))) == []
    assert list(reader.entries(first="001000000000001AAA", last="001000000000009AAA", after=("001000000000001AAA", None))) == []
    (query,) = client.queries
    assert "AND Account__c > '001000000000001AAA' ORDER" in query


def test_a_large_account_that_is_cut_is_summed_up_in_the_row_of_its_last_part(world: BackupWorld) -> None:
    account = world.account()
    entries = [world.entry(account, f"{n}.txt") for n in range(4)]
    world.known(account, entries[0], FileState.SWITCHED)
    world.known(account, entries[3])
    run, scope = world.begin(), packet(account, large=True)
    first = world.list_packet(run, scope, time_is_up=always, batch=2)
    assert first.cursor is not None
    assert first.cursor["after"] == [account, entries[1]]
    second = world.list_packet(run, scope, batch=3, cursor=first.cursor)
    assert second.cursor is None
    cut, whole = (world.accounts_of(part)[account] for part in world.parts(run))
    assert (cut["complete"], cut["goes_on"], cut["seen"]) == (False, True, 2)
    assert (whole["complete"], whole["goes_on"], whole["seen"]) == (True, False, 4)
    assert whole["states"] == {"switched": 1, "verified": 1}
    assert {entry for entry, row in world.manifest(run).items() if row.location} == set(entries[1:3])


def test_an_account_whose_last_entry_ends_a_batch_is_still_listed_to_its_end(world: BackupWorld) -> None:
    account = world.account()
    kept, deleted = world.entry(account), world.entry(account)
    world.known(account, deleted)
    world.org.delete("DocListEntry__c", deleted)
    run, scope = world.begin(), packet(account, large=True)
    first = world.list_packet(run, scope, time_is_up=always, batch=1)
    assert first.cursor is not None
    assert first.cursor["after"] == [account, kept]
    world.list_packet(run, scope, batch=5, cursor=first.cursor)
    assert world.accounts_of(world.parts(run)[-1])[account]["complete"]
    assert world.manifest(run)[deleted].file.state is FileState.ENTRY_DELETED


def test_entries_without_an_account_that_are_all_gone_are_noticed(world: BackupWorld) -> None:
    orphan = world.entry(None)
    world.known(NO_ACCOUNT, orphan)
    world.org.delete("DocListEntry__c", orphan)
    run = world.begin()
    world.list_packet(run, packet(NO_ACCOUNT))
    assert world.manifest(run)[orphan].file.state is FileState.ENTRY_DELETED


def test_an_account_without_entries_stands_in_its_place_among_the_others(world: BackupWorld) -> None:
    accounts = [world.account() for _ in range(3)]
    deleted, *_ = [world.entry(account) for account in accounts]
    world.known(accounts[0], deleted)
    world.org.delete("DocListEntry__c", deleted)
    run = world.begin()
    world.list_packet(run, packet(*accounts, named=True), shard_size=500)
    assert list(world.accounts_of(world.parts(run)[0])) == accounts
    (shard,) = world.shards(run)
    assert (shard["first"], shard["last"]) == (accounts[0], accounts[2])


def test_the_tables_item_of_a_part_does_not_grow_with_its_shards(world: BackupWorld) -> None:
    few, many = world.account("Few"), world.account("Many")
    world.entry(few)
    for n in range(SHARDS_IN_AN_ITEM // 10):
        world.entry(many, f"{n}.txt")
    run = world.begin()
    replies = [world.list_packet(run, packet(account, number=n), shard_size=1) for n, account in enumerate((few, many))]
    assert [reply.shards for reply in replies] == [1, SHARDS_IN_AN_ITEM // 10]
    sizes = [len(str(part)) for part in world.parts(run)]
    assert sizes[1] - sizes[0] < SHARDS_IN_AN_ITEM // 10
    assert len(world.shards(run)) == 1 + SHARDS_IN_AN_ITEM // 10


def test_a_parts_accounts_are_those_of_the_attempt_that_recorded_it(world: BackupWorld) -> None:
    accounts = [world.account(), world.account()]
    for account in accounts:
        world.entry(account)
    run, scope = world.begin(), packet(*accounts)
    with pytest.raises(ServiceUnavailable):
        world.list_packet(run, scope, time_is_up=always, store=DiesBeforeRecording(world.store))  # type: ignore[arg-type]
    assert world.list_packet(run, scope).cursor is None
    (part,) = world.parts(run)
    assert list(world.accounts_of(part)) == accounts
    assert part["total"] == 2


def test_an_entry_that_the_ledger_knows_where_it_moved_to_is_given_up_where_it_was(world: BackupWorld) -> None:
    was, now = world.account("Was"), world.account("Now")
    entry, switched, lost, away = (world.entry(was, f"{n}.txt") for n in range(4))
    for moved in (entry, switched, lost, away):
        world.org.update("DocListEntry__c", moved, {"Account__c": now})
    world.known(was, entry)
    world.known(now, entry)
    world.known(was, switched, FileState.SWITCHED)
    world.known(now, switched)
    world.known(was, lost)
    world.known(was, away)
    world.known(now, away, FileState.ENTRY_DELETED)
    run = world.begin()
    world.list_packet(run, packet(was, named=True))
    rows = world.manifest(run)
    assert set(rows) == {entry}
    assert rows[entry].file.state is FileState.ENTRY_DELETED
    assert now in (rows[entry].file.message or "")
