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
from tests.crash.invariants import State, Watch, broken_at_the_end, differences, source_objects, state_of
from tests.crash.world import API, Blow, Snapshot, World
from tests.e2e.scene import Json, Scene
from waybill.runs.model import RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.table import Table

KEY = "crash-matrix"
PATIENCE = 900.0  # seconds; nothing here depends on how fast a machine is
Tampering = Callable[[Call, AwsRequest], AwsRequest]
PIECES = {"shard_size": 3, "packet_size": 4, "unit_size": 3, "copies_in_flight": 1}


@dataclass(frozen=True)
class Job:
    """A run as it is asked for."""

    kind: str
    body: Mapping[str, Json]


JOBS = (
    Job("backup", {"kind": "backup", "mode": "full"}),
    Job("cutover", {"kind": "cutover", "mode": "execute", "canary": 2}),
    Job("rollback", {"kind": "rollback", "mode": "execute", "all": True}),
)


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
    """One world with its customer, and what each job comes to undisturbed."""

    def __init__(self, zygote: Zygote, *, templates: Path | None = None) -> None:
        self.world = World(zygote, templates=templates)
        self.tampered: Tampering | None = None
        self._functions = self.world.scene.configured(lambda config: config["migration"].update(PIECES))
        self._functions.__enter__()
        customer(self.world.scene)
        self.sources = source_objects(self.world.scene)
        self.undisturbed: dict[str, Undisturbed] = {}
        before = self.world.snapshot()
        for job in JOBS:
            self.undisturbed[job.kind] = self._undisturbed(job, before)
            before = self.world.snapshot()

    def close(self) -> None:
        self._functions.__exit__(None, None, None)
        self.world.close()

    def points(self) -> list[Point]:
        """Every call of every job, both sides.

        A process that is killed after a call has left behind what one leaves that is killed before its next call. So `after` is
        retried and `before` is resumed, and each such moment meets both; before its first call and after its last, which have no
        such twin, an invocation meets both as well.
        """
        found = []
        for one in self.undisturbed.values():
            for number, call in enumerate(one.calls):
                first = number == 0 or not _together(one.calls[number - 1], call)
                last = number == len(one.calls) - 1 or not _together(call, one.calls[number + 1])
                ways = [(False, Manner.RESUMED), (True, Manner.RETRIED)]
                ways += [(False, Manner.RETRIED)] * first + [(True, Manner.RESUMED)] * last
                found += [Point(one.job.kind, call, after, manner) for after, manner in ways]
        return found

    def _undisturbed(self, job: Job, before: Snapshot) -> Undisturbed:
        watch = self._restored(before)
        self._start(job, KEY)
        record = self._record(f"{job.kind}-{KEY}")
        assert record is not None
        assert record.status is RunStatus.COMPLETED, record
        wrong = [*self.world.witness.wrong, *broken_at_the_end(self.world.scene, watch=watch, sources=self.sources)]
        assert not wrong, wrong
        calls = tuple(self.world.witness.tape.calls)
        return Undisturbed(job, before, calls, state_of(self.world.scene), record.counts.model_dump())

    def _restored(self, snapshot: Snapshot) -> Watch:
        self.world.restore(snapshot)
        watch = Watch(self.world.scene)
        self.world.witness.checks.append(watch)
        return watch

    # -- one point ----------------------------------------------------------------------------------------------------

    def run(self, point: Point) -> Verdict:
        began = time.monotonic()
        usual = self.undisturbed[point.kind]
        watch = self._restored(usual.before)
        witness = self.world.witness
        witness.blow, witness.tampered = Blow(point.call, point.after), self.tampered
        self.world.on_death = lambda _function: self._died(point)
        try:
            how, wrong = self._to_the_end(point, usual)
        except Exception as error:  # noqa: BLE001 - a verdict, and the next point
            how, wrong = "it never ended", [f"{type(error).__name__}: {error}"]
        if witness.struck is None:
            wrong.append("the call never came")
        wrong += witness.wrong
        state = state_of(self.world.scene)
        wrong += differences(state, usual.state)
        wrong += broken_at_the_end(self.world.scene, watch=watch, sources=self.sources)
        wrong += self._late(state)
        return Verdict(point, tuple(wrong), how, time.monotonic() - began)

    def _died(self, point: Point) -> str:
        if point.manner is Manner.RESUMED:
            for execution in list(self.world.stack.runner._executions.values()):
                if execution.name == KEY:
                    self.world.stack.runner.stop(execution.arn, error="Aborted", cause="by the crash matrix")
        return "Sandbox.Timedout" if point.manner is Manner.RETRIED else "Extension.Crash"

    def _to_the_end(self, point: Point, usual: Undisturbed) -> tuple[str, list[str]]:
        """Who brought the run to its end, and what is wrong with that."""
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
            return how, [f"the run is {record and record.status}: {record and record.message}"]
        if point.manner is Manner.CAUGHT and how == "started anew":
            return how, []  # it counts what the first run has left to it
        counts = record.counts.model_dump()
        # What the first execution has switched, the delta of the second finds switched and not merely verified.
        same = usual.counts.keys() - ({"verified"} if how == "resumed" else set())
        names = sorted(name for name in same if counts[name] != usual.counts[name])
        return how, [f"count {name}: {counts[name]} instead of {usual.counts[name]}" for name in names]

    @staticmethod
    def _is_done(point: Point, record: RunRecord | None, usual: Undisturbed) -> bool:
        """A shard whose task has died and was not tried again stays undone in a run that is complete for all that: its counts tell."""
        if record is None or record.status is not RunStatus.COMPLETED:
            return False
        return point.manner is not Manner.CAUGHT or record.counts.model_dump() == usual.counts

    def _late(self, state: State) -> list[str]:
        """Rule 6: the invocation that was killed comes again when all is over, and changes nothing."""
        struck = self.world.witness.struck
        if struck is None or struck[0] == API:
            return []
        stack = self.world.stack
        objects = inside.objects(stack, stack.names.destination_bucket)
        self.world.witness.wrong.clear()
        self.world.invoke_again(*struck)
        inside.settle(self.world.stack)
        wrong = [*differences(state_of(self.world.scene), state), *self.world.witness.wrong]
        if inside.objects(stack, stack.names.destination_bucket) != objects:
            wrong.append("objects of the destination are others")
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


def customer(scene: Scene) -> None:
    """Eight files: a name twice, a missing source, one without account, an account with several, a link that leads nowhere."""
    acme, other, third = (scene.account(name) for name in ("Acme Corporation", "Ünïcode & Söhne", "Third Ltd"))
    for name in ("contract.pdf", "contract.pdf", "minutes.txt"):
        scene.file(acme, name)
    scene.file(acme, "gone.txt", None)
    for name in ("Angebot März.docx", "photo.jpg"):
        scene.file(other, name)
    scene.file(third, "nowhere.txt", url="ftp://files.example.com/nowhere.txt")
    scene.file(None, "orphan.txt")
