"""The commands that start runs: backup, cutover, rollback."""

import secrets
import sys
from collections.abc import Callable
from typing import Any

import click

from cli import words
from cli.app import App, WaybillCommand
from cli.errors import CommandError, ExitCode
from cli.params import RunId, account_option, one_of, wait_option, yes_option
from cli.places import place
from cli.results import conclude
from cli.waiting import wait_for


@click.command(
    cls=WaybillCommand,
    epilog="""
    waybill backup --full --wait
    waybill backup --full --account 0013D00000AbcDefQAX --max-files 5 --wait
    waybill backup --incremental --dry-run --wait --json
    """,
)
@click.option("--full", is_flag=True, help="Look at every entry. What is already copied is not copied again.")
@click.option("--incremental", is_flag=True, help="Only entries that changed since the last backup, and files not verified yet.")
@account_option
@click.option("--max-files", type=click.IntRange(min=1), metavar="N", help="At most N files per account, for a first test.")
@click.option("--dry-run", is_flag=True, help="Write nothing: say what would be copied.")
@click.option("--deep", is_flag=True, help="Read and hash both sides of every copy, instead of trusting S3's checksums.")
@wait_option
@click.pass_obj
def backup(
    app: App,
    *,
    full: bool,
    incremental: bool,
    accounts: tuple[str, ...],
    max_files: int | None,
    dry_run: bool,
    deep: bool,
    wait: bool,
) -> ExitCode:
    """Phase 1: copy files to your bucket. Salesforce is only read."""
    mode = one_of(full=full, incremental=incremental)
    body = {"mode": mode, "accounts": list(accounts), "max_files": max_files, "dry_run": dry_run, "deep": deep}
    return start(app, "backup", body, wait=wait)


@click.command(
    cls=WaybillCommand,
    epilog="""
    waybill cutover --dry-run --wait
    waybill cutover --execute --account 0013D00000AbcDefQAX --wait
    waybill cutover --execute --strict --canary 50 --yes --wait
    """,
)
@click.option("--dry-run", is_flag=True, help="Write nothing: list every URL that would change, old and new.")
@click.option("--execute", is_flag=True, help="Copy what is new, then switch the URLs in Salesforce.")
@account_option
@click.option("--strict", is_flag=True, help="Refuse to start while any file is not verified.")
@click.option("--careful", is_flag=True, help="Update row by row, each only if unchanged (If-Unmodified-Since). Slower.")
@click.option(
    "--canary",
    type=click.IntRange(0, 200),
    metavar="N",
    help="Rows to switch and re-read before all others. Default: as configured (20).",
)
@click.option("--allow-private-links", is_flag=True, help="Go on although new links do not open without credentials.")
@wait_option
@yes_option
@click.pass_obj
def cutover(
    app: App, *, dry_run: bool, execute: bool, accounts: tuple[str, ...], strict: bool, careful: bool,
    canary: int | None, allow_private_links: bool, wait: bool, yes: bool,
) -> ExitCode:  # fmt: skip
    """Phase 2: copy the delta, then switch the URLs in Salesforce."""
    mode = one_of(dry_run=dry_run, execute=execute)
    body = {
        "mode": mode, "accounts": list(accounts), "strict": strict, "careful": careful,
        "canary": canary, "allow_private_links": allow_private_links,
    }  # fmt: skip
    whom = words.plural(len(accounts), "account") if accounts else "all accounts"
    if execute and not yes:
        confirm(app, lambda: f"Switch the URLs of {whom} in {place(app)}?")
    return start(app, "cutover", body, wait=wait)


@click.command(
    cls=WaybillCommand,
    epilog="""
    waybill rollback --dry-run --all --wait
    waybill rollback --execute --run cutover-20261121-140500-3f9a1c --wait
    waybill rollback --execute --account 0013D00000AbcDefQAX --yes --wait
    """,
)
@click.option("--dry-run", is_flag=True, help="Write nothing: list every URL that would be restored.")
@click.option("--execute", is_flag=True, help="Restore the old URLs in Salesforce. Rows edited since are left alone.")
@click.option("--run", "run_id", type=RunId(), metavar="ID", help="What this cutover switched.")
@account_option
@click.option("--all", "everything", is_flag=True, help="Everything that Waybill switched.")
@wait_option
@yes_option
@click.pass_obj
def rollback(
    app: App,
    *,
    dry_run: bool,
    execute: bool,
    run_id: str | None,
    accounts: tuple[str, ...],
    everything: bool,
    wait: bool,
    yes: bool,
) -> ExitCode:
    """Put the old URLs back. No file is deleted."""
    mode = one_of(dry_run=dry_run, execute=execute)
    one_of(run=run_id is not None, account=bool(accounts), all=everything)
    body = {"mode": mode, "run_id": run_id, "accounts": list(accounts), "all": everything}
    if execute and not yes:
        confirm(app, lambda: f"Restore the old URLs in {place(app)}?")
    return start(app, "rollback", body, wait=wait)


def stdin_is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def confirm(app: App, question: str | Callable[[], str]) -> None:
    """Asks a person; a question that takes a look first looks only then. A script, which has no terminal, has said --execute and is not asked."""
    if app.json or not stdin_is_terminal():
        return
    if not click.confirm(question if isinstance(question, str) else question(), default=False):
        raise CommandError("Nothing was done.", name="NotConfirmed")


def start(app: App, kind: str, body: dict[str, Any], *, wait: bool) -> ExitCode:
    run = begin(app, kind, body)
    return conclude(app, wait_for(app, run["run_id"]) if wait else run)


def begin(app: App, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """Starts a run under an idempotency key of its own, so that a lost reply starts no second one."""
    app.run_kind = kind
    given = {name: value for name, value in body.items() if value is not None}
    return ask(app, "/runs", {"kind": kind, **given})


def ask(app: App, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Asks for a run; a reply that is lost is asked for again under the same key."""
    key = f"{app.today():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    run = app.client.post(path, body, key=key)
    app.run_id, app.run_kind = run["run_id"], str(run["kind"])
    return run
