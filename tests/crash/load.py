"""`python -m tests.crash.load`: a whole migration while a share of all calls fails, by a seed. Ends with `N passed, N failed`."""

import argparse
import contextvars
import os
import random
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.aws.dispatch import Headers, Reply
from local.aws.endpoint import Dispatch
from local.aws.home import LocalHome
from local.aws.lambdas import Context
from local.salesforce.messages import Reply as SalesforceReply
from local.salesforce.messages import Request
from local.salesforce.server import Answer
from local.stack import LocalStack
from tests.crash import inside
from tests.crash.asked import AwsRequest
from tests.crash.calls import Call
from tests.crash.invariants import Watch, broken_at_the_end, source_objects
from tests.crash.load_table import Leg, as_markdown
from tests.crash.weather import TOKEN, Kind, Weather
from tests.e2e.scene import Handler, Json, RunResult, Scene, dies
from waybill import clock, compose
from waybill.files.domain import FileState

PIECES = {"shard_size": 100, "packet_size": 300, "unit_size": 100, "copies_in_flight": 8}
JOBS: Mapping[str, tuple[dict[str, Json], FileState]] = {
    "backup": ({"kind": "backup", "mode": "full"}, FileState.VERIFIED),
    "cutover": ({"kind": "cutover", "mode": "execute", "canary": 20}, FileState.SWITCHED),
    "rollback": ({"kind": "rollback", "mode": "execute", "all": True}, FileState.ROLLED_BACK),
}
# Tasks whose invocations are struck; what is not here stands in no loop, and the crash matrix kills it at each call.
STRUCK = (
    "ListAccounts",
    "ListFiles",
    "CollectShards",
    "CopyFiles",
    "ValidateFiles",
    "PlanUnits",
    "UpdateUrls",
    "RestoreUrls",
    "FinishRun",
)
ROUNDS = 40
PATIENCE = 3_600.0  # seconds
NOBODY = Call("", 0, "", "", "")  # tasks run side by side: a call does not tell whose it is
STALE_HOLDERS = 4  # of each job
STILL_SECONDS = 20.0  # of a stale holder, should nobody wake it


