"""What is told of a run follows from its facts alone: each thing once, in order, whatever becomes of the events that say to look."""

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from tests.unit.live.conftest import RUN, Stage
from waybill.errors import ServiceUnavailable
from waybill.live.events import Complete, Event, EventType, Progress, Trouble
from waybill.live.feed import Feed
from waybill.live.looking import LONGEST, Watcher
from waybill.live.troubles import PER_STEP
from waybill.runs.model import RunStatus
from waybill.runs.store import RunStore
from waybill.table import ConditionFailed, Table


def types(events: list[Event]) -> list[str]:
    return [event.type.partition(":")[2] for event in events]


def percents(events: list[Event]) -> list[int]:
    return [event.data.progress for event in events if isinstance(event.data, Progress)]


def test_a_run_is_told_from_its_beginning_to_its_end(stage: Stage) -> None:
    run = stage.run()
    assert percents(stage.look()) == [0]
    stage.store.enter(RUN, "listing accounts")
    stage.look()
    stage.packet(1_000)
    stage.store.enter(RUN, "copying and verifying")
    stage.look()
    stage.shard(0, verified=500)
    (half,) = stage.look()
    assert isinstance(half.data, Progress)
    assert (half.data.message, half.data.progress) == ("copying and verifying: 500 of 1,000 files", 52)
    assert half.data.files is not None
    assert half.data.files.verified == 500
    stage.shard(1, verified=500)
    stage.look()
    stage.end(run, total=1_000, verified=1_000)
    (last,) = stage.look()
    assert isinstance(last.data, Complete)
    assert (last.data.status, last.data.summary.total) == (RunStatus.COMPLETED, 1_000)
    assert percents(stage.told) == sorted(percents(stage.told))
    assert [event.sequence for event in stage.told] == [event.run_sequence for event in stage.told] == [*range(1, 7)]
    assert stage.feed.of_run(RUN, after=0, limit=100) == stage.feed.of_stage(after=0, limit=100) == stage.told


def test_looking_again_tells_nothing_again(stage: Stage) -> None:
    run = stage.run()
    stage.packet(10)
    stage.shard(0, verified=8, failed=2)
    assert types(stage.look()) == ["error", "error", "progress"]
    assert stage.look() == []
    stage.end(run, total=10, failed=2)
    assert types(stage.look()) == ["complete"]
    assert [stage.look(later=0), stage.look()] == [[], []]


def test_an_error_names_the_file_and_a_step_tells_the_first_and_counts_the_others(stage: Stage) -> None:
    stage.run()
    stage.packet(100)
    stage.shard(0, verified=0, failed=25)
    told = [event.data for event in stage.look() if isinstance(event.data, Trouble)]
    assert len(told) == PER_STEP
    assert (told[0].operationId, told[0].error, told[0].details, told[0].entry_id, told[0].more) == (
        RUN,
        "SOURCE_MISSING",
        "gone",
        "a00",
        0,
    )
    assert told[-1].more == 15


def test_more_trouble_than_goes_into_one_transaction_comes_in_several(stage: Stage) -> None:
    run = stage.run()
    stage.packet(1_000)
    for number in range(7):
        stage.shard(number, verified=0, failed=9)
    stage.end(run, total=1_000, failed=63)
    assert types(stage.look()) == ["error"] * 63 + ["complete"]
    assert [event.run_sequence for event in stage.told] == [*range(1, 65)]


