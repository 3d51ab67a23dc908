"""The plan that stands for a run: the first one that was made. A planning task that comes late finds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from waybill.clock import iso
from waybill.records.domain import Planned
from waybill.records.plans import PlanFiles
from waybill.runs.model import RowCounts
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket

_FACT = "PLAN"


@dataclass(frozen=True, slots=True)
class Standing:
    """`rows`, `objects`: what the plan foretells. `org_time`: the org's clock when planning began, `organization` its id. `steps`: how many."""

    folder: str
    steps: int
    rows: RowCounts
    objects: Mapping[str, RowCounts]
    org_time: str
    organization: str = ""


def folder_of(now: datetime) -> str:
    """A folder that no other planning task of the run has: tasks that come after one another differ in time."""
    return f"{now:%Y%m%dT%H%M%S%f}"


def put_plan(
    planned: Planned,
    *,
    store: RunStore,
    work: WorkBucket,
    run_id: str,
    folder: str,
    org_time: datetime | None,
    bulk_from: int | None,
    organization: str = "",
    **extra: Any,
) -> Standing:
    """Writes the plan; gives the one that stands."""
    files = PlanFiles(work=work, run_id=run_id, folder=folder)
    steps = files.put(planned, extra=extra, bulk_from=bulk_from)
    summary = planned.summary
    store.record(
        run_id,
        _FACT,
        {
            "folder": folder,
            "steps": len(steps),
            "rows": summary.rows.as_dict(),
            "objects": {name: counts.as_dict() for name, counts in summary.objects.items()},
            "org_time": iso(org_time) if org_time else "",
            "organization": organization,
        },
    )
    standing = find_plan(store, run_id)
    assert standing is not None
    return standing


def find_plan(store: RunStore, run_id: str) -> Standing | None:
    found = store.result(run_id, _FACT)
    if found is None:
        return None
    return Standing(
        folder=found["folder"],
        steps=found["steps"],
        rows=RowCounts(**found["rows"]),
        objects={name: RowCounts(**counts) for name, counts in found["objects"].items()},
        org_time=found["org_time"],
        organization=found.get("organization", ""),
    )


def files_of(standing: Standing, *, work: WorkBucket, run_id: str) -> PlanFiles:
    return PlanFiles(work=work, run_id=run_id, folder=standing.folder)
