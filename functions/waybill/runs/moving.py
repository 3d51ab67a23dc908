"""Tells the event bus that a run has moved, so that whoever shows it looks again. How far it is by now, its facts say and not the event.

An event that is lost, late or doubled does no harm: it says only which run to look at.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from waybill.telemetry import logger

MOVED = "Run Moved"
Tell = Callable[[str], None]
# Tasks that run at the same time in one process, as locally, each have their own. Threads take it along: see parallel.py.
_current: ContextVar[Tell | None] = ContextVar("moving", default=None)


@contextmanager
def telling(tell: Tell) -> Iterator[None]:
    """`tell(run_id)` is called for each move inside, by this thread and by those that it starts."""
    token = _current.set(tell)
    try:
        yield
    finally:
        _current.reset(token)


def moved(run_id: str) -> None:
    """The run is not where it was. Where nobody tells, nothing happens."""
    tell = _current.get()
    if tell is not None:
        tell(run_id)


def to_bus(bus: Callable[[], Any], *, stage: str) -> Tell:
    """Puts an event for each move. A bus that does not answer fails no task, and the client of `bus` holds none up for long."""

    def tell(run_id: str) -> None:
        entry = {"Source": f"waybill.{stage}", "DetailType": MOVED, "Detail": json.dumps({"run_id": run_id})}
        try:
            bus().put_events(Entries=[entry])
        except Exception as error:  # noqa: BLE001 - what cannot be told must not fail what was done
            logger.warning("move not told", extra={"run_id": run_id, "reason": f"{type(error).__name__}: {error}"})

    return tell
