"""Reads back what large steps wrote, by bulk queries: some calls for any number of rows. What is expected of a row is held as a digest."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from waybill.records.comparing import plain
from waybill.records.domain import Cell
from waybill.records.plans import StepFile
from waybill.runs.work import WorkBucket, run_prefix
from waybill.salesforce import soql
from waybill.salesforce.bulk import BulkQueries, JobState

# Seconds between two looks at a job: a second for so many rows, within these bounds.
_ROWS_PER_SECOND, _SHORTEST, _LONGEST = 2_500, 2, 30


@dataclass(frozen=True, slots=True)
class Seen:
    """Which of the records are not there, and how many hold other values than were written."""

    lost: frozenset[str]
    differing: int


class BulkReader:
    """The bulk queries of one run's reading back. `since`: the org's own time when the run was planned."""

    def __init__(self, *, queries: BulkQueries, work: WorkBucket, run_id: str, since: str) -> None:
        self._queries = queries
        self._work = work
        self._at = f"{run_prefix(run_id)}reread/"
        self._since = since

    def wait(self, step: StepFile) -> int:
        """Seconds to wait before it is asked again; 0 once the rows can be looked at."""
        noted: str | None = json.loads(self._work.get(self._key(step)) or b"null")
        if noted is None:
            query = soql.select(["Id", *step.fields], step.object, where=f"SystemModstamp >= {self._since}")
            noted = self._queries.create(query).id
            self._work.put(self._key(step), json.dumps(noted).encode())
        job = self._queries.job(noted)
        if job.state.done and job.state is not JobState.COMPLETE:
            self._work.put(self._key(step), b"null")  # begun anew when it is asked again
        elif job.state is JobState.COMPLETE:
            return 0
        return min(_LONGEST, max(_SHORTEST, step.rows // _ROWS_PER_SECOND))

    def look(self, step: StepFile, fields: Sequence[str], expected: Mapping[str, bytes | None]) -> Seen:
        """What the query found. `expected`: digest by id; None where only presence counts."""
        job: str = json.loads(self._work.get(self._key(step)) or b"null")
        left, differing = set(expected), 0
        for row in self._queries.rows(job):
            wanted = expected.get(row["Id"])
            left.discard(row["Id"])
            differing += wanted is not None and wanted != digest([row[field] for field in fields])
        return Seen(frozenset(left), differing)

    def _key(self, step: StepFile) -> str:
        return f"{self._at}{step.step:03d}.json"


def digest(values: Sequence[Cell]) -> bytes:
    """Of a row's values, in one form for what was written and what is read."""
    return hashlib.blake2b(repr([plain(value) for value in values]).encode(), digest_size=16).digest()
