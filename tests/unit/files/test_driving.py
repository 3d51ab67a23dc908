"""Many copies at once."""

import threading
from collections.abc import Iterator

from waybill.files.domain import S3Location
from waybill.files.driving import TRIES, Throttle, copy_many
from waybill.files.jobs import CopyFault, CopyJob, CopyOutcome, CopyStatus


def job(n: int) -> CopyJob:
    return CopyJob(str(n), S3Location("old", str(n)), None, "new", (str(n),))


def done(one: CopyJob) -> CopyOutcome:
    return CopyOutcome(one.entry_id, CopyStatus.COPIED)


def failed(one: CopyJob, fault: CopyFault) -> CopyOutcome:
    return CopyOutcome(one.entry_id, CopyStatus.FAILED, error_class=fault)


def never() -> bool:
    return False


def test_every_job_has_one_outcome() -> None:
    outcomes = list(copy_many(map(job, range(100)), done, in_flight=7, deadline=never, stop=never))
    assert sorted(int(outcome.entry_id) for outcome in outcomes) == list(range(100))


def test_as_many_copies_as_allowed_run_together_and_no_more() -> None:
    together = threading.Barrier(4, timeout=20)
    running, most, lock = 0, 0, threading.Lock()

    def copy(one: CopyJob) -> CopyOutcome:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait()
        with lock:
            running -= 1
        return done(one)

    assert len(list(copy_many(map(job, range(40)), copy, in_flight=4, deadline=never, stop=never))) == 40
    assert most == 4


def test_jobs_are_taken_only_as_they_are_needed() -> None:
    taken: list[int] = []

    def jobs() -> Iterator[CopyJob]:
        for n in range(1000):
            taken.append(n)
            yield job(n)

    outcomes = copy_many(jobs(), done, in_flight=3, deadline=never, stop=never)
    next(outcomes)
    assert len(taken) <= 3
    outcomes.close()  # type: ignore[attr-defined]


def test_when_time_is_up_what_is_in_hand_is_finished_and_the_rest_is_left() -> None:
    begun: list[str] = []

    def copy(one: CopyJob) -> CopyOutcome:
        begun.append(one.entry_id)
        return done(one)

    outcomes = list(copy_many(map(job, range(100)), copy, in_flight=2, deadline=lambda: len(begun) >= 10, stop=never))
    assert 10 <= len(outcomes) <= 12
    assert sorted(outcome.entry_id for outcome in outcomes) == sorted(begun)


def test_a_paused_run_begins_nothing() -> None:
    assert list(copy_many(map(job, range(9)), done, in_flight=2, deadline=never, stop=lambda: True)) == []


def test_a_throttled_copy_is_tried_again() -> None:
    seen: list[str] = []

    def copy(one: CopyJob) -> CopyOutcome:
        seen.append(one.entry_id)
        return failed(one, CopyFault.SERVICE_UNAVAILABLE) if seen.count(one.entry_id) < 3 else done(one)

    outcomes = list(copy_many(map(job, range(5)), copy, in_flight=4, deadline=never, stop=never))
    assert {outcome.status for outcome in outcomes} == {CopyStatus.COPIED}
    assert len(seen) == 15


def test_a_copy_that_stays_throttled_fails_in_the_end() -> None:
    seen: list[str] = []

    def copy(one: CopyJob) -> CopyOutcome:
        seen.append(one.entry_id)
        return failed(one, CopyFault.SERVICE_UNAVAILABLE)

    (outcome,) = copy_many([job(1)], copy, in_flight=4, deadline=never, stop=never)
    assert outcome.error_class is CopyFault.SERVICE_UNAVAILABLE
    assert len(seen) == TRIES


def test_a_file_cut_off_by_the_time_limit_fails_only_if_it_had_all_the_time() -> None:
    def copy(one: CopyJob) -> CopyOutcome:
        return failed(one, CopyFault.OUT_OF_TIME)

    outcomes = list(copy_many(map(job, range(5)), copy, in_flight=2, deadline=never, stop=never))
    assert sorted(outcome.entry_id for outcome in outcomes) == ["0", "1"]


def test_the_throttle_halves_once_for_a_window_and_grows_by_one() -> None:
    throttle = Throttle(most=16, limit=16)
    throttle.was_busy(begun_in=0)
    throttle.was_busy(begun_in=0)
    assert throttle.limit == 8
    for _ in range(8):
        throttle.succeeded()
    assert throttle.limit == 9
    for _ in range(10):
        throttle.was_busy(begun_in=throttle.epoch)
    assert throttle.limit == 1
    for _ in range(1000):
        throttle.succeeded()
    assert throttle.limit == 16
