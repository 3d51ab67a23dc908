"""A small discrete-event simulation: tasks of several steps, run by so many workers, against shared rates. Pure and repeatable."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from math import ceil

# Tasks above this number are simulated in bundles that a worker does one after the other.
MOST_TASKS = 1_000
# A step that draws on a shared rate asks for it in so many portions, so that others come in between.
PORTIONS = 4
# Times scatter by so much to either side: requests do not take equally long.
SCATTER = 0.15


@dataclass(slots=True)
class Rate:
    """Units a second that all share, first come, first served.

    `doubles_after`: seconds of full use after which it has doubled, as S3 splits a partition; 0: never. `most`: where that ends.
    """

    name: str
    per_second: float
    doubles_after: float = 0.0
    most: float = float("inf")
    _free_at: float = 0.0
    _busy: float = 0.0

    def start(self) -> None:
        """A phase begins: its clock starts at 0. What the rate has grown to stays."""
        self._free_at = 0.0

    def take(self, now: float, units: float) -> float:
        """When `units` asked for now will have been served."""
        rate = self.per_second
        if self.doubles_after:
            rate = min(rate * 2.0 ** int(self._busy / self.doubles_after), self.most)
        seconds = units / rate
        self._busy += seconds
        self._free_at = max(self._free_at, now) + seconds
        return self._free_at


@dataclass(frozen=True, slots=True)
class Step:
    """Something a task does: `seconds` by itself, during which it draws `units` of a shared rate. `waits_for`: whom it waits for."""

    waits_for: str
    seconds: float
    rate: Rate | None = None
    units: float = 0.0
    memory_gb: float = 0.5  # of the function at work

    def times(self, number: float) -> "Step":
        return replace(self, seconds=self.seconds * number, units=self.units * number)


@dataclass(frozen=True, slots=True)
class Work:
    """`number` alike tasks, each of so many calls of a function."""

    number: int
    steps: tuple[Step, ...]
    calls: int = 1


@dataclass(slots=True)
class Outcome:
    """How long a phase took; what its tasks waited for, in seconds of all tasks; what Lambda bills."""

    seconds: float = 0.0
    waited: dict[str, float] = field(default_factory=dict)
    gb_seconds: float = 0.0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Scaling:
    """How fast Lambda gives environments: so many at once, and as many again after each interval. `cold` seconds for each."""

    environments: int = 1_000
    interval: float = 10.0
    cold: float = 1.5


def simulate(works: Iterable[Work], *, workers: int, scaling: Scaling, seed: int = 1) -> Outcome:
    """One phase: a Distributed Map whose children are `works`, at most `workers` at once."""
    outcome = Outcome()
    tasks = _bundled(list(works), outcome)
    if not tasks:
        return outcome
    rng = random.Random(seed)  # noqa: S311 - scatter, the same each time
    events: list[tuple[float, int, int, int]] = []  # time, worker, task, portion done
    for worker in range(min(workers, len(tasks))):
        ready = worker // scaling.environments * scaling.interval + scaling.cold
        events.append((ready, worker, -1, 0))
    heapify(events)
    next_task = 0
    scatter = [0.0] * len(events)
    while events:
        now, worker, task, portion = heappop(events)
        steps = tasks[task] if task >= 0 else ()
        if portion >= len(steps) * PORTIONS:
            if next_task >= len(tasks):
                continue
            task, portion, next_task = next_task, 0, next_task + 1
            scatter[worker] = 1 + SCATTER * (2 * rng.random() - 1)
        step = tasks[task][portion // PORTIONS]
        own = now + step.seconds / PORTIONS * scatter[worker]
        done = max(own, step.rate.take(now, step.units / PORTIONS)) if step.rate and step.units else own
        _note(outcome, step, own=own - now, more=done - own)
        outcome.gb_seconds += (done - now) * step.memory_gb
        outcome.seconds = max(outcome.seconds, done)
        heappush(events, (done, worker, task, portion + 1))
    return outcome


def _note(outcome: Outcome, step: Step, *, own: float, more: float) -> None:
    outcome.waited[step.waits_for] = outcome.waited.get(step.waits_for, 0.0) + own
    if more and step.rate:
        outcome.waited[step.rate.name] = outcome.waited.get(step.rate.name, 0.0) + more


def _bundled(works: list[Work], outcome: Outcome) -> list[Sequence[Step]]:
    """The tasks, many of them as one: a worker takes as long for the bundle as for its parts one after the other.

    Works are spread evenly over each other, as the tasks' own order is: no stretch is all of one account.
    """
    size = max(1, ceil(sum(work.number for work in works) / MOST_TASKS))
    placed: list[tuple[float, int, Sequence[Step]]] = []
    for kind, work in enumerate(works):
        outcome.calls += work.number * work.calls
        for step in work.steps:
            if step.rate:
                step.rate.start()
        full, rest = divmod(work.number, size)
        bundles = [[step.times(size) for step in work.steps]] * full
        if rest:
            bundles.append([step.times(rest) for step in work.steps])
        placed += [((n + 0.5) / len(bundles), kind, bundle) for n, bundle in enumerate(bundles)]
    return [bundle for _, _, bundle in sorted(placed, key=lambda each: each[:2])]
