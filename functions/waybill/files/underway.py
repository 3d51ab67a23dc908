"""How far a shard's copies are while they are made, for those who look on. The shard's result takes its place; nothing is built on it."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from math import ceil

from waybill.errors import ServiceUnavailable
from waybill.files.jobs import CopyOutcome, CopyStatus
from waybill.parallel import threads
from waybill.runs.model import Counts
from waybill.runs.moving import moved
from waybill.runs.store import RunStore
from waybill.telemetry import logger

# Files between two looks whether the run is to pause: each keeps the copies waiting.
ASKED_EVERY = 250
# A shard tells ten times how far it is, but not for fewer than a hundred files.
TIMES, LEAST = 10, 100
_STEP = "DOING#"


def every(files: int) -> int:
    """After how many files it is told."""
    return max(LEAST, ceil(files / TIMES))


def tellings(files: int) -> int:
    """How often it is told of so many files: not at their end, which the shard's result tells."""
    return max(0, ceil(files / every(files)) - 1)


@dataclass(frozen=True, slots=True)
class Underway:
    """`before`: files of the shard that earlier calls have dealt with; `files`: those of this one."""

    store: RunStore
    run_id: str
    shard: str
    before: int
    files: int

    def watch(self, outcomes: Iterable[CopyOutcome]) -> Iterator[CopyOutcome]:
        """The outcomes as they come. A thread of its own tells: copying does not wait for it."""
        copied, skipped, failed, size = self.before, 0, 0, 0
        step = every(self.files)
        with threads(1) as teller:
            for number, outcome in enumerate(outcomes, 1):
                if outcome.status is CopyStatus.COPIED:
                    copied, size = copied + 1, size + (outcome.facts.size if outcome.facts else 0)
                elif outcome.status is CopyStatus.EXISTING:
                    skipped += 1
                else:
                    failed += 1
                if number % step == 0 and number < self.files:
                    teller.submit(self._tell, {"copied": copied, "skipped": skipped, "failed": failed, "bytes": size})
                yield outcome

    def _tell(self, counts: dict[str, int]) -> None:
        try:
            self.store.note(self.run_id, f"{_STEP}{self.shard}", {**counts, "done": sum(counts.values()) - counts["bytes"]})
        except ServiceUnavailable as error:  # it is for looking on only
            logger.warning("shard under way not told", extra={"run_id": self.run_id, "reason": str(error)})
        else:
            moved(self.run_id)


def underway(store: RunStore, run_id: str, *, without: Container[str]) -> Counts:
    """What is done of shards that have no result yet; `without`: the names of those that have."""
    found = Counts()
    for item in store.results(run_id, _STEP):
        if item["sk"].removeprefix(_STEP) not in without:
            found += Counts(**{name: item[name] for name in ("copied", "skipped", "failed", "bytes")})
    return found
