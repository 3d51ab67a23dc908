"""The commands of records: load, undo, retry."""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from cli import words
from cli.app import App, WaybillCommand
from cli.errors import CommandError, ExitCode
from cli.export import write_report
from cli.mappings import MappingName, mapped
from cli.migrate import ask, begin, confirm, start
from cli.params import OrgName, RunId, one_of, wait_option, yes_option
from cli.places import place, place_of_run
from cli.results import conclude
from cli.waiting import wait_for

# A plan's folder may hold scripts and documents as well: only what a load reads is uploaded.
READ = frozenset({".csv", ".json", ".tsv", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"})
MODES = ("upsert", "insert", "update")


errors_option = click.option(
    "--errors",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save the rows that were not written, with the reasons: as .csv, or, of an .xlsx input, as your workbook with the bad cells marked.",
)


@click.command(
    cls=WaybillCommand,
    epilog="""
    waybill load plan/ --dry-run --wait
    waybill load products.xlsx --execute --wait --errors to-mend.xlsx
    waybill load items.csv --mapping old-crm --dry-run --wait
    waybill load plan/ --from-org production --org uat --dry-run --wait
    waybill load accounts.csv --execute --object Account --key External_Id__c --mode update --wait --json
    """,
)
@click.argument("path", type=click.Path(exists=True, path_type=Path), metavar="PATH")
@click.option("--dry-run", is_flag=True, help="Write nothing: say of every row what would become of it.")
@click.option("--execute", is_flag=True, help="Plan the load, then write to Salesforce what was planned.")
@click.option("--object", "sobject", metavar="NAME", help="The object of a single table, in place of its file's or sheet's name.")
@click.option("--key", metavar="FIELDS", help="The key of a single table: a field, or several as Name;Type__c.")
@click.option("--mode", "write", type=click.Choice(MODES), help="What to do with every row, instead of what the plan says.")
@click.option(
    "--mapping",
    type=MappingName(versioned=True),
    metavar="NAME",
    help="Read columns into fields by this mapping, or its NAME@VERSION.",
)
@click.option("--org", type=OrgName(), metavar="NAME", help="The org to load into. Default: the stage's own.")
@click.option("--from-org", type=OrgName(), metavar="NAME", help="Take the plan's rows from this org instead of from its files.")
@click.option("--allow-delete", is_flag=True, help="Delete what the plan says; the deleted rows are kept for an undo.")
@errors_option
@wait_option
@yes_option
@click.pass_obj
def load(
    app: App, *, path: Path, dry_run: bool, execute: bool, sobject: str | None, key: str | None, write: str | None,
    mapping: str | None, org: str | None, from_org: str | None, allow_delete: bool, errors: Path | None, wait: bool, yes: bool,
) -> ExitCode:  # fmt: skip
    """Load a workbook, a CSV file, or a folder of them (also an SFDMU plan) into Salesforce."""
    app.run_kind = "load"
    mode = one_of(dry_run=dry_run, execute=execute)
    _errors_need_an_end(errors, wait=wait)
    if execute and not yes:
        deleting = ", and delete what it says" if allow_delete else ""
        source = f" with the rows of {from_org}" if from_org else ""
        confirm(app, lambda: f"Load {words.safe(path.name)}{source} into {place(app, org)}{deleting}?")
    with packed(path) as file:
        put = upload(app, file)
    body = {"mode": mode, "input": put, "object": sobject, "external_id": key, "write": write, "allow_delete": allow_delete}
    return _start(app, {**body, **mapped(mapping), "org": org, "from_org": from_org}, errors=errors, wait=wait)


@click.command(
    cls=WaybillCommand,
    epilog="""
    waybill undo --run load-20261121-140500-3f9a1c --dry-run --wait
    waybill undo --run load-20261121-140500-3f9a1c --execute --wait
    """,
)
@click.option("--run", "run_id", type=RunId(), metavar="ID", required=True, help="The load to undo.")
@click.option("--dry-run", is_flag=True, help="Write nothing: say what would be undone, and what cannot be.")
@click.option("--execute", is_flag=True, help="Restore, delete and create again. Rows edited since are left alone.")
@wait_option
@yes_option
@click.pass_obj
def undo(app: App, *, run_id: str, dry_run: bool, execute: bool, wait: bool, yes: bool) -> ExitCode:
    """Take a load back: old values restored, inserted rows deleted, deleted rows created again."""
    mode = one_of(dry_run=dry_run, execute=execute)
    if execute and not yes:
        confirm(app, lambda: f"Undo {words.safe(run_id)} in {place_of_run(app, run_id)}?")
    return start(app, "undo", {"mode": mode, "run_id": run_id}, wait=wait)


@click.command(
    cls=WaybillCommand,
    epilog="""
    waybill retry --run backup-20261121-140500-3f9a1c --execute --wait
    waybill retry --run load-20261121-140500-3f9a1c --dry-run --wait
    waybill retry --run load-20261121-140500-3f9a1c --execute --wait
    """,
)
@click.option("--run", "run_id", type=RunId(), metavar="ID", required=True, help="The run in which something has failed.")
@click.option("--dry-run", is_flag=True, help="Write nothing: say what would become of it.")
@click.option("--execute", is_flag=True, help="Copy the files; write the rows to Salesforce.")
@errors_option
@wait_option
@yes_option
@click.pass_obj
def retry(app: App, *, run_id: str, dry_run: bool, execute: bool, errors: Path | None, wait: bool, yes: bool) -> ExitCode:
    """Try again only what has failed: the files of a backup or a cutover that were not copied, the rows of a load that were not written."""
    mode = one_of(dry_run=dry_run, execute=execute)
    _errors_need_an_end(errors, wait=wait)
    app.run_kind = str(app.client.get(f"/runs/{run_id}").get("kind"))
    if execute and not yes and app.run_kind == "load":
        confirm(app, lambda: f"Load the failed rows of {words.safe(run_id)} into {place_of_run(app, run_id)}?")
    return _finished(app, ask(app, f"/runs/{run_id}/retry", {"mode": mode}), errors=errors, wait=wait)


def _errors_need_an_end(errors: Path | None, *, wait: bool) -> None:
    if errors is not None and not wait:
        raise click.UsageError("--errors needs --wait: what was not written is known when the run has ended.")


def _start(app: App, body: dict[str, Any], *, errors: Path | None, wait: bool) -> ExitCode:
    return _finished(app, begin(app, "load", body), errors=errors, wait=wait)


def _finished(app: App, run: dict[str, Any], *, errors: Path | None, wait: bool) -> ExitCode:
    """As other runs; what was not written goes to `errors`, if there is any."""
    if wait:
        run = wait_for(app, str(run["run_id"]))
    rows = run.get("rows") or {}
    if errors is not None and run.get("ended_at") and (rows.get("rejected") or rows.get("failed")):
        run |= _saved_errors(app, str(run["run_id"]), errors)
    code = conclude(app, run)
    if run.get("errors_file"):
        app.console.print(f"Rows that were not written: {words.safe(run['errors_file'])}", markup=False)
    return code


def _saved_errors(app: App, run_id: str, errors: Path) -> dict[str, str]:
    """A file that cannot be had does not hide what became of the load."""
    try:
        write_report(app, run_id, errors, form="errors.csv")
    except CommandError as error:
        click.echo(f"{errors} was not written: {error.message}", err=True)
        return {}
    return {"errors_file": str(errors)}


@contextmanager
def packed(path: Path) -> Iterator[Path]:
    """The file itself; of a folder a zip with what a load reads, which is gone afterwards."""
    if not path.is_dir():
        yield path
        return
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in READ and file.is_file() and not _hidden(file, path))
    if not files:
        raise CommandError(
            f"{path} holds no file that a load reads.", hint=f"It reads {', '.join(sorted(READ))}.", name="NothingToLoad"
        )
    with tempfile.TemporaryDirectory(prefix="waybill-") as folder:
        made = Path(folder, f"{path.resolve().name}.zip")
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, file.relative_to(path).as_posix())
        yield made


def _hidden(file: Path, root: Path) -> bool:
    """`~$book.xlsx` is the lock of an open workbook; folders such as .git are nobody's data."""
    return any(part.startswith((".", "~$")) for part in file.relative_to(root).parts)


def upload(app: App, file: Path) -> str:
    """Puts the file into the inbox; what to call it in a load."""
    size = file.stat().st_size
    if not size:
        raise CommandError(f"{file} is empty.", name="NothingToLoad")
    begun: dict[str, Any] = app.client.post("/uploads", {"name": file.name, "size": size})
    app.client.put_file(str(begun["url"]), file, headers=begun["headers"])
    return str(begun["input"])
