"""What a client has used: calls by kind, the org's API quota, and the org's own clock."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

_LIMIT_INFO = re.compile(r"(?:^|[;\s])api-usage=(\d+)/(\d+)")


class Kind(StrEnum):
    """What a call is for. A run's calls are counted by it."""

    LOGIN = "login"
    QUERY = "query"
    RETRIEVE = "retrieve"
    COMPOSITE = "composite"
    UPDATE = "update"
    BULK = "bulk"
    DESCRIBE = "describe"
    CHANGES = "changes"
    LIMITS = "limits"
    TOOLING = "tooling"
    IDENTITY = "identity"


@dataclass(frozen=True, slots=True)
class Usage:
    """API calls of the org in the last 24 hours, those of others included. A limit of 0: not known yet."""

    used: int
    limit: int

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit else 0.0


class Meter:
    """Counts calls and remembers what replies say about quota and time. Thread-safe."""

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._usage = Usage(0, 0)
        self._usage_at = monotonic()
        self._org_time: datetime | None = None

    def count(self, kind: Kind) -> None:
        with self._lock:
            self._calls[kind.value] += 1

    def observe(self, headers: Mapping[str, str]) -> None:
        """Reads `Sforce-Limit-Info` and `Date` of a reply."""
        info = _LIMIT_INFO.search(headers.get("Sforce-Limit-Info", ""))
        if info:
            self.learn(Usage(int(info[1]), int(info[2])))
        try:
            moment = parsedate_to_datetime(headers.get("Date", ""))
        except ValueError:
            return
        # A Date without a zone is GMT: the only one that HTTP allows.
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        with self._lock:
            self._org_time = moment

    def learn(self, usage: Usage) -> None:
        with self._lock:
            self._usage = usage
            self._usage_at = self._monotonic()

    @property
    def calls(self) -> Mapping[str, int]:
        with self._lock:
            return dict(self._calls)

    @property
    def usage(self) -> Usage:
        with self._lock:
            return self._usage

    @property
    def usage_age(self) -> float:
        """Seconds since the usage was learnt."""
        with self._lock:
            return self._monotonic() - self._usage_at

    @property
    def org_time(self) -> datetime | None:
        with self._lock:
            return self._org_time
