"""The simulation agrees with what can be reckoned by hand, and is the same each time."""

import time

import pytest

from waybill.files.model.simulation import Outcome, Rate, Scaling, Step, Work, simulate

AT_ONCE = Scaling(cold=0.0)


def phase(work: Work, *, workers: int, scaling: Scaling = AT_ONCE) -> Outcome:
    return simulate([work], workers=workers, scaling=scaling)


def test_tasks_share_the_workers() -> None:
    outcome = phase(Work(100, (Step("own", 10.0),)), workers=10)
    assert outcome.seconds == pytest.approx(100, rel=0.1)
    assert outcome.waited == {"own": pytest.approx(1_000, rel=0.05)}
    assert outcome.calls == 100


def test_a_rate_that_all_share_holds_all_up() -> None:
    step = Step("own", 1.0, Rate("shared", 50.0), 500.0)
    outcome = phase(Work(20, (step,)), workers=20)
    assert outcome.seconds == pytest.approx(200, rel=0.05)
    assert outcome.waited["shared"] > outcome.waited["own"]


def test_a_rate_that_doubles_serves_more_from_then_on() -> None:
    steady = phase(Work(10, (Step("own", 0.0, Rate("s", 10.0), 100.0),)), workers=10)
    growing = phase(Work(10, (Step("own", 0.0, Rate("s", 10.0, doubles_after=20.0, most=40.0), 100.0),)), workers=10)
    assert steady.seconds == pytest.approx(100)
    assert 25 < growing.seconds < 60


def test_environments_come_in_their_own_time() -> None:
    work = Work(500, (Step("own", 1.0),))
    slow = phase(work, workers=500, scaling=Scaling(environments=100, interval=10.0, cold=0.0))
    assert phase(work, workers=500).seconds < 2
    assert 4 < slow.seconds < 12


def test_waiting_is_billed_by_memory() -> None:
    outcome = phase(Work(10, (Step("own", 10.0, memory_gb=2.0),)), workers=1)
    assert outcome.gb_seconds == pytest.approx(200, rel=0.1)


def test_bundles_take_as_long_as_their_tasks() -> None:
    rate = 1_000.0
    few = phase(Work(900, (Step("own", 2.0, Rate("s", rate), 100.0),)), workers=20)
    many = phase(Work(9_000, (Step("own", 0.2, Rate("s", rate), 10.0),)), workers=20)
    assert many.seconds == pytest.approx(few.seconds, rel=0.05)


def test_a_large_piece_runs_beside_the_small_ones() -> None:
    works = [Work(100, (Step("own", 1.0),)), Work(1, (Step("own", 50.0),))]
    assert simulate(works, workers=2, scaling=AT_ONCE).seconds < 115


def test_it_is_the_same_each_time_and_quick() -> None:
    work = Work(200_000, (Step("own", 1.0), Step("own", 2.0, Rate("s", 3_500.0), 500.0)))
    began = time.process_time()
    first = phase(work, workers=40)
    assert time.process_time() - began < 2
    work = Work(200_000, (Step("own", 1.0), Step("own", 2.0, Rate("s", 3_500.0), 500.0)))
    assert phase(work, workers=40) == first


def test_no_work_takes_no_time() -> None:
    assert simulate([], workers=5, scaling=AT_ONCE) == Outcome()
