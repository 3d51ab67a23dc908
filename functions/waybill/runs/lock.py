"""The lock that backup, cutover and rollback share, with a fencing number that only grows."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from waybill.errors import LockLost
from waybill.table import ConditionFailed, Table

_SK = "LOCK"


@dataclass(frozen=True, slots=True)
class Granted:
    """The lock is ours; every write of the run carries `fence`."""

    fence: int


@dataclass(frozen=True, slots=True)
class Held:
    """Another run holds the lock and its execution is alive."""

    run_id: str
    execution_arn: str


class Lock:
    """`LOCK#<name>`. A holder whose execution no longer runs is taken over by conditional put."""

    def __init__(self, *, table: Table, name: str, is_running: Callable[[str], bool]) -> None:
        self._table = table
        self._pk = f"LOCK#{name}"
        self._is_running = is_running

    def acquire(self, *, run_id: str, execution_arn: str) -> Granted | Held:
        """Asking again from the same execution gives the same fence."""
        while True:
            current = self._table.get(self._pk, _SK)
            if current and current["held"]:
                if current["execution_arn"] == execution_arn:
                    return Granted(current["fence"])
                if self._is_running(current["execution_arn"]):
                    return Held(current["run_id"], current["execution_arn"])
            fence = (current["fence"] if current else 0) + 1
            try:
                self._put(run_id, execution_arn, fence=fence, was=current)
            except ConditionFailed:
                continue  # another run was faster: look again who it is
            return Granted(fence)

    def _put(self, run_id: str, execution_arn: str, *, fence: int, was: dict[str, Any] | None) -> None:
        item = {"pk": self._pk, "sk": _SK, "run_id": run_id, "execution_arn": execution_arn, "fence": fence, "held": True}
        if was is None:
            self._table.put(item, condition="attribute_not_exists(pk)")
        else:
            self._table.put(item, condition="fence = :was AND held = :held", values={":was": was["fence"], ":held": was["held"]})

    def is_held(self, fence: int) -> bool:
        """Whether the lock is held still by whom it was given to with this fence."""
        current = self._table.get(self._pk, _SK)
        return current is not None and current["held"] and current["fence"] == fence

    def release(self, fence: int) -> None:
        """Does nothing where the lock has gone to another run meanwhile."""
        try:
            self._table.update(
                self._pk, _SK, expression="SET held = :no", values={":no": False, ":fence": fence}, condition="fence = :fence"
            )
        except ConditionFailed:
            return


def holder(table: Table, *, name: str, is_running: Callable[[str], bool]) -> str | None:
    """The run that is at work under the lock; None where nobody is."""
    current = table.get(f"LOCK#{name}", _SK)
    return current["run_id"] if current and current["held"] and is_running(current["execution_arn"]) else None


def begin_at(table: Table, *, name: str, fence: int) -> None:
    """Makes the lock of a table that has lost it. `fence` is to be beyond any that was ever given: late writes of old runs then fail."""
    item = {"pk": f"LOCK#{name}", "sk": _SK, "run_id": "", "execution_arn": "", "fence": fence, "held": False}
    with suppress(ConditionFailed):
        table.put(item, condition="attribute_not_exists(pk)")


def ensure_held(table: Table, *, name: str, fence: int) -> None:
    """Raises LockLost where another run has taken the lock over. Asked directly before anything is written to Salesforce."""
    current = table.get(f"LOCK#{name}", _SK)
    if current is None or not current["held"] or current["fence"] != fence:
        holder = current["run_id"] if current else "nobody"
        raise LockLost(f"The lock is held by {holder} now: this run writes nothing more. Start it again.")
