"""How much a plan may take of a task: memory, by what its rows weigh, and time. Beyond that a load is refused, before anything is written."""

from collections.abc import Callable
from typing import Final

from waybill.errors import NotReady

# Bytes that a row takes beside its values, indexes included: a row of the org, a row of the input. Measured.
EXISTING: Final = 600
GIVEN: Final = 1_100
# Rows between two looks at the clock.
_OFTEN: Final = 1_000


class Room:
    """Of one plan. `most`: bytes; None: as much as there is."""

    def __init__(self, *, most: int | None, time_is_up: Callable[[], bool]) -> None:
        self._most = most
        self._time_is_up = time_is_up
        self._taken = 0
        self._existing = 0
        self._given = 0

    def existing(self, values: int) -> None:
        """A row of the org comes in, with so many bytes of values. Raises NotReady where there is no room for it, as `given` does."""
        self._existing += 1
        self._take(values + EXISTING)

    def given(self, values: int) -> None:
        """A row of the input."""
        self._given += 1
        self._take(values + GIVEN)

    def _take(self, weight: int) -> None:
        self._taken += weight
        if self._most is not None and self._taken > self._most:
            raise self._refused(f"room for {self._most / 1e6:,.0f} MB of rows (plan_mb)")
        if not (self._existing + self._given) % _OFTEN and self._time_is_up():
            raise self._refused("the time of a task")

    def _refused(self, what: str) -> NotReady:
        return NotReady(
            f"The load is too large to be planned at once: {what} was used up after {self._given:,} rows of the input and "
            f"{self._existing:,} rows that the org has of its objects and their parents. Nothing was written. Load it in parts: fewer "
            "objects, or fewer rows."
        )
