"""Keeps many copies in flight, gives way when S3 is busy, and stops taking new ones when time is up."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from waybill.files.jobs import CopyFault, CopyJob, CopyOutcome

TRIES = 6  # of a job that S3 throttled


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


@dataclass(frozen=True, slots=True)
class _Attempt:
    job: CopyJob
    number: int
    epoch: int
    early: bool


def copy_many(
    jobs: Iterable[CopyJob],
    copy: Callable[[CopyJob], CopyOutcome],
    *,
    in_flight: int,
    deadline: Callable[[], bool],
    stop: Callable[[], bool],
) -> Iterator[CopyOutcome]:
    """Outcomes as they come, in any order. `copy` is run in up to `in_flight` threads.

    When `deadline` or `stop` says so, no new job is begun and those in flight are waited for. A job without an outcome
    remains for the caller: not begun, throttled too late to be tried again, or cut off by the time limit (unless it had
    been among the first, with all the time there is: then it has failed with OUT_OF_TIME and another try would, too).
    """
    waiting = iter(jobs)
    again: deque[_Attempt] = deque()
    throttle = Throttle(in_flight, in_flight)
    pending: dict[Future[CopyOutcome], _Attempt] = {}
    begun = 0
    pool = ThreadPoolExecutor(in_flight)
    try:
        while True:
            ended = deadline() or stop()
            while not ended and len(pending) < throttle.limit:
                attempt = again.popleft() if again else None
                if attempt is None:
                    job = next(waiting, None)
                    if job is None:
                        break
                    attempt = _Attempt(job, 1, throttle.epoch, begun < in_flight)
                    begun += 1
                pending[pool.submit(copy, attempt.job)] = replace(attempt, epoch=throttle.epoch)
                ended = deadline() or stop()
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                attempt = pending.pop(future)
                outcome = future.result()
                if outcome.error_class is CopyFault.SERVICE_UNAVAILABLE:
                    throttle.was_busy(begun_in=attempt.epoch)
                    if attempt.number < TRIES:
                        again.append(replace(attempt, number=attempt.number + 1))
                        continue
                else:
                    throttle.succeeded()
                if outcome.error_class is CopyFault.OUT_OF_TIME and not attempt.early:
                    continue
                yield outcome
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
