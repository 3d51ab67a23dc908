"""The commands that list, show and steer runs: `waybill runs ...`."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cli import words
from cli.app import App, WaybillGroup
from cli.errors import ExitCode
from cli.export import write_report
from cli.params import RunId, wait_option
from cli.results import exit_code_of, mode_of, run_object, show_errors, show_requests, show_run
from cli.tables import table
from cli.waiting import how_to_follow, wait_for
from cli.watching import watch


@click.group("runs", cls=WaybillGroup)
def runs() -> None:
    """List, show and steer runs."""


runs.add_command(watch)


@runs.command("list", epilog="waybill runs list --limit 5")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, metavar="N", help="The newest N runs.")
@click.pass_obj
def list_(app: App, limit: int) -> ExitCode:
    """The newest runs."""
    found = list(app.client.pages("/runs", limit=limit))
    return app.finish({"runs": [run_object(run) for run in found]}, show=lambda console: _show_list(console, found))


def _show_list(console: Console, found: list[dict[str, Any]]) -> None:
    if not found:
        console.print("No runs yet. Begin with `waybill backup --full --wait`.", markup=False)
        return
    rows = table("", "run", "mode", "status", "started", "took", ">files or rows", ">failed")
    for run in found:
        files = run.get("files") or run.get("rows") or {}
        cells = (run.get("run_id"), mode_of(run), run.get("status"), words.when(run.get("started_at")))
        took = words.between(run.get("started_at"), run.get("ended_at"))
        rows.add_row(
            *(Text(words.safe(cell)) for cell in cells),
            took,
            words.count(files.get("total")),
            words.count(files.get("failed", 0) + files.get("rejected", 0)),
        )
    console.print(rows)


@runs.command(
    epilog="""
    waybill runs show backup-20261121-140500-3f9a1c
    waybill runs show cutover-20261121-150000-77aa01 --report cutover.csv
    waybill runs show backup-20261121-140500-3f9a1c --wait --json
    """
)
@click.argument("run_id", type=RunId(), metavar="ID")
@wait_option
@click.option("--accounts", is_flag=True, help="The run's accounts as well.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save the report: CSV if FILE ends in .csv, of a load only its bad rows if in .errors.csv, else JSON. In .xlsx: the workbook that a sync, or a load with bad rows, has left.",
)
@click.pass_obj
def show(app: App, *, run_id: str, wait: bool, accounts: bool, report: Path | None) -> ExitCode:
    """A run, its counts and errors. The exit code is the run's."""
    app.run_id = run_id
    run = wait_for(app, run_id) if wait else app.client.get(f"/runs/{run_id}")
    app.run_kind = str(run.get("kind"))
    payload = run_object(run)
    if accounts:
        payload["account_results"] = list(app.client.pages(f"/runs/{run_id}/accounts"))
    if report is not None:
        write_report(app, run_id, report)
        payload["report"] = str(report)

    def page(console: Console) -> None:
        show_run(console, run)
        show_requests(console, run.get("requests") or {})
        for account in payload.get("account_results", []):
            console.print(Text(_account_line(account)))
        if report is not None:
            console.print(Text(f"Report: {report}"))

    return app.finish(payload, exit_code_of(run), show=page)


def _account_line(account: dict[str, Any]) -> str:
    """What the ledger has of an account now."""
    states = account.get("states") or {}
    counts = ", ".join(f"{words.count(number)} {state.replace('_', ' ')}" for state, number in sorted(states.items()) if number)
    return f"{words.safe(account.get('account_id'))}  {words.safe(account.get('name') or '')}  {counts or 'no files'}"


def _steer(verb: str, done: str, explanation: str) -> None:
    @runs.command(verb, help=explanation, epilog=f"waybill runs {verb} backup-20261121-140500-3f9a1c")
    @click.argument("run_id", type=RunId(), metavar="ID")
    @click.pass_obj
    def command(app: App, run_id: str) -> ExitCode:
        app.run_id = run_id
        run = app.client.post(f"/runs/{run_id}/{verb}")

        def page(console: Console) -> None:
            console.print(f"Run {words.safe(run_id)} {done}.", markup=False)
            if run.get("status") == "running" and verb == "resume":
                console.print(how_to_follow(run_id), markup=False)

        return app.finish(run_object(run), show=page)


_steer(
    "pause",
    "pauses as soon as its tasks have finished what they hold",
    "Let a run stand still after what is in hand; resume goes on from there.",
)
_steer("resume", "goes on", "Let a paused, failed or cancelled run go on where it stopped.")
_steer(
    "cancel",
    "ends as soon as its tasks have finished what they hold; a second cancel stops it at once",
    "Stop a run. What it has done stands; nothing is half written.",
)


@runs.command(epilog="waybill runs approve cutover-20261121-150000-77aa01")
@click.argument("run_id", type=RunId(), metavar="ID")
@click.pass_obj
def approve(app: App, run_id: str) -> ExitCode:
    """Let a run begin that another administrator has asked for. `waybill runs show ID` has the figures of its dry run."""
    return _decide(app, run_id, "approve", None)


@runs.command(epilog='waybill runs reject cutover-20261121-150000-77aa01 --reason "not on a Friday"')
@click.argument("run_id", type=RunId(), metavar="ID")
@click.option("--reason", required=True, metavar="TEXT", help="Why: who has asked for the run reads it.")
@click.pass_obj
def reject(app: App, *, run_id: str, reason: str) -> ExitCode:
    """Keep a run from beginning that another administrator has asked for."""
    return _decide(app, run_id, "reject", {"reason": reason})


def _decide(app: App, run_id: str, verb: str, body: dict[str, Any] | None) -> ExitCode:
    app.run_id = run_id
    run = app.client.post(f"/runs/{run_id}/{verb}", body)
    done = "is approved and begins" if verb == "approve" else "is rejected: nothing was done"

    def page(console: Console) -> None:
        console.print(f"Run {words.safe(run_id)} {done}.", markup=False)
        if verb == "approve":
            console.print(how_to_follow(run_id), markup=False)

    return app.finish(run_object(run), show=page)


@runs.command(epilog="waybill runs logs backup-20261121-140500-3f9a1c --errors")
@click.argument("run_id", type=RunId(), metavar="ID")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, metavar="N", help="The newest N events.")
@click.option("--errors", "with_errors", is_flag=True, help="Only failures, and the run's error rows with them.")
@click.pass_obj
def logs(app: App, *, run_id: str, limit: int, with_errors: bool) -> ExitCode:
    """What the state machine did, event by event, the newest last."""
    app.run_id = run_id
    events = list(app.client.pages(f"/runs/{run_id}/logs", limit=limit))
    if with_errors:
        events = [event for event in events if event.get("level") == "error"]
    rows = list(app.client.pages(f"/runs/{run_id}/errors", limit=limit)) if with_errors else []

    def page(console: Console) -> None:
        for event in reversed(events):
            line = "  ".join(words.safe(event.get(name)) for name in ("at", "event", "state", "detail") if event.get(name))
            console.print(Text(line, style="red" if event.get("level") == "error" else ""))
        show_errors(console, rows, run_id=run_id, limit=limit)
        if not events and not rows:
            console.print("Nothing to show.")

    return app.finish({"run_id": run_id, "logs": events, **({"errors": rows} if with_errors else {})}, show=page)
