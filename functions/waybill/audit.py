"""The audit: who did what, when, from where, to what. Append-only, each record chained to the one before by its hash.

The chain is checked by whoever reads it (`check`), not by who wrote it. A record that was changed, taken out or put in breaks it at its
place; a chain cut off at its end is told by the head, which the same transaction moves, or by a hash that somebody has noted elsewhere.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any, Self

# What the first record is chained to.
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One entry. `action`: the route; `resource`: what it was done to; `of`: the sequence of the entry that it is the outcome of, else 0.

    `detail`: JSON as text, small and without secrets: what was asked for and what was there before, or what came of it.
    """

    sequence: int
    at: str
    actor: str
    role: str
    source: str
    action: str
    resource: str
    outcome: str
    detail: str
    of: int
    previous: str
    hash: str = ""

    def sealed(self) -> Self:
        return replace(self, hash=self.digest())

    def digest(self) -> str:
        """SHA-256 (hex) over everything but the hash itself, as JSON with sorted keys and no blanks, in UTF-8."""
        content = {name: value for name, value in asdict(self).items() if name != "hash"}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    @classmethod
    def of_json(cls, raw: Mapping[str, Any]) -> Self:
        """Raises KeyError where it is no record."""
        return cls(**{name: raw[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain. `first_day` is that of the oldest record; without any record there is none."""

    sequence: int = 0
    hash: str = GENESIS
    at: str = ""
    first_day: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """Where the chain breaks, and how."""

    sequence: int
    why: str


def check(records: Iterable[Record], head: Head, *, noted: Iterable[str] = ()) -> Broken | None:
    """Whether the chain holds, from the first record to the head. `noted`: hashes that somebody has kept, which must be in it."""
    missing, last, sequence = set(noted), GENESIS, 0
    for record in records:
        sequence += 1
        if record.sequence != sequence:
            return Broken(sequence, f"record {sequence} is missing: the next one is {record.sequence}")
        if record.previous != last:
            return Broken(sequence, f"record {sequence} does not follow the one before it")
        if record.digest() != record.hash:
            return Broken(sequence, f"record {sequence} is not as it was written")
        last = record.hash
        missing.discard(last)
    if (sequence, last) != (head.sequence, head.hash):
        return Broken(sequence + 1, f"the chain ends at record {sequence}, and should at {head.sequence}")
    if missing:
        return Broken(sequence, f"the hash {min(missing)} that was noted is not in the chain")
    return None


def days(head: Head, *, until: Callable[[], date]) -> Iterator[str]:
    """The days that may have records, from the first to today."""
    if not head.first_day:
        return
    day, last = date.fromisoformat(head.first_day), max(until(), date.fromisoformat(head.at[:10]))
    while day <= last:
        yield day.isoformat()
        day += timedelta(days=1)
