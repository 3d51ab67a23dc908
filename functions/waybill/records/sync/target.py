"""Where synced workbooks stand in the work bucket: one object for each name, put only over the one that was read."""

from dataclasses import dataclass
from typing import Any, Final

from waybill.errors import NotReady
from waybill.runs.work import WorkBucket, run_prefix

CONTENT_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Stored:
    """What stands under a name. `run`: whose result it is; `edition` as in Memory."""

    etag: str
    run: str
    edition: str


def target_key(name: str) -> str:
    return f"sync/{name}.xlsx"


def result_key(run_id: str) -> str:
    """A run's own copy of its result, which stays what it is."""
    return f"{run_prefix(run_id)}workbook.xlsx"


def find(work: WorkBucket, name: str) -> Stored | None:
    found = work.head(target_key(name))
    if found is None:
        return None
    note: dict[str, Any] = found["Metadata"]
    return Stored(found["ETag"], str(note.get("run", "")), str(note.get("edition", "")))


def put(work: WorkBucket, name: str, body: bytes, *, was: str, run_id: str, edition: str) -> None:
    """Raises NotReady where another workbook stands there than the one with the ETag `was` (empty: than none)."""
    note = {"run": run_id, "edition": edition}
    if not work.put_over(target_key(name), body, was=was, content_type=CONTENT_TYPE, note=note):
        raise NotReady(f"The workbook {name} was replaced while this run was at work on it. Nothing was written: start it again.")
