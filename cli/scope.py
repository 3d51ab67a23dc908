"""The commands that look before and after: check, accounts, plan, verify."""

from collections.abc import Iterator
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cli import words
from cli.app import App, WaybillCommand
from cli.errors import ExitCode
from cli.params import SalesforceId
from cli.status import flat, show_accounts, show_checks
from cli.tables import table


@click.command(cls=WaybillCommand, epilog="waybill check")
@click.pass_obj
def check(app: App) -> ExitCode:
    """Is everything in place? Log in, permissions, fields, one harmless update, S3, quotas: and what to fix."""
    found = app.client.post("/check")
    checks = list(found.get("checks") or [])
    bad = [item for item in checks if item.get("ok") is False and item.get("blocking", True)]

    def page(console: Console) -> None:
        show_checks(console, "Check", checks)
        console.print(
            "All in place." if not bad else f"{words.plural(len(bad), 'thing')} to fix.",
            style="bold green" if not bad else "bold red",
        )

    return app.finish({**found, "ok": not bad}, ExitCode.REFUSED if bad else ExitCode.DONE, show=page)


@click.command(cls=WaybillCommand, epilog="waybill accounts\nwaybill accounts --json")
@click.pass_obj
def accounts(app: App) -> ExitCode:
    """Accounts with their entries in Salesforce, their files in the ledger and the files' states."""
    found = [flat(item) for item in app.client.pages("/accounts")]
    return app.finish({"accounts": found}, show=lambda console: show_accounts(console, found))


@click.command(
    cls=WaybillCommand,
    epilog="""
    waybill plan
    waybill plan --files 1000000 --accounts 20000
    """,
)
@click.option("--from-org", is_flag=True, help="From the org's own entries; what you get without any option.")
@click.option("--files", type=click.IntRange(1, 1_000_000_000), metavar="N", help="What if there were N files?")
@click.option(
    "--accounts",
    "account_count",
    type=click.IntRange(1, 100_000_000),
    metavar="M",
    help="What if they were spread over M accounts?",
)
@click.option("--largest", type=click.IntRange(1), metavar="K", help="What if one account had K of them?")
@click.pass_obj
def plan(app: App, *, from_org: bool, files: int | None, account_count: int | None, largest: int | None) -> ExitCode:
    """Scope, time, API calls and cost, before anything is done, and what other settings would do."""
    if from_org and (files or account_count or largest):
        raise click.UsageError("--from-org counts in the org: leave out --files, --accounts and --largest.")
    if (account_count or largest) and not files:
        raise click.UsageError("--accounts and --largest need --files.")
    if files and largest and largest > files:
        raise click.UsageError("The largest account cannot have more files than there are.")
    if files and account_count and account_count > files:
        raise click.UsageError("There cannot be more accounts with files than files.")
    found = app.client.get("/plan", files=files, accounts=account_count, largest=largest)
    return app.finish(found, show=lambda console: _show_plan(console, found))


def _show_plan(console: Console, found: dict[str, Any]) -> None:
    scope = found.get("scope") or {}
    about = " (estimated from a sample)" if scope.get("sample") else ""
    line = f"{words.count(scope.get('files'))} files in {words.count(scope.get('accounts'))} accounts"
    console.print(Text(line + (f", about {words.size(scope['bytes'])}{about}" if scope.get("bytes") else ""), style="bold"))
    for title, counts in (
        ("Extensions", scope.get("extensions")),
        ("Buckets not configured as source", scope.get("unknown_buckets")),
    ):
        if counts:
            shown = sorted(counts.items(), key=lambda pair: -pair[1])[:12]
            console.print(Text(f"{title}: " + ", ".join(f"{words.safe(name)} {words.count(number)}" for name, number in shown)))
    if scope.get("sample"):
        console.print(Text(f"Seen: {words.plural(int(scope['sample']), 'entry', 'entries')} of the scope.", style="dim"))
    rows = table("", "phase", ">time", ">cost", ">Salesforce calls", "bottleneck")
    for phase in ("backup", "cutover"):
        row = found.get(phase) or {}
        numbers = (words.duration(row.get("seconds")), words.money(row.get("cost_usd")), words.count(row.get("salesforce_calls")))
        rows.add_row(phase, *numbers, Text(words.safe(row.get("bottleneck"))))
    console.print(rows)
    _show_costs(console, found)
    _show_alternatives(console, found)
    for note in found.get("notes") or []:
        console.print(Text(words.safe(note), style="dim"))


