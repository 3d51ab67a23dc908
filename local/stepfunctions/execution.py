"""Executions, Map Runs and their children, as the API shows them."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from local.stepfunctions.history import History
from local.stepfunctions.scope import Scope


class Status(StrEnum):
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


@dataclass(slots=True)
class Execution:
    """One run of a state machine, or one child of a Map Run. `input` and `output` are JSON text."""

    arn: str
    name: str
    machine_arn: str
    machine_name: str
    role_arn: str
    input: str
    started: datetime
    scope: Scope
    history: History
    map_run_arn: str | None = None
    status: Status = Status.RUNNING
    stopped: datetime | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    stop_error: str | None = None
    stop_cause: str | None = None
    done: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _watchers: list[threading.Event] = field(default_factory=list)

    def watch(self) -> threading.Event:
        """An event of the caller's own, set when the execution is over: a cancelled wait sets the event that it waits for."""
        event = threading.Event()
        with self._lock:
            self._watchers.append(event)
        if self.done.is_set():
            event.set()
        return event

    def finish(self) -> None:
        """Says that it is over."""
        self.done.set()
        with self._lock:
            watchers = list(self._watchers)
        for event in watchers:
            event.set()

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    def described(self) -> dict[str, Any]:
        """DescribeExecution's reply."""
        included = {"included": True}
        reply: dict[str, Any] = {
            "executionArn": self.arn,
            "stateMachineArn": self.machine_arn,
            "name": self.name,
            "status": self.status.value,
            "startDate": self.started,
            "input": self.input,
            "inputDetails": included,
            "redriveCount": 0,
        }
        optional = {
            "stopDate": self.stopped,
            "output": self.output,
            "outputDetails": included if self.output is not None else None,
            "mapRunArn": self.map_run_arn,
            "error": self.error,
            "cause": self.cause,
        }
        return reply | {name: value for name, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Child:
    """What stays of a Map Run's child: enough to list it."""

    name: str
    status: Status
    started: datetime
    stopped: datetime | None
    items: int


@dataclass(slots=True)
class MapRun:
    """One run of a Distributed Map. `children` by name; `kept` holds those that run or failed (or all), whole. Counts are of items."""

    arn: str
    execution_arn: str
    machine_arn: str
    started: datetime
    concurrency: int
    tolerated_percentage: float
    tolerated_count: int
    total_items: int
    total_children: int
    status: str = "RUNNING"
    stopped: datetime | None = None
    written: int = 0
    children: dict[str, Child] = field(default_factory=dict)
    kept: dict[str, Execution] = field(default_factory=dict)
    running: int = 0
    running_items: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def described(self) -> dict[str, Any]:
        """DescribeMapRun's reply."""
        with self.lock:
            children = list(self.children.values())
            running = (self.running, self.running_items)
        reply: dict[str, Any] = {
            "mapRunArn": self.arn,
            "executionArn": self.execution_arn,
            "status": self.status,
            "startDate": self.started,
            "maxConcurrency": self.concurrency,
            "toleratedFailurePercentage": self.tolerated_percentage,
            "toleratedFailureCount": self.tolerated_count,
            "redriveCount": 0,
            "executionCounts": _counts([(child.status, 1) for child in children], self.total_children, running[0], self.written),
            "itemCounts": _counts(
                [(child.status, child.items) for child in children], self.total_items, running[1], self.written
            ),
        }
        return reply if self.stopped is None else reply | {"stopDate": self.stopped}


def _counts(ended: list[tuple[Status, int]], total: int, running: int, written: int) -> Mapping[str, int]:
    names = {Status.SUCCEEDED: "succeeded", Status.FAILED: "failed", Status.TIMED_OUT: "timedOut", Status.ABORTED: "aborted"}
    counts = dict.fromkeys(names.values(), 0)
    for status, number in ended:
        counts[names[status]] += number
    pending = total - running - sum(counts.values())
    return {**counts, "pending": max(pending, 0), "running": running, "total": total, "resultsWritten": written}
