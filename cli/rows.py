"""What a load or an undo came to, for people: its rows object by object, and the rows that were not written."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from cli import words
from cli.app import ROW_COUNTS
from cli.tables import table

ERRORS_SHOWN = 20
# An undo has no input: what it looks at are the rows that the load wrote.
_LABELS = {
    "undo": {"inserted": "created again", "updated": "restored", "unchanged": "nothing to do", "rejected": "left alone"},
    "sync": {"total": "rows", "inserted": "new", "rejected": "in conflict", "deleted": "deleted in Salesforce"},
}


def show_rows(console: Console, run: Mapping[str, Any]) -> None:
    """A line for each object, and their sum where there are several. Columns that hold nothing are left out."""
    rows, objects = run.get("rows") or {}, run.get("objects") or {}
    labels = _LABELS.get(str(run.get("kind")), {})
    shown = [name for name in ROW_COUNTS if name == "total" or rows.get(name)]
    if not rows.get("total") and not rows.get("deleted"):
        console.print(Text("No rows."))
        return
    page = table("", "object", *(f">{labels.get(name, name)}" for name in shown))
    for name, counts in objects.items():
        page.add_row(Text(words.safe(name)), *(_number(counts.get(count)) for count in shown))
    if len(objects) > 1:
        page.add_section()
        page.add_row("all", *(_number(rows.get(count)) for count in shown))
    console.print(page)


def _number(value: object) -> str:
    return words.count(value) if value else "."


def show_row_errors(
    console: Console,
    errors: Sequence[Mapping[str, Any]],
    *,
    run_id: str | None = None,
    limit: int = ERRORS_SHOWN,
    title: str = "Rows that were not written",
) -> None:
    """A table of rows that were rejected or failed; more than `limit` are left to the report."""
    if not errors:
        return
    page = table(title, "where", ">row", "field", "code", "what happened")
    for error in errors[:limit]:
        where = " ".join(str(error[name]) for name in ("file", "sheet") if error.get(name)) or error.get("object")
        cells = (where, error.get("row") or "", error.get("field"), error.get("code"), error.get("message"))
        page.add_row(*(Text(words.safe(cell)) for cell in cells))
    console.print(page)
    if len(errors) > limit:
        console.print(
            f"{words.count(len(errors) - limit)} more: waybill runs show {words.safe(run_id)} --report FILE", markup=False
        )


def next_of_rows(run: Mapping[str, Any], *, dry: bool) -> str:
    """What to do next."""
    run_id, rows = run.get("run_id"), run.get("rows") or {}
    if dry:
        return f"Nothing was written. Every row, with old and new values: waybill runs show {run_id} --report FILE.csv. For real: the same with --execute"
    if run.get("kind") == "undo":
        return ""
    undo = f"To undo it: waybill undo --run {run_id} --dry-run --wait"
    if rows.get("rejected") or rows.get("failed"):
        return f"Once it is mended: waybill retry --run {run_id} --execute --wait. {undo}"
    return undo


def next_of_sync(run: Mapping[str, Any]) -> str:
    """What to do next."""
    rows = run.get("rows") or {}
    fetch = f"The workbook: waybill runs show {run.get('run_id')} --report FILE.xlsx"
    if rows.get("rejected"):
        return f"Both have changed what is in conflict: decide on the sheet Waybill conflicts, then sync again. {fetch}"
    return fetch
