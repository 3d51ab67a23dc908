"""Large pieces by Bulk API 2.0: jobs that the state machine waits for, their results matched with the planned rows."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from waybill.errors import SalesforceError
from waybill.records.domain import Action, PlannedRow
from waybill.records.journal import Place, RowOutcome
from waybill.records.plans import StepFile
from waybill.records.writing import Ready, resolve
from waybill.runs.work import WorkBucket, run_prefix
from waybill.salesforce.bulk import BulkJobs, BulkOperation, BulkResult, JobState
from waybill.salesforce.bulk_csv import PART_BYTES, SentRows, csv_parts
from waybill.salesforce.faults import is_transient

NOT_PROCESSED = "NOT_PROCESSED"
_OPERATIONS = {Action.INSERT: BulkOperation.INSERT, Action.UPDATE: BulkOperation.UPDATE}
# Seconds between two looks at a job: a second for so many rows, within these bounds.
_ROWS_PER_SECOND, _SHORTEST, _LONGEST = 2_500, 2, 30


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """`locked`: rows that were certainly not written, for a reason that passes."""

    outcomes: list[RowOutcome]
    locked: list[Ready]


class BulkLoader:
    """The jobs of one run. A job's id is noted before its rows are sent, and is the only one for them: its rows are taken once, and
    only closing it sets Salesforce to work, once.
    """

    def __init__(self, *, jobs: BulkJobs, work: WorkBucket, run_id: str, part_bytes: int = PART_BYTES) -> None:
        self._jobs = jobs
        self._work = work
        self._at = f"{run_prefix(run_id)}jobs/"
        self._part_bytes = part_bytes

    def advance(
        self, place: Place, step: StepFile, rows: Callable[[], Iterable[PlannedRow]], ids: Mapping[int, str]
    ) -> BulkOutcome | int:
        """Takes a piece one step further: seconds to wait before it is asked again, or what became of the rows."""
        jobs = self._submitted(place)
        # Asked before the rows are read: most looks at a job find it at work.
        if jobs is not None and not all(self._jobs.job(job).state.done for job in jobs):
            return self._wait(step)
        ready, failed = resolve(rows(), ids)
        if not ready:
            return BulkOutcome(failed, [])
        columns = sorted({name for each in ready for name in each.fields})
        columns = ["Id", *columns] if step.action is Action.UPDATE else columns
        sent = [{**({"Id": each.id} if each.id else {}), **each.fields} for each in ready]
        if jobs is None:
            self._submit_all(place, step, sent, columns)
            return self._wait(step)
        found = _Matching(ready, SentRows(sent, columns), step)
        for job in map(self._jobs.job, jobs):
            found.add(self._jobs.successful(job.id))
            found.add(self._jobs.failed(job.id))
            if job.state is not JobState.COMPLETE:
                found.add(self._jobs.unprocessed(job.id), reason=job.error or f"The bulk job ended as {job.state}.")
        outcome = found.outcome()
        return BulkOutcome(failed + outcome.outcomes, outcome.locked)

    @staticmethod
    def _wait(step: StepFile) -> int:
        return min(_LONGEST, max(_SHORTEST, step.rows // len(step.pieces) // _ROWS_PER_SECOND))

    def _submitted(self, place: Place) -> list[str] | None:
        """Ids of the jobs that have the piece's rows, once all of them are closed."""
        noted = self._work.get(f"{self._at}{place}.json")
        found: list[str] | None = json.loads(noted) if noted is not None else None
        return found

    def _submit_all(self, place: Place, step: StepFile, sent: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
        jobs = [
            self._submit(f"{self._at}{place}-{number}.json", step, part.data)
            for number, part in enumerate(csv_parts(sent, columns, limit=self._part_bytes))
        ]
        self._work.put(f"{self._at}{place}.json", json.dumps(jobs).encode())

    def _submit(self, key: str, step: StepFile, data: bytes) -> str:
        """Whoever comes after an attempt that broke off, or beside it, goes on with the job that was noted first."""
        noted, own = self._work.get(key), ""
        if noted is None:
            own = self._jobs.create(step.object, _OPERATIONS[step.action]).id
            self._work.put_new(key, json.dumps(own).encode())
            noted = self._work.get(key)
        job_id: str = json.loads(noted or b'""')
        if job_id == own or self._jobs.job(job_id).state is JobState.OPEN:
            self._jobs.upload(job_id, data, again=job_id != own)
            self._jobs.close(job_id)
        return job_id


class _Matching:
    """Results put to the rows that they are about."""

    def __init__(self, ready: Sequence[Ready], sent: SentRows, step: StepFile) -> None:
        self._ready = ready
        self._sent = sent
        self._step = step
        self._outcomes: list[RowOutcome] = []
        self._locked: list[Ready] = []
        self._told: set[int] = set()

    def add(self, results: Iterable[BulkResult], *, reason: str = "") -> None:
        for result in results:
            number = self._sent.take(result.values)
            if number is None:
                raise SalesforceError(f"A bulk job on {self._step.object} tells of a row that was not sent.")
            self._told.add(number)
            each = self._ready[number]
            if not result.ok and is_transient(result.code, result.message):
                self._locked.append(each)
                continue
            code = result.code or ("" if result.ok else NOT_PROCESSED)
            record = each.id or result.id or None
            self._outcomes.append(
                RowOutcome(ok=result.ok, id=record, n=each.row.n, of=each.row.of, code=code, message=reason or result.message)
            )

    def outcome(self) -> BulkOutcome:
        """Rows of which Salesforce says nothing have failed: reading back shows whether they are there."""
        silent = (each for number, each in enumerate(self._ready) if number not in self._told)
        message = "The bulk job's results say nothing of this row."
        self._outcomes += [
            RowOutcome(ok=False, id=each.id, n=each.row.n, of=each.row.of, code=NOT_PROCESSED, message=message) for each in silent
        ]
        return BulkOutcome(self._outcomes, self._locked)