@dataclass
class Soak:
    """A customer, its weather, and what came of it."""

    scene: Scene
    weather: Weather
    watch: Watch
    sources: Mapping[str, Any]
    told: Callable[[str], object] = lambda _text: None
    wrong: list[str] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    _late: list[tuple[str, Json]] = field(default_factory=list)
    _still: list[threading.Event] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # -- invocations that go wrong ------------------------------------------------------------------------------------

    def around(self, function: str) -> Callable[[Json, Any, Handler], Json]:
        def wrapper(event: Json, context: Context, handler: Handler) -> Json:
            self._late_comers(handler, function, context)
            kind = self.weather.over_invocation(function)
            match kind:
                case Kind.DUPLICATE:
                    handler(event, context)
                case Kind.TWICE:
                    other = self._beside(handler, event, context)
                    try:
                        return handler(event, context)
                    finally:
                        other.join()
                case Kind.LATE:
                    with self._lock:
                        self._late.append((function, event))
                case Kind.DEAD:
                    handler(event, context)
                    raise dies("Sandbox.Timedout")
                case Kind.STALE:
                    gate = threading.Event()
                    self._still.append(gate)
                    self._threads.append(self._beside(handler, event, standing_still(context, gate)))
                    self._abort(event)
                    raise dies("Sandbox.Timedout")
            return handler(event, context)

        return wrapper

    def woken(self, event: Json, context: Context, handler: Handler) -> Json:
        """Around StartRun: once a successor has the lock, those who stood still wake up beside it."""
        reply = handler(event, context)
        for gate in list(self._still):
            gate.set()
        return reply

    def _late_comers(self, handler: Handler, function: str, context: Context) -> None:
        with self._lock:
            due = [event for name, event in self._late if name == function][:1]
            self._late = [one for one in self._late if one[1] not in due]
        for event in due:
            self._quietly(handler, event, context)

    def _beside(self, handler: Handler, event: Json, context: Any) -> threading.Thread:
        """The handler in a thread of its own, with this one's environment; what it answers, nobody hears."""
        inherited = contextvars.copy_context()
        thread = threading.Thread(target=lambda: inherited.run(self._quietly, handler, event, context), daemon=True)
        thread.start()
        return thread

    @staticmethod
    def _quietly(handler: Handler, event: Json, context: Any) -> None:
        with suppress(Exception):  # the attempt that counts says what is wrong
            handler(event, context)

    def _abort(self, event: Json) -> None:
        """The execution that the stale holder belongs to, or the cutover above it."""
        runner = self.scene.stack.runner
        for execution in list(runner._executions.values()):
            if not execution.done.is_set() and not execution.name.endswith("-delta"):
                runner.stop(execution.arn, error="Aborted", cause="by the soak")

    def rest(self) -> None:
        """Fair weather, and nobody stands still any more."""
        self.weather.fair = True
        for gate in self._still:
            gate.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        inside.settle(self.scene.stack)

    # -- the migration ------------------------------------------------------------------------------------------------

    def migrate(self) -> None:
        for kind, (body, goal) in JOBS.items():
            self.watch.phase_1, self.weather.stale = kind == "backup", STALE_HOLDERS
            self.legs.append(self._leg(kind, body, goal))

    def _leg(self, kind: str, body: dict[str, Json], goal: FileState) -> Leg:
        """One job until it is done, by however many runs and resumptions; each that stops short has to say why."""
        leg, run, began = Leg(kind, goal.value), None, time.monotonic()
        for number in range(ROUNDS):
            run = self._next(run, body, key=f"soak-{kind}-{number:03d}", leg=leg)
            leg.ended(run.status, run.message)
            self.told(f"{run.id}: {run.status}, {dict(run.files)}")
            if run.status in {"failed", "paused", "cancelled"} and not run.message:
                self.wrong.append(f"{run.id} is {run.status} and does not say why")
            if run.status == "running":
                self.wrong.append(f"{run.id} stands still and is said to run")
            if not self._missing(goal) and run.status == "completed":
                break
        leg.files, leg.missing, leg.seconds = len(self._good()), len(self._missing(goal)), time.monotonic() - began
        return leg

    def _next(self, run: RunResult | None, body: dict[str, Json], *, key: str, leg: Leg) -> RunResult:
        """The run resumed by new containers, where it can be; else another."""
        compose.forget()
        self.scene.stack.simulator.api_used = 0
        if run is not None and run.status in {"failed", "paused"}:
            status, view = self._post(f"/runs/{run.id}/resume", None, key="")
            if status == 202:
                leg.resumed += 1
                return self._ended(view)
        leg.runs += 1
        status, view = self._post("/runs", body, key=key)
        if status != 202:
            raise RuntimeError(f"a run could not be started: {view}")
        return self._ended(view)

    def _post(self, path: str, body: Json, *, key: str) -> tuple[int, Json]:
        """As the command does: asked again where there is no answer, with the same key."""
        stack = self.scene.stack
        headers = {"Authorization": f"Bearer {stack.token}", **({"Idempotency-Key": key} if key else {})}
        for _ in range(20):
            reply = self.scene.web.post(f"{stack.api.url}/api{path}", json=body, headers=headers, timeout=120)
            if reply.status_code < 500:
                break
        return reply.status_code, reply.json()

    def _ended(self, view: Json) -> RunResult:
        self.scene._noted(view)
        stack = self.scene.stack
        for execution in list(stack.runner._executions.values()):
            stack.runner.wait(execution.arn, PATIENCE)
        inside.settle(stack)
        fair, self.weather.fair = self.weather.fair, True
        try:
            return self.scene.show(view["run_id"])
        finally:
            self.weather.fair = fair

    def _good(self) -> list[str]:
        return [entry for entry, planted in self.scene.planted.items() if planted.body is not None]

    def _missing(self, goal: FileState) -> list[str]:
        """Files with a source that are not where the job is to bring them."""
        states = {item.entry_id: item.state for item in inside.files(self.scene.stack)}
        return [entry for entry in self._good() if states.get(entry) is not goal]

    # -- the end ------------------------------------------------------------------------------------------------------

    def judge(self) -> list[str]:
        """What is wrong, in words; at best nothing."""
        scene, stack = self.scene, self.scene.stack
        wrong = [*self.wrong, *broken_at_the_end(scene, watch=self.watch, sources=self.sources)]
        wrong += [
            f"{leg.missing} of {leg.files} files are not {leg.goal} after {leg.runs} runs" for leg in self.legs if leg.missing
        ]
        entries = Counter(item.entry_id for item in inside.files(stack))
        wrong += [f"{entry} has {number} items" for entry, number in entries.items() if number > 1]
        wrong += [f"{entry} is not in the ledger" for entry in scene.planted.keys() - entries.keys()]
        held = {item.key: item.entry_id for item in inside.files(stack) if item.key}
        objects = inside.objects(stack, stack.names.destination_bucket)
        wrong += [f"nobody's object: {key}" for key in objects.keys() - held.keys()]
        for key, entry in held.items():
            if inside.body(stack, stack.names.destination_bucket, key) != scene.planted[entry].body:
                wrong.append(f"{key} is not what its source is")
        urls = scene.urls()
        wrong += [
            f"{planted.name}: the link is {urls[entry]}" for entry, planted in scene.planted.items() if urls[entry] != planted.url
        ]
        return wrong


