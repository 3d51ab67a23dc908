"""Packets of single entries: what has failed, cut so that an account is in one, or alone in several; and how they are listed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.fakes.backup import BackupWorld, backup_world, packet
from waybill.files.domain import NO_ACCOUNT, FileState
from waybill.files.picking import PacketScope, Pick
from waybill.files.retrying import PIECE, Retrying, only, packets_of, row_of
from waybill.runs.model import RunRecord
from waybill.runs.task import Status

SMALL, LARGE, LAST = "001000000000001AAA", "001000000000002AAA", "001000000000003AAA"


@pytest.fixture
def world() -> Iterator[BackupWorld]:
    with backup_world() as world:
        yield world


def picks_in(world: BackupWorld, scope: PacketScope) -> list[Pick]:
    assert scope.entries is not None
    return [(row["account_id"], row["entry_id"]) for row in world.work.rows(scope.entries)]


def planned(world: BackupWorld, run: RunRecord, *scopes: PacketScope) -> None:
    world.work.put_rows(f"runs/{run.run_id}/packets.jsonl", [row_of(scope) for scope in scopes])


def again(world: BackupWorld, before: RunRecord, *, skip: int = 0, first: int = 0) -> list[tuple[int, list[PacketScope]]]:
    retrying = Retrying(store=world.store, work=world.work, run_id="backup-2", before=before.run_id, known_since=None)
    return [(looked, [scope for scope, _ in made]) for looked, made in retrying.packets(skip=skip, first_number=first)]


def fail(world: BackupWorld, run: RunRecord, *entries: str) -> None:
    """Every shard has a result by now, with an error row for each of these."""
    files = {entry: row.file for entry, row in world.manifest(run).items()}
    for shard in world.shards(run):
        rows = [
            {"class": "SOURCE_MISSING", "message": "gone", "account_id": file.account_id, "entry_id": entry}
            for entry, file in files.items()
            if entry in entries and shard["first"] <= file.account_id <= shard["last"]
        ]
        key = f"runs/{run.run_id}/errors/{shard['shard']}.jsonl"
        world.work.put_rows(key, rows)
        world.store.record(run.run_id, f"SHARD#{shard['shard']}", {"errors": key if rows else None})


def test_of_a_packet_that_was_listed_just_the_failed_files_are_taken(world: BackupWorld) -> None:
    first, second = sorted(world.account() for _ in range(2))
    bad, worse = world.entry(first), world.entry(second)
    world.entry(first)
    run = world.begin()
    planned(world, run, packet(first, second))
    world.list_packet(run, packet(first, second), shard_size=10)
    fail(world, run, bad, worse)
    ((looked, (scope,)),) = again(world, run, first=4)
    assert (looked, scope.packet, scope.first, scope.last, scope.large) == (1, 4, first, second, False)
    assert picks_in(world, scope) == sorted([(first, bad), (second, worse)])


def test_files_of_shards_without_a_result_are_taken_too(world: BackupWorld) -> None:
    account = world.account()
    entries = sorted(world.entry(account) for _ in range(3))
    run = world.begin()
    planned(world, run, packet(account))
    world.list_packet(run, packet(account), shard_size=1)
    done = world.shards(run)[0]
    world.store.record(run.run_id, f"SHARD#{done['shard']}", {"errors": None})
    ((_, (scope,)),) = again(world, run)
    assert picks_in(world, scope) == [(account, entry) for entry in entries[1:]]


def test_a_packet_that_was_not_listed_to_its_end_is_taken_whole(world: BackupWorld) -> None:
    first, second = sorted(world.account() for _ in range(2))
    world.entry(first)
    world.entry(second)
    run = world.begin()
    never, cut = packet(first, number=0), packet(first, second, number=1)
    planned(world, run, never, cut)
    assert world.list_packet(run, cut, time_is_up=lambda: True).status is Status.MORE
    (_, (one,)), (_, (other,)) = again(world, run)
    assert (one, other) == (never, cut)


def test_where_nothing_failed_there_is_no_packet(world: BackupWorld) -> None:
    account = world.account()
    world.entry(account)
    run = world.begin()
    planned(world, run, packet(account))
    world.list_packet(run, packet(account))
    fail(world, run)
    assert again(world, run) == [(1, [])]


def test_it_goes_on_behind_what_was_looked_through(world: BackupWorld) -> None:
    run = world.begin()
    scopes = [packet(SMALL, number=0), packet(LARGE, number=1), packet(LAST, number=2)]
    planned(world, run, *scopes)
    assert again(world, run, skip=2, first=7) == [(3, [replace(scopes[2], packet=7)])]


def test_an_account_is_whole_in_one_packet_or_alone_in_several(world: BackupWorld) -> None:
    picks = [
        (account, f"a{n:07d}")
        for account, many in ((SMALL, 3), (LARGE, PIECE + 1), (LAST, 4), (NO_ACCOUNT, 3))
        for n in range(many)
    ]
    made = [
        scope
        for scope, _ in packets_of(
            picks, large=lambda account: account == LARGE, size=5, run_id="backup-2", work=world.work, known_since=None
        )
    ]
    assert [(scope.packet, scope.first, scope.last, scope.large) for scope in made] == [
        (0, SMALL, SMALL, False), (1, LARGE, LARGE, True), (2, LARGE, LARGE, True), (3, LAST, LAST, False), (4, NO_ACCOUNT, NO_ACCOUNT, False),
    ]  # fmt: skip
    assert [pick for scope in made for pick in picks_in(world, scope)] == picks


def scope_of(world: BackupWorld, *picks: Pick, large: bool = False) -> PacketScope:
    return only(packet(SMALL, large=large), list(picks), run_id="backup-1", work=world.work)[0]


def test_just_the_entries_meant_are_listed_and_others_of_the_account_stay_as_they_are(world: BackupWorld) -> None:
    account = world.account()
    wanted, other = world.entry(account, "a.txt"), world.entry(account, "b.txt")
    world.known(account, other, FileState.FAILED, name="b.txt")
    run = world.begin()
    reply = world.list_packet(run, scope_of(world, (account, wanted)))
    assert (reply.status, reply.files) == (Status.DONE, 1)
    assert set(world.manifest(run)) == {wanted}
    (row,) = world.accounts_of(world.parts(run)[0]).values()
    assert not row["complete"], "an account of which only some entries were seen keeps its watermark"


def test_a_key_that_another_file_of_the_account_has_is_not_given_again(world: BackupWorld) -> None:
    account = world.account()
    first, second = world.entry(account, "a.txt"), world.entry(account, "a.txt")
    held = world.known(account, first, name="a.txt")
    run = world.begin()
    key = f"uploads/{account}/Account/a.txt"
    world.ledger.write(replace(held, key=key))
    world.list_packet(run, scope_of(world, (account, second)))
    assert key not in world.manifest(run)[second].keys


def test_entries_by_the_hundreds_over_many_accounts_are_cut_and_gone_on_with(world: BackupWorld) -> None:
    accounts = sorted(world.account() for _ in range(3))
    entries = [(account, world.entry(account, f"{n}.txt")) for account in accounts for n in range(170)]
    run = world.begin()
    scope = scope_of(world, *entries)
    reply = world.list_packet(run, scope, time_is_up=lambda: True)
    while reply.status is Status.MORE:
        reply = world.list_packet(run, scope, time_is_up=lambda: True, cursor=reply.cursor)
    assert set(world.manifest(run)) == {entry for _, entry in entries}
    assert len(world.parts(run)) == 4, "one for each account, and one that finds nothing left"


def test_an_entry_that_was_deleted_is_noted_and_one_that_has_moved_is_left_to_its_new_account(world: BackupWorld) -> None:
    account, new = world.account(), world.account()
    deleted, moved = world.entry(account), world.entry(account)
    for entry in (deleted, moved):
        world.known(account, entry, FileState.FAILED)
    world.org.update("DocListEntry__c", moved, {"Account__c": new})
    world.org.delete("DocListEntry__c", deleted)
    run = world.begin()
    world.list_packet(run, scope_of(world, (account, deleted), (account, moved)))
    assert {entry: row.file.state for entry, row in world.manifest(run).items()} == {deleted: FileState.ENTRY_DELETED}
