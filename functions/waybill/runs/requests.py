"""The requests of a run, kept call by call and summed up at its end."""

import uuid
from collections import Counter
from collections.abc import Mapping
from math import ceil

from waybill.counting import WRITE_UNITS, summed
from waybill.runs.machine import CALL
from waybill.runs.model import RunRecord
from waybill.table import Table

_EACH, _ALL = "REQUESTS#", "REQUESTS"
# What it takes to keep a call's requests.
OWN_RECORD: Mapping[str, float] = {"dynamodb PutItem": 1, WRITE_UNITS: 1}


class RequestLog:
    """Counts are by kind, as in `waybill.counting`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def keep(self, run_id: str, task: str, counts: Mapping[str, float]) -> None:
        """Keeps what a call of a task counted, and this write. Each attempt has an item of its own: what it sent was sent."""
        kept = summed([counts, OWN_RECORD])
        self._table.put({"pk": _run(run_id), "sk": f"{_EACH}{task}#{uuid.uuid4().hex[:16]}", "counts": kept})

    def so_far(self, run_id: str) -> Counter[str]:
        """All that the run's calls have counted, those that have ended."""
        return summed(item["counts"] for item in self._table.query(_run(run_id), prefix=_EACH))

    def close(self, run_id: str, counts: Mapping[str, float]) -> None:
        """Keeps the sum, for whoever looks at the run. A run that is resumed has another in the end."""
        self._table.put({"pk": _run(run_id), "sk": _ALL, "counts": counts})

    def of(self, run_id: str) -> dict[str, float]:
        """The sum; empty before the run's end."""
        item = self._table.get(_run(run_id), _ALL)
        return dict(item["counts"]) if item else {}


def still_to_come(record: RunRecord) -> Counter[str]:
    """What the end of a run takes once its requests are summed up: report, sum, the run's item, lock, event, and the call's own record.

    `record`: as it will be; the index has it as well, so that its units count twice.
    """
    units = 2 * ceil(len(record.model_dump_json()) / 1024) + 1
    found = CALL + Counter({"s3 PutObject": 1, "dynamodb PutItem": 1, "dynamodb UpdateItem": 1, "events PutEvents": 1})
    if record.options.parent is None:
        found += Counter({"dynamodb UpdateItem": 1, WRITE_UNITS: 1})
    return summed([found, {WRITE_UNITS: units}, OWN_RECORD])


def _run(run_id: str) -> str:
    return f"RUN#{run_id}"