def standing_still(context: Context, gate: threading.Event) -> Any:
    """A context whose clock is asked once more only after the gate has opened: the task stands still in between."""

    @dataclass(frozen=True)
    class Still:
        aws_request_id: str

        def get_remaining_time_in_millis(self) -> int:
            gate.wait(STILL_SECONDS)
            return 600_000

        def __getattr__(self, name: str) -> Any:
            return getattr(context, name)

    return Still(context.aws_request_id)


def customer(scene: Scene, files: int, chance: random.Random) -> None:
    """Accounts of all sizes, a tenth of the files in one; names that come again; one file in a hundred without a source."""
    accounts: list[str | None] = [scene.account(f"Customer {number}") for number in range(max(files // 150, 4))]
    for number in range(files):
        account = accounts[0] if number % 10 == 0 else None if number % 97 == 0 else chance.choice(accounts)
        body = None if number % 100 == 50 else f"file {number} {chance.random()}".encode()
        scene.file(account, f"document {number % (files // 3)}.txt", body, key=f"docs/{number:06d}.txt")


def watched_aws(answer: Dispatch, watch: Watch, wrong: list[str]) -> Dispatch:
    """What arrives at AWS is looked at first."""

    def dispatch(method: str, url: str, headers: Headers, body: bytes) -> Reply | None:
        found = watch(NOBODY, AwsRequest(method, url, headers, body))
        if found:
            wrong.append(f"{method} {url}: {found}")
        return answer(method, url, headers, body)

    return dispatch


def watched_salesforce(answer: Answer, watch: Watch, wrong: list[str]) -> Answer:
    """What arrives at Salesforce is looked at first."""

    def reply(request: Request) -> SalesforceReply | None:
        found = watch(NOBODY, request)
        if found:
            wrong.append(f"{request.method} {request.path}: {found}")
        return answer(request)

    return reply


@contextmanager
def under(weather: Weather, stack: LocalStack, watch: Watch, wrong: list[str]) -> Iterator[None]:
    """Calls pass the weather first and the watch then; pauses take no time."""
    dispatcher, before = stack.aws.dispatcher, os.environ.get("AWS_SESSION_TOKEN")
    usual: Any = dispatcher.dispatch
    clock.pace(0)
    os.environ["AWS_SESSION_TOKEN"] = TOKEN
    dispatcher.dispatch = weather.over_aws(watched_aws(usual, watch, wrong))  # type: ignore[method-assign,assignment]
    stack.simulator.between(lambda answer: watched_salesforce(answer, watch, wrong))
    weather.over_salesforce(stack.simulator)
    compose.forget()
    try:
        yield
    finally:
        dispatcher.dispatch = usual  # type: ignore[method-assign]
        clock.pace(1.0)
        os.environ.pop("AWS_SESSION_TOKEN")
        if before is not None:
            os.environ["AWS_SESSION_TOKEN"] = before


def soak(stack: LocalStack, *, files: int, seed: int, share: float, told: Callable[[str], object]) -> Soak:
    """A migration there and back under faults; the stack is done with afterwards. `told` hears how each run ended."""
    scene = Scene.new(stack)
    customer(scene, files, random.Random(seed))
    weather, watch = Weather(seed, share), Watch(scene, alone=False)
    made = Soak(scene, weather, watch, source_objects(scene), told)
    with under(weather, stack, watch, made.wrong), ExitStack() as wraps:
        wraps.enter_context(scene.configured(lambda config: config["migration"].update(PIECES)))
        for function in STRUCK:
            wraps.enter_context(scene.around(function, made.around(function)))
        wraps.enter_context(scene.around("StartRun", made.woken))
        made.migrate()
        made.rest()
    return made


def main() -> int:
    """0 where nothing was lost, doubled or wrongly switched."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.load", description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--share", type=float, default=0.1, help="of the calls that go wrong")
    parser.add_argument("--table", type=Path, default=Path("build/soak-faults.md"))
    options = parser.parse_args()
    say(f"seed {options.seed}")
    warnings.simplefilter("ignore", ResourceWarning)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home, LocalStack(LocalHome(Path(home)), time_scale=0) as stack:
        stack.bus.retry_seconds = 0.01
        made = soak(stack, files=options.files, seed=options.seed, share=options.share, told=say)
        wrong = made.judge()
        made.scene.close()
    asked, befell = made.weather.asked, made.weather.befell
    text = as_markdown(
        files=options.files, seed=options.seed, share=options.share, befell=befell, asked=asked, legs=made.legs, wrong=wrong
    )
    options.table.parent.mkdir(parents=True, exist_ok=True)
    options.table.write_text(text, encoding="utf-8")
    for one in wrong[:30]:
        say(f"FAILED {one}")
    say(
        f"{sum(asked.values()):,} calls, {sum(befell.values()):,} faults, {time.monotonic() - began:.0f} s. The table is in {options.table}."
    )
    say(f"{max(options.files - len(wrong), 0)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
