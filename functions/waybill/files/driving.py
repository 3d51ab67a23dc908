"""Keeps many copies in flight, gives way when S3 is busy, and stops taking new ones when time is up."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Protocol, Self

from waybill.files.jobs import CopyFault, CopyJob, CopyOutcome
from waybill.parallel import thread

TRIES = 6  # of a job that S3 throttled
LOOK_SECONDS = 1.0  # between two looks at the time, where nothing happens


@dataclass(slots=True)
class Throttle:
    """How many copies may be in flight: halved when S3 is busy, one more after each full window of successes.

    `epoch` numbers the halvings: of a window that was throttled together, only the first counts.
    """

    most: int
    limit: int
    epoch: int = 0
    successes: int = 0

    def succeeded(self) -> None:
        self.successes += 1
        if self.successes >= self.limit:
            self.limit = min(self.most, self.limit + 1)
            self.successes = 0

    def was_busy(self, *, begun_in: int) -> None:
        if begun_in == self.epoch:
            self.limit = max(1, self.limit // 2)
            self.epoch += 1
            self.successes = 0


@dataclass(slots=True)
class Attempt:
    """A job in hand. `error`: what `copy` raised, which it should not."""

    job: CopyJob
    early: bool
    number: int = 1
    epoch: int = 0
    outcome: CopyOutcome | None = None
    error: BaseException | None = None


class Lane(Protocol):
    """A way for the many copies that need no thread of their own."""

    @property
    def in_hand(self) -> int:
        """Attempts that were begun and have not been given back."""

    def begin(self, attempt: Attempt) -> bool:
        """False where this file needs the long way."""

    def ended(self, *, seconds: float) -> list[tuple[Attempt, CopyOutcome | CopyJob]]:
        """What came of some, after `seconds` at the latest: an outcome, or the job to be gone on with on the long way."""

    def wake(self) -> None:
        """Has `ended` come back at once. For other threads."""


class _Crew:
    """Threads that copy what they are given. Futures would cost as much as a copy: two queues do."""

    def __init__(self, copy: Callable[[CopyJob], CopyOutcome], *, ring: Callable[[], None]) -> None:
        self._copy, self._ring = copy, ring
        self._todo: SimpleQueue[Attempt | None] = SimpleQueue()
        self._done: SimpleQueue[Attempt] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.in_hand = 0

    def give(self, attempt: Attempt) -> None:
        self.in_hand += 1
        if self.in_hand > len(self._threads):
            self._threads.append(thread(self._work, name=f"copy-{len(self._threads)}"))
            self._threads[-1].start()
        self._todo.put(attempt)

    def finished(self) -> list[Attempt]:
        """Waits for one, and takes what else is there."""
        return self.ready([self._done.get()])

    def ready(self, found: list[Attempt] | None = None) -> list[Attempt]:
        """Takes what is there, without waiting."""
        found = found or []
        try:
            while True:
                found.append(self._done.get_nowait())
        except Empty:
            self.in_hand -= len(found)
            return found

    def _work(self) -> None:
        while (attempt := self._todo.get()) is not None:
            try:
                attempt.outcome = self._copy(attempt.job)
            except BaseException as error:  # noqa: BLE001 - raised where the outcomes are asked for
                attempt.error = error
            self._done.put(attempt)
            self._ring()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for _ in self._threads:
            self._todo.put(None)
        for each in self._threads:
            each.join()


def copy_many(
    jobs: Iterable[CopyJob],
    copy: Callable[[CopyJob], CopyOutcome],
    *,
    in_flight: int,
    deadline: Callable[[], bool],
    stop: Callable[[], bool],
    lane: Lane | None = None,
) -> Iterator[CopyOutcome]:
    """Outcomes as they come, in any order. `copy` is run in up to `in_flight` threads; what the `lane` takes needs none.

    When `deadline` or `stop` says so, no new job is begun and those in flight are waited for. A job without an outcome
    remains for the caller: not begun, throttled too late to be tried again, or cut off by the time limit (unless it had
    been among the first, with all the time there is: then it has failed with OUT_OF_TIME and another try would, too).
    """
    waiting = iter(jobs)
    again: deque[Attempt] = deque()
    throttle = Throttle(in_flight, in_flight)
    begun = 0
    lane = lane or _NoLane()
    with _Crew(copy, ring=lane.wake) as crew:
        while True:
            while crew.in_hand + lane.in_hand < throttle.limit and not (deadline() or stop()):
                if again:
                    attempt = again.popleft()
                else:
                    job = next(waiting, None)
                    if job is None:
                        break
                    attempt = Attempt(job, early=begun < in_flight)
                    begun += 1
                attempt.epoch = throttle.epoch
                if attempt.number > 1 or not lane.begin(attempt):
                    crew.give(attempt)
            if not crew.in_hand and not lane.in_hand:
                return
            for attempt in _ended(crew, lane):
                outcome = _settled(attempt, throttle)
                if outcome is None:
                    again.append(attempt)
                elif outcome.error_class is not CopyFault.UNFINISHED and (
                    outcome.error_class is not CopyFault.OUT_OF_TIME or attempt.early
                ):
                    yield outcome


def _ended(crew: _Crew, lane: Lane) -> list[Attempt]:
    """Attempts that have an outcome; waits where none has. What the lane cannot finish goes to the crew."""
    if not lane.in_hand:
        return crew.finished()
    ended = crew.ready() if crew.in_hand else []
    for attempt, found in lane.ended(seconds=0 if ended else LOOK_SECONDS):
        if isinstance(found, CopyOutcome):
            attempt.outcome = found
            ended.append(attempt)
        else:
            attempt.job = found
            crew.give(attempt)
    return ended


class _NoLane:
    """Lane that takes nothing."""

    in_hand = 0

    def begin(self, attempt: Attempt) -> bool:
        del attempt
        return False

    def ended(self, *, seconds: float) -> list[tuple[Attempt, CopyOutcome | CopyJob]]:
        del seconds
        return []

    def wake(self) -> None:
        pass


def _settled(attempt: Attempt, throttle: Throttle) -> CopyOutcome | None:
    """The outcome of an attempt; None where S3 was too busy for it and it is to be made again."""
    if attempt.error is not None:
        raise attempt.error
    assert attempt.outcome is not None
    if attempt.outcome.error_class is not CopyFault.SERVICE_UNAVAILABLE:
        throttle.succeeded()
        return attempt.outcome
    throttle.was_busy(begun_in=attempt.epoch)
    if attempt.number == TRIES:
        return attempt.outcome
    attempt.number += 1
    return None
