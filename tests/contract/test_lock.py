"""The lock: one run at a time, taken over from the dead, and a fencing number that only grows."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from waybill.errors import LockLost
from waybill.runs.lock import Granted, Held, Lock, ensure_held
from waybill.table import Table


def lock(table: Table, *alive: str) -> Lock:
    return Lock(table=table, name="files", is_running=lambda arn: arn in alive)


def test_the_second_run_is_told_who_holds_the_lock(table: Table) -> None:
    assert lock(table).acquire(run_id="backup-1", execution_arn="arn:1") == Granted(1)
    assert lock(table, "arn:1").acquire(run_id="cutover-2", execution_arn="arn:2") == Held("backup-1", "arn:1")


def test_the_same_execution_may_ask_again(table: Table) -> None:
    lock(table).acquire(run_id="backup-1", execution_arn="arn:1")
    assert lock(table, "arn:1").acquire(run_id="backup-1", execution_arn="arn:1") == Granted(1)


def test_a_holder_whose_execution_no_longer_runs_is_taken_over_with_a_higher_fence(table: Table) -> None:
    lock(table).acquire(run_id="backup-1", execution_arn="arn:1")
    assert lock(table).acquire(run_id="backup-2", execution_arn="arn:2") == Granted(2)
    with pytest.raises(LockLost, match="backup-2"):
        ensure_held(table, name="files", fence=1)
    ensure_held(table, name="files", fence=2)


def test_a_stale_holder_cannot_release_its_successors_lock(table: Table) -> None:
    lock(table).acquire(run_id="backup-1", execution_arn="arn:1")
    lock(table).acquire(run_id="backup-2", execution_arn="arn:2")
    lock(table).release(1)
    ensure_held(table, name="files", fence=2)


def test_after_a_release_the_fence_still_grows(table: Table) -> None:
    lock(table).acquire(run_id="backup-1", execution_arn="arn:1")
    lock(table).release(1)
    with pytest.raises(LockLost):
        ensure_held(table, name="files", fence=1)
    assert lock(table).acquire(run_id="backup-2", execution_arn="arn:2") == Granted(2)


def test_of_many_that_ask_at_once_just_one_gets_it(table: Table) -> None:
    everybody = [f"arn:{n}" for n in range(16)]

    def ask(arn: str) -> Granted | Held:
        return lock(table, *everybody).acquire(run_id=arn, execution_arn=arn)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, everybody))
    assert [type(answer) for answer in answers].count(Granted) == 1
