"""What an input was read into, in the work bucket: the job, and the rows of its tables. Written once per run."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from waybill.records.domain import Job, ObjectJob, Operation, StagedRow, Table
from waybill.runs.work import WorkBucket, run_prefix

# Rows that are turned into bytes together.
_BATCH = 2_000


class StagedTables:
    """The rows of a run's tables. Streams: a table may be of any size."""

    def __init__(self, *, work: WorkBucket, run_id: str) -> None:
        self._work = work
        self._run_id = run_id

    def rows(self, number: int) -> Iterator[StagedRow]:
        for row in self._work.rows(_table_key(self._run_id, number)):
            yield StagedRow(row["row"], row["values"])

    def put(self, number: int, rows: Iterable[StagedRow]) -> int:
        """Writes a table; how many rows it has."""
        count = 0
        with self._work.writer(_table_key(self._run_id, number), content_type="application/jsonl") as out:
            batch: list[str] = []
            for row in rows:
                batch.append(json.dumps({"row": row.row, "values": row.values}, ensure_ascii=False, separators=(",", ":")))
                count += 1
                if len(batch) == _BATCH:
                    out.write(("\n".join(batch) + "\n").encode())
                    batch.clear()
            if batch:
                out.write(("\n".join(batch) + "\n").encode())
        return count


def put_job(work: WorkBucket, run_id: str, job: Job) -> None:
    """Written after the tables: where it stands, the input has been read."""
    work.put(_job_key(run_id), json.dumps(asdict(job), ensure_ascii=False).encode())


def find_job(work: WorkBucket, run_id: str) -> Job | None:
    found = work.get(_job_key(run_id))
    return None if found is None else _job(json.loads(found))


def _job(given: Mapping[str, Any]) -> Job:
    objects = (
        {
            **each,
            "operation": Operation(each["operation"]),
            "external_id": tuple(each["external_id"]),
            "fields": tuple(each["fields"]),
        }
        for each in given["objects"]
    )
    return Job(
        objects=tuple(ObjectJob(**each) for each in objects),
        tables=tuple(Table(**{**table, "headers": tuple(table["headers"])}) for table in given["tables"]),
        warnings=tuple(given["warnings"]),
    )


def _job_key(run_id: str) -> str:
    return f"{run_prefix(run_id)}job.json"


def _table_key(run_id: str, number: int) -> str:
    return f"{run_prefix(run_id)}tables/{number}.jsonl"