def _show_costs(console: Console, found: dict[str, Any]) -> None:
    """Where the money goes, and what comes on top however the files are copied."""
    for phase in ("backup", "cutover"):
        costs = sorted(((found.get(phase) or {}).get("cost_by_service") or {}).items(), key=lambda pair: -pair[1])
        if costs:
            shown = ", ".join(
                f"{words.safe(name).replace('_', ' ')} {words.money(dollars)}" for name, dollars in costs if dollars
            )
            console.print(Text(f"Cost of the {phase}: {shown}."))
    standing = found.get("standing_usd") or {}
    if standing.get("storage_a_month"):
        console.print(Text(f"Apart from that: storage {words.money(standing['storage_a_month'])} a month."))


def _show_alternatives(console: Console, found: dict[str, Any]) -> None:
    others = found.get("alternatives") or []
    if not others:
        return
    rows = table("What other settings would do", "change", ">backup", ">", ">cutover", ">")
    for other in others:
        backup = (words.duration(other["backup_seconds"]), words.money(other["backup_cost_usd"]))
        rows.add_row(
            Text(words.safe(other["change"])),
            *backup,
            words.duration(other["cutover_seconds"]),
            words.money(other["cutover_cost_usd"]),
        )
    console.print(rows)


@click.command(
    cls=WaybillCommand,
    epilog="""
    waybill verify
    waybill verify --account 0013D00000AbcDefQAX --json
    """,
)
@click.option(
    "--account",
    "account_ids",
    multiple=True,
    type=SalesforceId(),
    metavar="ID",
    help="Only this account; may be given several times.",
)
@click.pass_obj
def verify(app: App, *, account_ids: tuple[str, ...]) -> ExitCode:
    """Do ledger, bucket and Salesforce agree? Only reads; at any time."""
    checked, seen = 0, 0
    mismatches: list[dict[str, Any]] = []
    with app.console.status("verifying") as note:
        ids = list(account_ids) or [str(item["account_id"]) for item in app.client.pages("/accounts", source="ledger")]
        for account_id in ids:
            seen += 1
            for page in _verify_pages(app, account_id):
                checked += int(page.get("checked", 0))
                mismatches += page.get("mismatches") or []
                note.update(f"verifying: {words.count(checked)} files, account {seen} of {len(ids)}")

    def page_(console: Console) -> None:
        console.print(f"{words.plural(checked, 'file')} in {words.plural(seen, 'account')} checked.", markup=False)
        if not mismatches:
            console.print("Ledger, bucket and Salesforce agree.", style="bold green")
            return
        rows = table(words.plural(len(mismatches), "difference"), "class", "account", "entry", "what differs", style="bold red")
        for row in mismatches[:100]:
            rows.add_row(*(Text(words.safe(row.get(name))) for name in ("class", "account_id", "entry_id", "message")))
        console.print(rows)

    payload = {"checked": checked, "accounts": seen, "mismatches": mismatches}
    return app.finish(payload, ExitCode.INCOMPLETE if mismatches else ExitCode.DONE, show=page_)


def _verify_pages(app: App, account_id: str) -> Iterator[dict[str, Any]]:
    cursor: object = None
    while True:
        page = app.client.post("/verify", {"account_id": account_id, **({"cursor": cursor} if cursor else {})}, key=None)
        yield page
        cursor = page.get("next")
        if not cursor:
            return
