"""The command sync: records from Salesforce into a workbook on this machine."""

import hashlib
import re
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cli import words
from cli.app import App, WaybillCommand
from cli.errors import CommandError, ExitCode
from cli.export import save_workbook
from cli.load import upload
from cli.migrate import begin
from cli.params import OrgName, insist_on_workbook, wait_option, workbook_option
from cli.results import exit_code_of, run_object, show_run
from cli.waiting import wait_for


@click.command(
    cls=WaybillCommand,
    epilog="""
    waybill sync --objects Product2,PricebookEntry --to prices.xlsx --wait
    waybill sync --to prices.xlsx --wait
    waybill sync --to uat-prices.xlsx --objects Product2 --org uat --wait
    """,
)
@click.option("--objects", metavar="A,B", help="API names of the objects, with commas between. Default: those that FILE holds.")
@workbook_option("The .xlsx to bring up to date. Where it is there already, your columns, formats and formulas stay.")
@click.option(
    "--org", type=OrgName(), metavar="NAME", help="The org to read; a workbook belongs to one. Default: the stage's own."
)
@click.option("--full", is_flag=True, help="Read all records, not only those that have changed: values of formula fields, too.")
@click.option("--replace", is_flag=True, help="Also where somebody else has synced another copy of this workbook since.")
@wait_option
@click.pass_obj
def sync(app: App, *, objects: str | None, path: Path, org: str | None, full: bool, replace: bool, wait: bool) -> ExitCode:
    """Bring a workbook up to date with Salesforce: what changed, what is new, what is gone. Salesforce is only read."""
    app.run_kind = "sync"
    insist_on_workbook(path)
    if path.with_name(f"~${path.name}").exists():
        raise CommandError(f"{path} is open in a spreadsheet program.", hint="Save and close it, then sync.", name="FileInUse")
    names = [name.strip() for name in (objects or "").split(",") if name.strip()]
    before = _hash(path)
    given = upload(app, path) if before else None
    body: dict[str, Any] = {"mode": "full" if full else "incremental", "workbook": workbook_name(path), "objects": names}
    run = begin(app, "sync", {**body, "input": given, "replace": replace, "org": org})
    if wait:
        run = wait_for(app, str(run["run_id"]))
    payload, file = run_object(run), ""
    if run.get("status") == "completed":
        file = str(_fetch(app, run, path, before=before))
        payload["file"] = file

    def page(console: Console) -> None:
        show_run(console, run)
        if file:
            console.print(Text(f"Written: {words.safe(file)}"))

    return app.finish(payload, exit_code_of(run), show=page)


def workbook_name(path: Path) -> str:
    """The name under which Waybill keeps the workbook: that of the file, as far as its letters may stand in one."""
    return re.sub(r"[^\w .()+-]", "_", path.stem).strip()[:80].lstrip(" .()+-") or "workbook"


def _fetch(app: App, run: dict[str, Any], path: Path, *, before: str) -> Path:
    """Over the file that was uploaded; beside it where somebody has saved another one meanwhile."""
    whole = path if _hash(path) == before else path.with_name(f"{path.stem} (synced){path.suffix}")
    save_workbook(app, str(run["run_id"]), whole)
    return whole


def _hash(path: Path) -> str:
    """Empty for a file that is not there."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""
