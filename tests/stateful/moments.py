"""Mishaps at moments of a run: a task that dies, an execution that is stopped, a late or second invocation, a user who does not wait."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from moto.core.request import Request

from local.stepfunctions.errors import StateError
from tests.e2e.scene import Handler, Json, Scene, dies

FUNCTIONS = (
    "StartRun", "ListAccounts", "ListFiles", "CollectShards", "CopyFiles", "ValidateFiles", "CheckReadiness", "PlanUnits",
    "UpdateUrls", "RestoreUrls", "FinishRun",
)  # fmt: skip
_SERVICES = ("s3", "dynamodb")


class Mishap(StrEnum):
    """What happens at a moment."""

    DIES_BEFORE = "dies before it did anything"
    DIES_AFTER = "dies when all was done and nothing was said"
    DIES_WITHIN = "dies at one of its requests"
    STOPPED = "its execution is stopped, and it works on"
    TWICE = "is invoked twice"
    LATE = "a call of an earlier task comes again"
    OVERLAP = "another run is started meanwhile"
    PAUSE = "an operator asks to pause"
    CANCEL = "an operator asks to cancel"
    CHANGE = "users and owners of sources change something"


# With these a run comes to the same end as without.
HARMLESS = frozenset({Mishap.TWICE, Mishap.LATE, Mishap.OVERLAP})


@dataclass(frozen=True, slots=True)
class Moment:
    """At the `call`-th call of `function` in a run. `request`: at which of its requests it dies; which call comes again."""

    function: str
    call: int
    mishap: Mishap
    request: int = 0


@dataclass
class Moments:
    """Stands around every function, notes its calls, and has the mishap of the run happen, once."""

    scene: Scene
    change: Callable[[], object]
    overlap: Callable[[], object]
    steer: Callable[[str], object]
    history: list[tuple[str, Json]] = field(default_factory=list)
    moment: Moment | None = None
    happened: bool = False
    _calls: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _again: threading.local = field(default_factory=threading.local)

    @contextmanager
    def on(self) -> Iterator[None]:
        with ExitStack() as stack:
            for function in FUNCTIONS:
                stack.enter_context(self.scene.around(function, self._around(function)))
            yield

    def expect(self, moment: Moment | None) -> None:
        """Before a run: what is to happen in it."""
        self.moment, self.happened = moment, False
        self._calls.clear()

    def late(self, number: int) -> str:
        """A call of the past comes again. What it was; a refusal is as good as an answer."""
        if not self.history:
            return "nothing"
        function, event = self.history[number % len(self.history)]
        self._again.at_work = True
        try:
            with suppress(StateError):
                self.scene.stack.invoker(f"waybill-local-{function}", event)
        finally:
            self._again.at_work = False
        return function

    def _around(self, function: str) -> Callable[[Json, Any, Handler], Json]:
        def wrapper(event: Json, context: Any, handler: Handler) -> Json:
            if getattr(self._again, "at_work", False):
                return handler(event, context)
            with self._lock:
                number = self._calls[function]
                self._calls[function] += 1
                self.history.append((function, event))
                moment = self.moment
                due = moment is not None and not self.happened and (moment.function, moment.call) == (function, number)
                self.happened = self.happened or due
            if not due or moment is None:
                return handler(event, context)
            return self._carry_out(moment, event, context, handler)

        return wrapper

    def _carry_out(self, moment: Moment, event: Json, context: Any, handler: Handler) -> Json:
        match moment.mishap:
            case Mishap.DIES_BEFORE:
                raise dies()
            case Mishap.DIES_AFTER:
                handler(event, context)
                raise dies()
            case Mishap.DIES_WITHIN:
                with self._dying(moment.request):
                    return handler(event, context)
            case Mishap.STOPPED:
                self._stop()
            case Mishap.TWICE:
                handler(event, context)
            case Mishap.LATE:
                self.late(moment.request)
            case Mishap.OVERLAP:
                self.overlap()
            case Mishap.PAUSE | Mishap.CANCEL:
                self.steer(moment.mishap.name.lower())
            case Mishap.CHANGE:
                self.change()
        return handler(event, context)

    @contextmanager
    def _dying(self, requests: int) -> Iterator[None]:
        """The process is gone after so many requests: nothing that it sends from then on arrives. It takes its siblings along."""
        left = [requests]

        def hook(request: Request) -> None:
            with self._lock:
                left[0] -= 1
            if left[0] < 0:
                raise dies()

        hooks = self.scene.stack.aws.dispatcher.hooks
        for service in _SERVICES:
            hooks[service].insert(0, hook)
        try:
            yield
        finally:
            for service in _SERVICES:
                hooks[service].remove(hook)

    def _stop(self) -> None:
        for execution in list(self.scene.stack.runner._executions.values()):
            if not execution.done.is_set() and execution.map_run_arn is None:
                self.scene.stack.client("stepfunctions").stop_execution(executionArn=execution.arn, cause="by an operator")
