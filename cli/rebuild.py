"""The command for the day on which the ledger is lost: rebuild."""

from collections import Counter
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cli import words
from cli.app import App, WaybillCommand
from cli.errors import ExitCode
from cli.migrate import confirm
from cli.params import one_of
from cli.tables import figures

_COUNTED = ("runs", "switched", "verified", "known", "changed", "gone", "missing")
_MEANING = {
    "runs": "runs, from their reports",
    "switched": "files on their new link, with the old one to go back to",
    "verified": "files on their old link, whose copy is there",
    "known": "left as the ledger has them",
    "changed": "have another link by now: the next backup takes it for their source",
    "gone": "are no longer in Salesforce",
    "missing": "have no copy, or another: the next backup copies them",
}


@click.command(
    cls=WaybillCommand,
    epilog="""
    waybill rebuild --dry-run
    waybill rebuild --execute
    """,
)
@click.option("--dry-run", is_flag=True, help="Write nothing: say what would be restored.")
@click.option("--execute", is_flag=True, help="Write to the ledger what it lacks. What it has stays.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def rebuild(app: App, *, dry_run: bool, execute: bool, yes: bool) -> ExitCode:
    """Restore a lost ledger from the reports and plans of former runs. A full backup then restores the rest."""
    one_of(dry_run=dry_run, execute=execute)
    if execute and not yes:
        confirm(app, "Write the ledger anew where it lacks something?")
    counts: Counter[str] = Counter(dict.fromkeys(_COUNTED, 0))
    cursor: str | None = None
    with app.console.status("rebuilding") as note:
        while True:
            page = app.client.post("/rebuild", {"execute": execute, **({"cursor": cursor} if cursor else {})}, key=None)
            counts.update({name: int(page.get(name, 0)) for name in _COUNTED})
            note.update(f"rebuilding: {words.count(counts.total())} runs and files")
            cursor = page.get("next")
            if not cursor:
                break
    payload = {"dry_run": dry_run, **{name: counts[name] for name in _COUNTED}}
    return app.finish(payload, show=lambda console: _show(console, payload))


def _show(console: Console, payload: dict[str, Any]) -> None:
    rows = figures("To be restored" if payload["dry_run"] else "Restored")
    for name in _COUNTED:
        if payload[name] or name in {"switched", "verified"}:
            rows.add_row(words.count(payload[name]), Text(_MEANING[name]))
    console.print(rows)
    if not payload["dry_run"]:
        console.print("Now `waybill backup --full --wait`: it proves all other files anew and copies none twice.", markup=False)
