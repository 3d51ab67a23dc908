"""The history of one execution, in the shape of GetExecutionHistory."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from local.stepfunctions.errors import RUNTIME, StateError

# Events that one execution may have, the last of which says that it ended.
LIMIT = 25_000


class History:
    """Events of one execution, whose branches may write at the same time."""

    def __init__(self, clock: Callable[[], datetime], limit: int = LIMIT) -> None:
        self._clock = clock
        self._limit = limit
        self._lock = threading.Lock()
        self._events: list[dict[str, Any]] = []

    def add(self, kind: str, previous: int, details: dict[str, Any], *, last: bool = False) -> int:
        """The new event's id. Raises an uncatchable error when only the execution's `last` event still fits."""
        with self._lock:
            if not last and len(self._events) >= self._limit - 1:
                raise StateError(RUNTIME, f"The execution reached the maximum number of history events ({self._limit}).")
            number = len(self._events) + 1
            self._events.append({"timestamp": self._clock(), "type": kind, "id": number, "previousEventId": previous, **details})
            return number

    def events(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._events)

    def drop(self) -> None:
        """Forgets all, for the child of a Distributed Map that nobody will ask about."""
        with self._lock:
            self._events = []


def data(name: str, text: str) -> dict[str, Any]:
    """A field that holds JSON text, with the details that AWS adds."""
    return {name: text, f"{name}Details": {"truncated": False}}


def failure(error: StateError) -> dict[str, str]:
    """Error and cause as event details have them; what is missing is left out."""
    pairs = (("error", error.error), ("cause", error.cause))
    return {name: value for name, value in pairs if value is not None}
