"""Counts the requests that a task makes, by service and operation, whichever of its threads sends them: who sends one says so."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

WRITE_UNITS, READ_UNITS = "dynamodb write units", "dynamodb read units"
B = TypeVar("B", bound="Boto")


class Boto(Protocol):
    """Any of boto3's clients."""

    @property
    def meta(self) -> Any: ...


class Requests:
    """Requests by kind: `s3 CopyObject`, `salesforce query`, `stepfunctions StateTransition`. Each attempt is one. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, float] = {}

    def add(self, kind: str, number: float = 1) -> None:
        with self._lock:
            self._counts[kind] = self._counts.get(kind, 0) + number

    def add_all(self, counts: Mapping[str, float]) -> None:
        for kind, number in counts.items():
            self.add(kind, number)

    @property
    def counts(self) -> dict[str, float]:
        """In order of kind; whole numbers but for read units, of which there are halves."""
        with self._lock:
            return {kind: int(number) if number == int(number) else number for kind, number in sorted(self._counts.items())}


# Tasks that run at the same time in one process, as locally, each have their own. Threads take it along: see parallel.py.
_current: ContextVar[Requests | None] = ContextVar("requests", default=None)


@contextmanager
def counting() -> Iterator[Requests]:
    """Counts what is sent inside, by this thread and by those that it starts."""
    requests = Requests()
    token = _current.set(requests)
    try:
        yield requests
    finally:
        _current.reset(token)


def count(kind: str, number: float = 1) -> None:
    """One more request. Where nobody counts, nothing happens."""
    requests = _current.get()
    if requests is not None:
        requests.add(kind, number)


def so_far() -> Mapping[str, float]:
    """What the task has counted up to now."""
    requests = _current.get()
    return {} if requests is None else requests.counts


def counted(client: B) -> B:
    """A boto3 client, its requests counted: botocore makes one anew for each attempt, and says so."""
    service = client.meta.service_model.service_name

    def sent(operation_name: str, **_: Any) -> None:
        count(f"{service} {operation_name}")

    client.meta.events.register("request-created", sent)
    return client


def summed(many: Iterable[Mapping[str, float]]) -> Counter[str]:
    """Counts added up."""
    total: Counter[str] = Counter()
    for counts in many:
        total.update(counts)
    return total


def by_service(counts: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Counts for people: `{"s3": {"CopyObject": 300}}`, the most frequent first."""
    found: dict[str, dict[str, float]] = {}
    for kind, number in sorted(counts.items(), key=lambda each: -each[1]):
        service, _, operation = kind.partition(" ")
        found.setdefault(service, {})[operation] = int(number) if number == int(number) else number
    return dict(sorted(found.items()))


def of_service(counts: Mapping[str, float], service: str) -> float:
    """Requests of one service; units are no requests."""
    return sum(number for kind, number in counts.items() if kind.startswith(f"{service} ") and not kind.endswith(" units"))
