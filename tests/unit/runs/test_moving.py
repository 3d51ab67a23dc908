"""A run that moves says so, and nothing that goes wrong with saying it goes wrong with the run."""

import json
from typing import Any

import pytest

from waybill.runs.moving import moved, telling, to_bus


class Bus:
    def __init__(self, error: Exception | None = None) -> None:
        self.entries: list[dict[str, Any]] = []
        self._error = error

    def put_events(self, *, Entries: list[dict[str, Any]]) -> None:  # noqa: N803 - EventBridge's name
        self.entries += Entries
        if self._error is not None:
            raise self._error


def test_a_move_is_an_event_with_the_runs_id_alone() -> None:
    bus = Bus()
    with telling(to_bus(lambda: bus, stage="dev")):
        moved("backup-1")
    (entry,) = bus.entries
    assert (entry["Source"], entry["DetailType"], json.loads(entry["Detail"])) == (
        "waybill.dev",
        "Run Moved",
        {"run_id": "backup-1"},
    )


def test_where_nobody_tells_nothing_happens() -> None:
    moved("backup-1")


@pytest.mark.parametrize("error", [TimeoutError("no answer"), RuntimeError("no client"), KeyError("x")])
def test_a_bus_that_does_not_answer_fails_nothing(error: Exception) -> None:
    bus = Bus(error)
    with telling(to_bus(lambda: bus, stage="dev")):
        moved("backup-1")
        moved("backup-1")
    assert len(bus.entries) == 2


def test_one_task_does_not_tell_for_another() -> None:
    one, other = Bus(), Bus()
    with telling(to_bus(lambda: one, stage="dev")):
        with telling(to_bus(lambda: other, stage="dev")):
            moved("inner")
        moved("outer")
    assert [json.loads(entry["Detail"])["run_id"] for entry in (*one.entries, *other.entries)] == ["outer", "inner"]
