"""Runs a job once for each of its calls, with the process killed before or after that call, and looks at what it comes to."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import requests

from tests.crash import inside
from tests.crash.asked import AwsRequest
from tests.crash.calls import Call
from tests.crash.containers import Zygote
from tests.crash.files import Files
from tests.crash.records import Records
from tests.crash.scenario import KEY, Job, Scenario, State, Watched, differences
from tests.crash.world import API, Blow, Snapshot, World
from tests.e2e.scene import Json
from waybill.runs.model import RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.table import Table

PATIENCE = 900.0  # seconds; nothing here depends on how fast a machine is
Tampering = Callable[[Call, AwsRequest], AwsRequest]
# Small enough for a few files and rows to make several of each; nothing waits for long.
PIECES: Mapping[str, Mapping[str, Json]] = {
    "migration": {"shard_size": 3, "packet_size": 4, "unit_size": 3, "copies_in_flight": 1},
    "records": {"settle_seconds": 0.2, "bulk_from": 2},
}


class Manner(StrEnum):
    """What Step Functions makes of the death, and who goes on."""

    RETRIED = "retried"  # the task timed out: Step Functions tries it again
    RESUMED = "resumed"  # the whole execution is aborted as well: the rule ends the run, an operator resumes it
    CAUGHT = "caught"  # the runtime exited: no retry, the machine's Catch, and an operator if the run is not complete


@dataclass(frozen=True)
class Point:
    """Where and how one run of a job is broken."""

    kind: str
    call: Call
    after: bool
    manner: Manner

    def __str__(self) -> str:
        return f"{self.kind}, killed {'after' if self.after else 'before'} {self.call}, {self.manner}"


@dataclass(frozen=True)
class Undisturbed:
    """A job as it goes when nothing happens."""

    scenario: Scenario
    job: Job
    before: Snapshot
    calls: tuple[Call, ...]
    state: State
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Verdict:
    """What became of a point. `wrong` is empty where all is as it should be; `how` says who brought the run to its end."""

    point: Point
    wrong: tuple[str, ...]
    how: str
    seconds: float


class Matrix:
    """One world with its customers, and what each job comes to undisturbed."""

    def __init__(self, zygote: Zygote, *, templates: Path | None = None) -> None:
        self.world = World(zygote, templates=templates)
        self.tampered: Tampering | None = None
        self._functions = self.world.scene.configured(_in_pieces)
        self._functions.__enter__()
        self.undisturbed: dict[str, Undisturbed] = {}
        nobody = self.world.snapshot()
        for scenario in (Files(), Records()):
            self.world.restore(nobody)
            jobs = scenario.plant(self.world.scene)
            before = self.world.snapshot()
            for job in jobs:
                self.undisturbed[job.kind] = self._undisturbed(scenario, job, before)
                before = self.world.snapshot()

    def close(self) -> None:
        self._functions.__exit__(None, None, None)
        self.world.close()

    def points(self) -> list[Point]:
        """Every call of every job, both sides.

        A process that is killed after a call has left behind what one leaves that is killed before its next call. So `after` is
        retried and `before` is resumed, and each such moment meets both; before its first call and after its last, which have no
        such twin, an invocation meets both as well. Where reads are struck once, they are so in turn in the one manner and the
        other: what they leave, the write before them has left in both.
        """
        found = []
        for one in self.undisturbed.values():
            for number, call in enumerate(one.calls):
                first = number == 0 or not _together(one.calls[number - 1], call)
                last = number == len(one.calls) - 1 or not _together(call, one.calls[number + 1])
                ways = [(False, Manner.RESUMED), (True, Manner.RETRIED)]
                ways += [(False, Manner.RETRIED)] * first + [(True, Manner.RESUMED)] * last
                if one.scenario.reads_once and call.only_reads and not first and not last:
                    ways = [ways[number % 2]]
                found += [Point(one.job.kind, call, after, manner) for after, manner in ways]
        return found

    def _undisturbed(self, scenario: Scenario, job: Job, before: Snapshot) -> Undisturbed:
        watched = self._restored(scenario, job, before)
        self._start(job, KEY)
        run_id = f"{job.kind}-{KEY}"
        record = self._record(run_id)
        assert record is not None
        assert record.status is RunStatus.COMPLETED, record
        wrong = [*self.world.witness.wrong, *watched.broken()]
        assert not wrong, wrong
        calls = tuple(self.world.witness.tape.calls)
        return Undisturbed(scenario, job, before, calls, scenario.state(run_id), scenario.counts(record))

    def _restored(self, scenario: Scenario, job: Job, snapshot: Snapshot) -> Watched:
        self.world.restore(snapshot)
        watched = scenario.watch(job)
        self.world.witness.checks.append(watched.check)
        return watched

    # -- one point ----------------------------------------------------------------------------------------------------

    def run(self, point: Point) -> Verdict:
        began = time.monotonic()
        usual = self.undisturbed[point.kind]
        watched = self._restored(usual.scenario, usual.job, usual.before)
        witness = self.world.witness
        witness.blow, witness.tampered = Blow(point.call, point.after), self.tampered
        self.world.on_death = lambda _function: self._died(point)
        try:
            run_id, how, wrong = self._to_the_end(point, usual)
        except Exception as error:  # noqa: BLE001 - a verdict, and the next point
            run_id, how, wrong = f"{point.kind}-{KEY}", "it never ended", [f"{type(error).__name__}: {error}"]
        if witness.struck is None:
            wrong.append("the call never came")
        wrong += witness.wrong
        state = usual.scenario.state(run_id)
        wrong += differences(state, usual.state)
        wrong += watched.broken()
        wrong += self._late(usual.scenario, run_id, state)
        return Verdict(point, tuple(wrong), how, time.monotonic() - began)

    def _died(self, point: Point) -> str:
        if point.manner is Manner.RESUMED:
            for execution in list(self.world.stack.runner._executions.values()):
                if execution.name == KEY:
                    self.world.stack.runner.stop(execution.arn, error="Aborted", cause="by the crash matrix")
        return "Sandbox.Timedout" if point.manner is Manner.RETRIED else "Extension.Crash"

    def _to_the_end(self, point: Point, usual: Undisturbed) -> tuple[str, str, list[str]]:
        """The run that came to its end, who brought it there, and what is wrong with that."""
        self._start(usual.job, KEY)
        run_id, how = f"{point.kind}-{KEY}", "by itself"
        record = self._record(run_id)
        if point.manner is not Manner.RETRIED and not self._is_done(point, record, usual):
            resumed = record is not None and record.status is not RunStatus.COMPLETED and self._resumed(run_id)
            how = "resumed" if resumed else "started anew"
            if not resumed:
                run_id = f"{point.kind}-{KEY}-again"
                self._start(usual.job, f"{KEY}-again")
            record = self._record(run_id)
        if record is None or record.status is not RunStatus.COMPLETED:
            return run_id, how, [f"the run is {record and record.status}: {record and record.message}"]
        if point.manner is Manner.CAUGHT and how == "started anew":
            return run_id, how, []  # it counts what the first run has left to it
        counts = usual.scenario.counts(record)
        # What the first execution has switched, the delta of the second finds switched and not merely verified.
        same = usual.counts.keys() - ({"verified"} if how == "resumed" else set())
        names = sorted(name for name in same if counts[name] != usual.counts[name])
        return run_id, how, [f"count {name}: {counts[name]} instead of {usual.counts[name]}" for name in names]

    @staticmethod
    def _is_done(point: Point, record: RunRecord | None, usual: Undisturbed) -> bool:
        """A shard whose task has died and was not tried again stays undone in a run that is complete for all that: its counts tell."""
        if record is None or record.status is not RunStatus.COMPLETED:
            return False
        return point.manner is not Manner.CAUGHT or usual.scenario.counts(record) == usual.counts

    def _late(self, scenario: Scenario, run_id: str, state: State) -> list[str]:
        """Rule 6: the invocation that was killed comes again when all is over, and changes nothing."""
        struck = self.world.witness.struck
        if struck is None or struck[0] == API:
            return []
        touched = scenario.touched()
        self.world.witness.wrong.clear()
        self.world.invoke_again(*struck)
        inside.settle(self.world.stack)
        wrong = [*differences(scenario.state(run_id), state), *self.world.witness.wrong]
        if scenario.touched() != touched:
            wrong.append("something was written once more")
        return [f"after a late duplicate: {one}" for one in wrong]

    # -- what clients do ----------------------------------------------------------------------------------------------

    def _start(self, job: Job, key: str) -> None:
        """As the command does: with a key, so that it can ask again where no answer came."""
        self._post("/runs", {**job.body}, key=key)
        self._wait()

    def _resumed(self, run_id: str) -> bool:
        """False where the run has not begun, and is to be started anew."""
        status = self._post(f"/runs/{run_id}/resume", None)
        self._wait()
        return status == 202

    def _post(self, path: str, body: Json, *, key: str = "") -> int:
        stack = self.world.stack
        headers = {"Authorization": f"Bearer {stack.token}", **({"Idempotency-Key": key} if key else {})}
        for _ in range(2):
            reply = self.world.scene.web.post(f"{stack.api.url}/api{path}", json=body, headers=headers, timeout=PATIENCE)
            if reply.status_code < 500:
                break
        if reply.status_code not in {202, 409}:
            raise requests.HTTPError(f"{path}: HTTP {reply.status_code} {reply.text}")
        return reply.status_code

    def _wait(self) -> None:
        for execution in list(self.world.stack.runner._executions.values()):
            self.world.stack.runner.wait(execution.arn, PATIENCE)
        inside.settle(self.world.stack)

    def _record(self, run_id: str) -> RunRecord | None:
        stack = self.world.stack
        return RunStore(Table(client=stack.client("dynamodb"), name=stack.names.table)).find(run_id)


def _together(call: Call, other: Call) -> bool:
    """Whether both calls are of one invocation."""
    return (call.function, call.invocation) == (other.function, other.invocation)


def _in_pieces(config: dict[str, Json]) -> None:
    for part, settings in PIECES.items():
        config[part].update(settings)
