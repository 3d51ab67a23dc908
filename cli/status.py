"""The command that says where the migration stands: `waybill status`."""

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cli import words
from cli.app import App, WaybillCommand
from cli.errors import ExitCode
from cli.export import as_csv, as_json, save
from cli.results import show_errors
from cli.tables import figures, table

ERRORS_WANTED = 20
RUNS_SEARCHED = 10  # newest runs in which errors are looked for
TOP_ACCOUNTS = 10

_FILE_WORDS = {
    "total": "files",
    "verified": "copied and verified, old URL (phase 1)",
    "switched": "switched to the new URL (phase 2)",
    "rolled_back": "rolled back to the old URL",
    "conflict": "in conflict, left alone",
    "failed": "failed",
    "source_missing": "missing at the source",
    "source_archived": "archived at the source",
    "excluded": "excluded by configuration",
    "entry_deleted": "deleted in Salesforce",
}
_ACCOUNT_COLUMNS = (
    "account_id", "name", "entries", "files", "bytes", "verified", "switched", "rolled_back",
    "failed", "source_missing", "source_archived", "conflict", "excluded", "entry_deleted",
)  # fmt: skip


@click.command(
    cls=WaybillCommand,
    epilog="""
    waybill status
    waybill status --all --export migration_report.json
    waybill status --recent-errors 20
    waybill status --cleanup-days 30
    """,
)
@click.option("--overview", is_flag=True, help="Files and phases; what you get without any option.")
@click.option("--accounts", is_flag=True, help="Every account with its files and states.")
@click.option("--readiness", is_flag=True, help="May the cutover begin? Asks Salesforce as well.")
@click.option("--errors", is_flag=True, help=f"The last {ERRORS_WANTED} errors, and how many of each class.")
@click.option("--recent-errors", type=click.IntRange(1, 10_000), metavar="N", help="The last N errors.")
@click.option("--all", "everything", is_flag=True, help="All of the above.")
@click.option("--export", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Save all of it as JSON, or the accounts as CSV if FILE ends in .csv.")  # fmt: skip
@click.option("--cleanup-days", type=click.IntRange(1, 3650), metavar="N",
              help="Delete the records of runs that ended more than N days ago. Files and old URLs stay.")  # fmt: skip
@click.pass_obj
def status(
    app: App, *, overview: bool, accounts: bool, readiness: bool, errors: bool, recent_errors: int | None,
    everything: bool, export: Path | None, cleanup_days: int | None,
) -> ExitCode:  # fmt: skip
    """Where the migration stands."""
    removed = _clean_up(app, cleanup_days) if cleanup_days is not None else None
    whole = everything or export is not None
    overview = overview or not (accounts or readiness or errors or recent_errors)
    found = app.client.get("/status")
    payload: dict[str, Any] = {name: found.get(name) or {} for name in ("files", "accounts", "phases", "readiness")}
    if readiness or whole:
        payload["readiness"] = app.client.get("/readiness")
    if accounts or whole:
        payload["accounts"] = {**payload["accounts"], "items": [flat(item) for item in app.client.pages("/accounts")]}
    if errors or recent_errors or whole:
        payload["errors"] = _recent_errors(app, recent_errors or ERRORS_WANTED)
    if removed is not None:
        payload["cleanup"] = removed
    if export is not None:
        as_table = export.suffix.lower() == ".csv"
        save(export, [as_csv(payload["accounts"]["items"], _ACCOUNT_COLUMNS) if as_table else as_json(payload)])
        payload["export"] = str(export)

    def page(console: Console) -> None:
        if overview or everything:
            _show_overview(console, payload)
        if accounts or everything:
            show_accounts(console, payload["accounts"]["items"])
        if readiness or everything:
            show_readiness(console, payload["readiness"])
        if errors or recent_errors or everything:
            _show_errors(console, payload["errors"])
        if removed is not None:
            console.print(f"{words.plural(int(removed.get('deleted', 0)), 'run record')} deleted.", markup=False)
        if export is not None:
            console.print(Text(f"Saved: {export}"))

    return app.finish(payload, show=page)


def _clean_up(app: App, days: int) -> dict[str, Any]:
    """The API deletes as many as it has time for: asked until nothing is left."""
    deleted = 0
    while True:
        reply = app.client.delete("/runs", older_than_days=days)
        deleted += int(reply.get("deleted", 0))
        if not reply.get("more"):
            return {"deleted": deleted}


def _recent_errors(app: App, wanted: int) -> list[dict[str, Any]]:
    """The newest error rows, newest run first; what several runs met alike is shown once."""
    seen: set[tuple[object, ...]] = set()

    def rows() -> Iterator[dict[str, Any]]:
        for run in app.client.pages("/runs", limit=RUNS_SEARCHED):
            files = run.get("files") or {}
            if (
                run.get("errors")
                or any(files.get(name) for name in ("failed", "held_back", "conflicts"))
                or run.get("status") == "failed"
            ):
                for row in app.client.pages(f"/runs/{run['run_id']}/errors", limit=wanted):
                    same = (row.get("class"), row.get("entry_id"), row.get("account_id"), row.get("message"))
                    if same not in seen:
                        seen.add(same)
                        yield row

    return list(itertools.islice(rows(), wanted))


def flat(account: dict[str, Any]) -> dict[str, Any]:
    """An account as one row: its states are columns."""
    return {**{name: value for name, value in account.items() if name != "states"}, **(account.get("states") or {})}


def _show_overview(console: Console, payload: dict[str, Any]) -> None:
    files, phases = payload["files"], payload["phases"]
    if not files.get("total"):
        console.print("No file is known yet. Begin with `waybill plan`, then `waybill backup --full --wait`.", markup=False)
    counts = figures("Files")
    for name, label in _FILE_WORDS.items():
        if files.get(name) or name == "total":
            counts.add_row(words.count(files.get(name, 0)), label)
    if files.get("bytes"):
        counts.add_row(words.size(files["bytes"]), "at the destination")
    if isinstance(files.get("success_rate"), (int, float)):
        counts.add_row(f"{files['success_rate']:.1%}", "success rate")
    if payload["accounts"].get("total"):
        counts.add_row(words.count(payload["accounts"]["total"]), "accounts")
    console.print(counts)
    last = table("Last runs", "kind", "run", "mode", "status", "started", "took")
    for kind, run in phases.items():
        if isinstance(run, dict) and run.get("run_id"):
            cells = (kind, run.get("run_id"), run.get("mode"), run.get("status"), words.when(run.get("started_at")))
            last.add_row(*(Text(words.safe(cell)) for cell in cells), words.between(run.get("started_at"), run.get("ended_at")))
    if last.row_count:
        console.print(last)
    if files.get("total") and payload["readiness"].get("ready") is not None:
        console.print(_ready_line(payload["readiness"]))


def _ready_line(readiness: dict[str, Any]) -> Text:
    if not readiness.get("ready"):
        return Text("Not ready for the cutover: `waybill status --readiness` says why.", style="bold yellow")
    left = int(readiness.get("unverified") or 0)
    without = f", without {words.plural(left, 'file')} that no backup has verified" if left else ""
    return Text(f"Ready for the cutover{without}.", style="bold green")


def show_readiness(console: Console, readiness: dict[str, Any]) -> None:
    """The readiness checks, each with what to do about it."""
    show_checks(console, "Readiness", list(readiness.get("checks") or []))
    console.print(_ready_line(readiness))


def show_checks(console: Console, title: str, checks: list[dict[str, Any]]) -> None:
    """Checks {name, ok, detail, fix}: `ok` None means that it could not be told."""
    rows = table(title, "", "check", "found", "what to do")
    for check in checks:
        mark = _mark(ok=check.get("ok"), blocking=bool(check.get("blocking", True)))
        fix = words.safe(check.get("fix")) if check.get("fix") and not check.get("ok") else ""
        rows.add_row(mark, Text(words.safe(check.get("name"))), Text(words.safe(check.get("detail"))), Text(fix))
    console.print(rows)


def _mark(*, ok: bool | None, blocking: bool) -> Text:
    if ok is None:
        return Text("?", style="yellow")
    if ok:
        return Text("ok", style="green")
    return Text("no", style="bold red") if blocking else Text("!", style="yellow")


def show_accounts(console: Console, accounts: list[dict[str, Any]]) -> None:
    """Accounts as a table; the columns of trouble appear only where there is any."""
    if not accounts:
        console.print("No account has entries.")
        return
    columns = [
        name
        for name in _ACCOUNT_COLUMNS
        if name in {"account_id", "name", "entries", "files", "bytes"} or any(account.get(name) for account in accounts)
    ]
    names = {"account_id": "account", "name": "name"}
    rows = table("Accounts", *(names.get(column, ">" + column.replace("_", " ")) for column in columns))
    for account in accounts:
        rows.add_row(*(Text(_account_cell(name, account.get(name))) for name in columns))
    console.print(rows)


def _account_cell(name: str, value: object) -> str:
    if name in {"account_id", "name"}:
        return words.safe(value)
    return words.size(value) if name == "bytes" else words.count(value) if value is not None else "-"


def _show_errors(console: Console, errors: list[dict[str, Any]]) -> None:
    if not errors:
        console.print("No errors in the latest runs.")
        return
    classes = Counter(str(error.get("class")) for error in errors)
    console.print(
        Text("By class: " + ", ".join(f"{words.safe(name)} {words.count(number)}" for name, number in classes.most_common()))
    )
    show_errors(console, list(errors), limit=len(errors))
