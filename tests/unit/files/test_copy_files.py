"""Copying a shard in parts: what an attempt beside ours has not told of is gone through again, and nothing is lost."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.fakes.backup import BUCKET, RULES, BackupWorld, backup_world, packet
from tests.fakes.object_store import FakeObjectStore
from waybill.files.copying import copy_one
from waybill.files.domain import HttpLocation, S3Location
from waybill.files.jobs import CopyJob, Tools
from waybill.files.outcomes import outcome_to_json
from waybill.files.sources import Seen
from waybill.files.tasks.copy_files import CopyReply, Shard, copy_files
from waybill.files.tasks.validate_files import validate_files
from waybill.files.web import Web
from waybill.runs.model import Control, RunRecord
from waybill.runs.starting import context_of
from waybill.runs.task import Status


def no_network(*_: object) -> list[str]:
    raise AssertionError("the network is not to be used")


class Shop:
    """A shard of three files, and the buckets."""

    def __init__(self, world: BackupWorld) -> None:
        self.world = world
        self.s3 = FakeObjectStore(BUCKET, "ours")
        self.account = world.account()
        names = ["0.txt", "1.txt", "2.txt"]
        self.facts = {name: self.s3.place(BUCKET, name, name.encode()) for name in names}
        self.entries = [world.entry(self.account, name) for name in names]
        world.look = self.look
        self.run: RunRecord = world.begin()
        world.list_packet(self.run, packet(self.account), shard_size=10)
        (row,) = world.shards(self.run)
        self.shard = Shard(row["shard"], row["manifest"], row["files"])
        self.tools = Tools(self.s3, Web(no_network, no_network), lambda _: None)  # type: ignore[arg-type]

    def look(self, locations: Sequence[S3Location | HttpLocation]) -> list[Seen]:
        return [(at, self.facts[at.key] if isinstance(at, S3Location) else None) for at in locations]

    def part_of_another_attempt(self) -> Callable[[], None]:
        """Copies the first file, as an attempt beside ours does; to call when that one tells of it and ends."""
        row = self.world.manifest(self.run)[self.entries[0]]
        assert row.location is not None
        outcome = copy_one(CopyJob(self.entries[0], row.location, row.facts, "ours", row.keys), self.tools)
        key = f"runs/{self.run.run_id}/copied/{self.shard.shard}-000.jsonl"
        return lambda: self.world.work.put_rows(key, [outcome_to_json(outcome)])

    def copy(self) -> CopyReply:
        reply, _ = copy_files(
            context_of(self.run),
            self.shard,
            store=self.world.store,
            ledger=self.world.ledger,
            work=self.world.work,
            tools=self.tools,
            rules=RULES,
            bucket="ours",
            in_flight=1,
            time_is_up=lambda: False,
        )
        return reply

    def validate(self) -> dict[str, Any]:
        world = self.world
        return validate_files(
            context_of(self.run),
            self.shard,
            store=world.store,
            ledger=world.ledger,
            work=world.work,
            destination=self.s3,
            bucket="ours",
            in_flight=1,
        )


@pytest.fixture
def shop() -> Iterator[Shop]:
    with backup_world() as world:
        yield Shop(world)


def test_a_shard_that_is_copied_by_one_attempt_is_done(shop: Shop) -> None:
    assert shop.copy().status is Status.DONE
    assert shop.validate()["verified"] == len(shop.entries)


def test_what_another_attempt_has_not_told_of_is_gone_through_again(shop: Shop) -> None:
    shop.s3.world.before["copy"] = shop.part_of_another_attempt()
    assert shop.copy().status is Status.MORE
    assert shop.copy().status is Status.DONE
    result = shop.validate()
    assert (result["verified"], result["failed"]) == (len(shop.entries), 0)


def test_a_run_that_is_to_pause_parks_what_another_attempt_has_not_told_of(shop: Shop) -> None:
    tell = shop.part_of_another_attempt()

    def tell_and_pause() -> None:
        tell()
        shop.world.store.ask(shop.run.run_id, Control.PAUSE, reason="by the operator")

    shop.s3.world.before["copy"] = tell_and_pause
    assert shop.copy().status is Status.MORE  # asked at every hundredth file only: the next call hears it
    assert shop.copy().status is Status.PARKED


@pytest.mark.parametrize(("after", "copied"), [(0.7, 3), (1.1, 2)])
def test_a_copy_that_a_killed_attempt_made_in_the_runs_first_second_is_the_runs(shop: Shop, after: float, copied: int) -> None:
    row = shop.world.manifest(shop.run)[shop.entries[0]]
    assert row.location is not None
    made = copy_one(CopyJob(shop.entries[0], row.location, row.facts, "ours", row.keys), shop.tools).modified
    assert made is not None
    # S3 tells the second in which it was made, the run knows the millisecond in which it began.
    minute, second = made.strftime("%Y-%m-%dT%H:%M:"), made.second
    shop.run = shop.run.model_copy(update={"started_at": f"{minute}{second + after:06.3f}Z"})
    shop.copy()
    assert shop.validate()["copied"] == copied
