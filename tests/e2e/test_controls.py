"""A run can be paused, resumed and cancelled; the quota guard parks it before the org's calls are used up."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.scene import Handler, Json, RunResult, Scene
from waybill.files.domain import FileState


@pytest.fixture
def customer(scene: Scene) -> Scene:
    for name in ("Acme Corporation", "Second Ltd", "Third Ltd", "Fourth Ltd"):
        scene.files_of(scene.account(name), 3, stem=name[:3])
    return scene


@contextmanager
def after_first(scene: Scene, function: str, action: Callable[[], object]) -> Iterator[None]:
    """Does something once, when the function has done its first piece of work."""
    due, guard = [action], threading.Lock()

    def wrapper(event: Json, context: Any, handler: Handler) -> Json:
        reply = handler(event, context)
        with guard:
            while due:
                due.pop()()
        return reply

    with scene.around(function, wrapper):
        yield
    assert not due, f"{function} was never called"


def the_run(scene: Scene) -> str:
    """The run that is at work, by its lock."""
    (lock,) = scene.table_items("LOCK")
    return str(lock["run_id"]["S"])


def ask(scene: Scene, what: str) -> Callable[[], object]:
    return lambda: scene.call("POST", f"/runs/{the_run(scene)}/{what}", expect=202)


def paused_and_resumed(scene: Scene, function: str, run: Callable[[], RunResult]) -> tuple[RunResult, RunResult]:
    with after_first(scene, function, ask(scene, "pause")):
        stopped = run()
    assert (stopped.status, stopped.exit_code) == ("paused", 3)
    return stopped, scene.resume(stopped.id)


@pytest.mark.parametrize(
    ("function", "mode"),
    [
        ("ListAccounts", "full"),
        ("ListFiles", "full"),
        ("ListFiles", "incremental"),
        ("CollectShards", "incremental"),
        ("CopyFiles", "full"),
        ("ValidateFiles", "incremental"),
    ],
)
def test_a_backup_is_paused_and_goes_on_where_it_stood(customer: Scene, function: str, mode: str) -> None:
    with customer.small(shard=2, packet=3):
        stopped, done = paused_and_resumed(customer, function, lambda: customer.backup(mode))
    assert stopped.files.get("verified", 0) < 12
    assert (done.id, done.status, done.exit_code) == (stopped.id, "completed", 0)
    assert done.files == {"total": 12, "copied": 12, "verified": 12}
    assert {file.state for file in customer.items().values()} == {FileState.VERIFIED}
    assert len(customer.objects()) == len(customer.planted) == len(customer.items())
    assert customer.backup("incremental").exit_code == 0


@pytest.mark.parametrize("function", ["CheckReadiness", "ListFiles", "PlanUnits", "UpdateUrls"])
def test_a_cutover_is_paused_and_goes_on_where_it_stood(customer: Scene, function: str) -> None:
    customer.backup("full")
    with customer.small(packet=3, unit=3):
        stopped, done = paused_and_resumed(customer, function, lambda: customer.cutover(canary=0))
    assert stopped.files.get("switched", 0) < 12
    assert (done.status, done.exit_code) == ("completed", 0)
    assert done.files["switched"] == 12
    assert {file.state for file in customer.items().values()} == {FileState.SWITCHED}
    assert all(customer.opened(customer.url(planted)) == planted.body for planted in customer.planted.values())
    rows = customer.report(done, "rollback.csv").splitlines()
    assert len(rows) == 13, "every row that was switched, before the pause or after it"


def test_a_rollback_is_paused_and_goes_on_where_it_stood(customer: Scene) -> None:
    customer.backup("full")
    customer.cutover()
    with customer.small(unit=3):
        stopped, done = paused_and_resumed(customer, "RestoreUrls", lambda: customer.rollback(all=True))
    assert 0 < stopped.files["rolled_back"] < 12
    assert done.files["rolled_back"] == 12
    assert all(customer.url(planted) == planted.url for planted in customer.planted.values())


def test_a_cancelled_run_ends_keeps_what_it_did_and_the_next_one_does_the_rest(customer: Scene) -> None:
    with customer.small(shard=2, packet=3):
        with after_first(customer, "ValidateFiles", ask(customer, "cancel")):
            stopped = customer.backup("full")
        assert (stopped.status, stopped.exit_code) == ("cancelled", 3)
        assert 0 < stopped.files["verified"] < 12
        kept = customer.objects()
        rest = customer.backup("full")
    assert rest.files["skipped"] + rest.files["copied"] == rest.files["verified"] == 12
    assert kept.items() <= customer.objects().items()
    assert len(customer.objects()) == 12


def test_a_cancelled_cutover_leaves_the_other_links_and_can_be_rolled_back(customer: Scene) -> None:
    customer.backup("full")
    with customer.small(unit=3), after_first(customer, "UpdateUrls", ask(customer, "cancel")):
        stopped = customer.cutover(canary=0)
    switched = [planted for planted in customer.planted.values() if customer.is_new(customer.url(planted))]
    assert stopped.status == "cancelled"
    assert 0 < stopped.files["switched"] == len(switched) < 12
    assert customer.rollback(run_id=stopped.id).files["rolled_back"] == len(switched)
    assert all(customer.url(planted) == planted.url for planted in customer.planted.values())


def test_a_paused_run_gives_the_lock_back_and_another_may_work_meanwhile(customer: Scene) -> None:
    with customer.small(shard=2, packet=3):
        with after_first(customer, "CopyFiles", ask(customer, "pause")):
            stopped = customer.backup("full")
        between = customer.backup("full")
        done = customer.resume(stopped.id)
    assert between.files["verified"] == 12
    assert done.status == "completed"
    assert len(customer.objects()) == 12
    assert {file.state for file in customer.items().values()} == {FileState.VERIFIED}


def test_the_quota_guard_parks_a_backup_and_a_resume_completes_it(customer: Scene) -> None:
    simulator = customer.stack.simulator
    with customer.small(packet=3), after_first(customer, "ListAccounts", lambda: setattr(simulator, "api_used", 85_000)):
        parked = customer.backup("full")
    assert (parked.status, parked.exit_code) == ("paused", 3)
    assert "quota" in parked.message
    simulator.api_used = 0
    done = customer.resume_later(parked.id)
    assert done.files == {"total": 12, "copied": 12, "verified": 12}


def test_the_quota_guard_parks_a_cutover_and_a_resume_completes_it(customer: Scene) -> None:
    customer.backup("full")
    simulator = customer.stack.simulator
    with customer.small(unit=3), after_first(customer, "UpdateUrls", lambda: setattr(simulator, "api_used", 85_000)):
        parked = customer.cutover(canary=0)
    assert (parked.status, parked.exit_code) == ("paused", 3)
    assert "quota" in parked.message
    assert 0 < parked.files["switched"] < 12
    simulator.api_used = 0
    with customer.small(unit=3):
        done = customer.resume_later(parked.id)
    assert done.files["switched"] == 12
    assert {file.state for file in customer.items().values()} == {FileState.SWITCHED}


@pytest.mark.parametrize("function", ["StartRun", "ListAccounts"])
def test_an_org_whose_calls_are_used_up_parks_a_backup(customer: Scene, function: str) -> None:
    simulator = customer.stack.simulator
    with after_first(customer, function, lambda: simulator.faults.request_limit(None)):
        parked = customer.backup("full")
    assert (parked.status, parked.exit_code) == ("paused", 3)
    assert "REQUEST_LIMIT_EXCEEDED" in parked.message
    simulator.faults.clear()
    done = customer.resume_later(parked.id)
    assert done.files == {"total": 12, "copied": 12, "verified": 12}


def test_an_org_whose_calls_are_used_up_in_the_delta_parks_the_cutover(customer: Scene) -> None:
    customer.backup("full")
    simulator = customer.stack.simulator
    with after_first(customer, "CheckReadiness", lambda: simulator.faults.request_limit(None)):
        parked = customer.cutover()
    assert parked.status == "paused"
    assert "REQUEST_LIMIT_EXCEEDED" in parked.message
    simulator.faults.clear()
    assert customer.resume_later(parked.id).files["switched"] == 12
