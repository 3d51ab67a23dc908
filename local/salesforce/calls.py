"""What the simulator was asked: counters, and the last calls, so that tests can say what a run did and cost."""

import re
import threading
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass

_ID = re.compile(r"(?<=/)[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?(?=/|$)")
_VERSION = re.compile(r"/v\d+\.\d+/")
_LOCATOR = re.compile(r"/01g[A-Za-z0-9]+-\d+$")
_REMEMBERED = 10_000


@dataclass(frozen=True)
class Call:
    method: str
    # `/services/data/vXX.0/sobjects/Account/{id}`
    path: str
    status: int
    # It asks to change records, whether or not it was done. Logging in changes none.
    is_write: bool


def template(path: str) -> str:
    path = _LOCATOR.sub("/{locator}", _VERSION.sub("/vXX.0/", path))
    head, _, rest = path.partition("/vXX.0/")
    return head if not rest else f"{head}/vXX.0/" + _named(rest)


def _named(rest: str) -> str:
    if rest.startswith(("sobjects/", "tooling/sobjects/", "jobs/")):
        return _ID.sub(lambda found: "{id}" if any(char.isdigit() for char in found[0]) else found[0], rest)
    return rest


class Calls:
    """May be used from any thread. `status` 0 is a connection that was dropped after the commit."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self.counts: Counter[Call] = Counter()
            self._recent: deque[Call] = deque(maxlen=_REMEMBERED)

    def add(self, call: Call) -> None:
        with self._lock:
            self.counts[call] += 1
            self._recent.append(call)

    def __iter__(self) -> Iterator[Call]:
        """The last calls, oldest first."""
        with self._lock:
            return iter(list(self._recent))

    def __len__(self) -> int:
        """All calls since the last reset."""
        with self._lock:
            return self.counts.total()

    @property
    def writes(self) -> list[Call]:
        """The writing calls among the last ones."""
        return [call for call in self if call.is_write]

    @property
    def write_count(self) -> int:
        with self._lock:
            return sum(count for call, count in self.counts.items() if call.is_write)

    def count(self, method: str, path_part: str) -> int:
        with self._lock:
            return sum(count for call, count in self.counts.items() if call.method == method and path_part in call.path)

    def as_json(self, *, last: int = 100) -> dict[str, object]:
        with self._lock:
            counts = [{**asdict(call), "count": count} for call, count in self.counts.items()]
            recent = [asdict(call) for call in list(self._recent)[-last:]]
        return {"total": sum(entry["count"] for entry in counts), "writes": self.write_count, "counts": counts, "recent": recent}