def test_a_run_has_only_so_much_trouble_to_tell(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waybill.live.looking.MOST_TROUBLES", 12)
    run = stage.run()
    stage.packet(1_000)
    for number in range(4):
        stage.shard(number, verified=0, failed=10)
    stage.end(run, total=1_000, failed=40)
    told = stage.look()
    assert types(told) == ["error"] * 12 + ["complete"]
    assert isinstance(told[11].data, Trouble)
    assert told[11].data.more == 8


def test_a_large_run_is_not_looked_at_all_the_time(stage: Stage) -> None:
    stage.run()
    stage.packet(10_000)
    stage.look(later=7_200)
    for number in range(5):
        stage.shard(number, verified=100)
        assert stage.look(later=LONGEST / 5 - 0.1) == []
    assert percents(stage.look(later=LONGEST)) != []


def test_a_new_phase_and_the_end_are_told_at_once(stage: Stage) -> None:
    run = stage.run()
    stage.look(later=7_200)
    stage.store.enter(RUN, "listing accounts")
    assert types(stage.look(later=0)) == ["progress"]
    stage.end(run)
    assert types(stage.look(later=0)) == ["complete"]


def test_a_resumed_run_goes_on_being_told_and_ends_anew(stage: Stage) -> None:
    run = stage.run()
    stage.packet(10)
    stage.shard(0, verified=5)
    stage.look()
    stage.end(run, RunStatus.PAUSED, total=10)
    assert [event.data.status for event in stage.look() if isinstance(event.data, Complete)] == [RunStatus.PAUSED]
    stage.store.resume(RUN, execution_arn="other", fence=2)
    assert types(stage.look()) == ["progress"]
    stage.shard(1, verified=5)
    stage.look()
    stage.end(run, total=10)
    assert types(stage.look()) == ["complete"]
    assert [event.run_sequence for event in stage.told] == [*range(1, len(stage.told) + 1)]


def test_nobody_is_told_of_a_step_back(stage: Stage) -> None:
    stage.run()
    stage.packet(10)
    stage.store.enter(RUN, "collecting shards")
    stage.shard(0, verified=9)
    (before,) = percents(stage.look())
    stage.packet(990, number=1)
    assert percents(stage.look()) == [before]


def test_runs_share_the_stages_numbers_and_have_their_own(stage: Stage) -> None:
    stage.run()
    stage.run("rollback-1", options={"all": True})
    stage.look()
    stage.look("rollback-1")
    stage.store.enter(RUN, "listing accounts")
    stage.look()
    assert [(event.run_id, event.sequence, event.run_sequence) for event in stage.told] == [
        (RUN, 1, 1),
        ("rollback-1", 2, 1),
        (RUN, 3, 2),
    ]
    assert [event.sequence for event in stage.feed.of_run(RUN, after=1, limit=10)] == [3]


def test_the_backup_inside_a_cutover_is_told_as_the_cutovers(stage: Stage) -> None:
    cutover = stage.run("cutover-1")
    assert cutover.execution_arn.endswith(":1")
    delta = "backup-1-delta"
    stage.run(delta, options={"parent": {"run_id": "cutover-1", "fence": 1}})
    stage.shard(0, verified=1, failed=1, run_id=delta)
    told = stage.look(delta)
    assert {event.run_id for event in told} == {"cutover-1"}
    assert types(told) == ["error", "progress"]


def test_a_run_that_nobody_knows_is_nothing_to_tell(stage: Stage) -> None:
    assert stage.look("backup-of-a-dream") == []


class Dying(Table):
    """Dies before or after its n-th call, as a function that is killed does."""

    def __init__(self, table: Table, at: int, *, after: bool) -> None:
        super().__init__(client=table._client, name=table.name)
        self._at, self._after, self._calls = at, after, count(1)

    def _call(self, method: Any, **arguments: Any) -> Any:
        dies = next(self._calls) == self._at
        if dies and not self._after:
            raise KeyboardInterrupt
        reply = super()._call(method, **arguments)
        if dies:
            raise KeyboardInterrupt
        return reply


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_who_dies_while_telling_leaves_neither_gap_nor_double(stage: Stage, after: bool) -> None:
    for at in count(1):
        for item in list(stage.table.query(f"RUN#{RUN}")):
            stage.table.delete(item["pk"], item["sk"])
        run = stage.run()
        stage.packet(10)
        stage.shard(0, verified=8, failed=2)
        stage.end(run, total=10, failed=2)
        dying = Dying(stage.table, at, after=after)
        watcher = replace(stage.watcher(), store=RunStore(dying), feed=Feed(dying))
        try:
            watcher.look(RUN)
        except KeyboardInterrupt:
            stage.look()
        else:
            break
        told = stage.feed.of_run(RUN, after=0, limit=100)
        assert types(told) == ["error", "error", "complete"], at
        assert [event.run_sequence for event in told] == [1, 2, 3], at
    stages = [event.sequence for event in stage.feed.of_stage(after=0, limit=1_000)]
    assert stages == [*range(1, len(stages) + 1)]
    assert at > 5


class Beaten(Feed):
    """Somebody else is faster, once."""

    def __init__(self, stage: Stage, error: Exception) -> None:
        super().__init__(stage.table)
        self._stage, self._error = stage, error
        self._beaten = False

    def append(self, *args: Any, **given: Any) -> list[Event]:
        if not self._beaten:
            self._beaten = True
            self._stage.watcher().look(RUN)
            raise self._error
        return super().append(*args, **given)


@pytest.mark.parametrize("error", [ConditionFailed(""), ServiceUnavailable("TransactionConflict")])
def test_two_that_look_at_once_tell_it_once(stage: Stage, error: Exception) -> None:
    stage.run()
    watcher: Watcher = replace(stage.watcher(), feed=Beaten(stage, error))
    assert watcher.look(RUN) == []
    assert [event.type for event in stage.feed.of_run(RUN, after=0, limit=10)] == [EventType.PROGRESS]
