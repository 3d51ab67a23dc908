"""One thread of control through a workflow: where it is in the history, what it sees, how long it may still run."""

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from local.stepfunctions.errors import ExecutionTimedOut
from local.stepfunctions.execution import Execution, MapRun
from local.stepfunctions.expressions import Variables
from local.stepfunctions.scope import Scope
from local.stepfunctions.values import Json, to_jsonata

LambdaInvoker = Callable[[str, Json], Json]
ClientFactory = Callable[[str], Any]


class Host(Protocol):
    """What a workflow needs of the runner around it."""

    def start_nested(self, machine_arn: str, name: str | None, text: str, scope: Scope | None) -> Execution: ...

    def new_token(self) -> "PendingTask": ...

    def end_token(self, token: str) -> None: ...

    def add_map_run(self, run: MapRun) -> None: ...


@dataclass(frozen=True, slots=True)
class Services:
    """The world outside. `time_scale` multiplies waits and back-offs, `timeout_scale` the limits; `map_workers` caps a map's threads.

    `keep_children`: a Map Run's children stay whole after they succeeded.
    """

    lambdas: LambdaInvoker
    clients: ClientFactory
    clock: Callable[[], datetime]
    time_scale: float
    timeout_scale: float
    map_workers: int
    history_limit: int
    keep_children: bool
    rng: random.Random
    on_wait: Callable[[str, float], None]
    host: Host


@dataclass(slots=True)
class PendingTask:
    """A task that waits for its token to come back. `beats` counts heartbeats."""

    token: str
    event: threading.Event = field(default_factory=threading.Event)
    answer: Callable[[], Json] | None = None
    beats: int = 0


@dataclass(frozen=True, slots=True)
class Deadline:
    """When the machine's TimeoutSeconds pass; `started` by the monotonic clock, all in seconds."""

    started: float
    seconds: float


class Flow:
    """`skipped` are the seconds of waits that time_scale left out: they count towards TimeoutSeconds all the same."""

    def __init__(
        self,
        services: Services,
        execution: Execution,
        *,
        scope: Scope,
        deadline: Deadline | None,
        context: Mapping[str, Json],
        variables: Variables,
    ) -> None:
        self.services = services
        self.execution = execution
        self.scope = scope
        self.deadline = deadline
        self.context = context
        self.variables = variables
        self.skipped = 0.0
        self.last_event = 0

    def branch(self, scope: Scope, skipped: float, extra: Mapping[str, Json] | None = None) -> "Flow":
        """A flow inside this one: it sees the variables, and assigns its own."""
        inner = Flow(
            self.services,
            self.execution,
            scope=scope,
            deadline=self.deadline,
            context={**self.context, **(extra or {})},
            variables=Variables(self.variables),
        )
        inner.skipped = skipped
        inner.last_event = self.last_event
        return inner

    def event(self, kind: str, details: dict[str, Any] | None = None) -> int:
        self.last_event = self.execution.history.add(kind, self.last_event, details or {})
        return self.last_event

    def now(self) -> datetime:
        """The clock, ahead by the waits that were skipped."""
        return self.services.clock() + timedelta(seconds=self.skipped)

    def check(self) -> None:
        self.scope.check()
        left = self._left()
        if left is not None and left <= 0:
            raise ExecutionTimedOut

    def _left(self) -> float | None:
        """Seconds until the machine's deadline."""
        if self.deadline is None:
            return None
        spent = (time.monotonic() - self.deadline.started) / self.services.timeout_scale
        return self.deadline.seconds - spent - self.skipped

    def await_event(self, event: threading.Event, seconds: float | None) -> bool:
        """Waits `seconds` of a limit (scaled by timeout_scale); whether the event came. Raises when stopped or timed out."""
        left = self._left()
        limits = [limit for limit in (seconds, left) if limit is not None]
        limit = min(limits) if limits else None
        came = self.scope.wait(event, None if limit is None else max(limit, 0) * self.services.timeout_scale)
        if not came and left is not None and limit == left:
            raise ExecutionTimedOut
        return came

    def pause(self, state: str, seconds: float) -> None:
        """A Wait or a back-off, scaled by time_scale. Ends at once when the execution is stopped."""
        self.services.on_wait(state, seconds)
        left = self._left()
        allowed = seconds if left is None else min(seconds, max(left, 0))
        real = allowed * self.services.time_scale
        if real > 0:
            self.scope.wait(threading.Event(), real)
        self.skipped += allowed - real
        self.scope.check()
        if allowed < seconds:
            raise ExecutionTimedOut


class Frame:
    """What the expressions of one state, at one attempt, can see."""

    def __init__(self, flow: Flow, name: str, value: Json, *, entered: str, retried: int) -> None:
        self.flow = flow
        self.name = name
        self.input = value
        self._input = to_jsonata(value)
        self._variables = flow.variables.visible()
        self._context: dict[str, Json] = {
            **flow.context,
            "State": {"Name": name, "EnteredTime": entered, "RetryCount": retried},
        }

    def set_token(self, token: str) -> None:
        self._context["Task"] = {"Token": token}

    def bindings(self, extra: Mapping[str, Json] | None = None, item: tuple[int, Json] | None = None) -> dict[str, Json]:
        """`extra` adds `result` or `errorOutput` to `$states`; `item` is index and value of a Map's item."""
        context = self._context
        if item is not None:
            context = {**context, "Map": {"Item": {"Index": item[0], "Value": to_jsonata(item[1])}}}
        states = {"input": self._input, "context": context}
        states |= {name: to_jsonata(value) for name, value in (extra or {}).items()}
        return {**self._variables, "states": states}
