"""The commands of the link gateway: versions of its key, and what is revoked."""

from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cli import words
from cli.app import App, WaybillGroup
from cli.errors import ExitCode
from cli.migrate import confirm
from cli.params import SalesforceId
from cli.tables import table

_ACCOUNT = click.option("--account", "account_id", type=SalesforceId(), metavar="ID", help="The files of this account.")
_ENTRY = click.option("--entry", "entry_id", type=SalesforceId(), metavar="ID", help="The file of this entry.")
_VERSION = click.option(
    "--version", "version", type=click.IntRange(1, 9_999), metavar="N", help="Links of this version of the key."
)


@click.group("links", cls=WaybillGroup)
def links() -> None:
    """Links of the gateway: rotate their key, revoke them, and take that back."""


@links.command("list", epilog="waybill links list")
@click.pass_obj
def list_(app: App) -> ExitCode:
    """Versions of the key, and everything that is revoked."""
    first = app.client.get("/links")
    revoked = list(app.client.pages("/links")) if first["gateway"] else []
    found = {"gateway": first["gateway"], "base": first["base"], "keys": first["keys"], "revoked": revoked}
    return app.finish(found, show=lambda console: _page(console, found))


@links.command(epilog="waybill links rotate")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def rotate(app: App, *, yes: bool) -> ExitCode:
    """Make the next version of the key. Links of older ones open until their version is revoked."""
    if not yes:
        confirm(app, "Make a new version of the links' key?")
    made = app.client.post("/links/rotate", {})
    text = (
        f"Version {made['version']} is the current one. `waybill cutover --execute --wait` writes the links anew; "
        "then `waybill links revoke --version N` ends an older one."
    )
    return app.finish(made, show=lambda console: console.print(text, markup=False))


@links.command(
    epilog="""
    waybill links revoke --entry a0X5e000001AbCdEAK
    waybill links revoke --account 0015e000003XyZwAAK --reason "sent to the wrong customer"
    waybill links revoke --version 1
    """
)
@_ACCOUNT
@_ENTRY
@_VERSION
@click.option("--reason", default="", metavar="TEXT", help="Why; it is shown in the list and in the audit.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def revoke(app: App, *, account_id: str | None, entry_id: str | None, version: int | None, reason: str, yes: bool) -> ExitCode:
    """Make links stop opening, at once. Salesforce and the files stay as they are."""
    scope, of = _one(account_id, entry_id, version)
    if not yes:
        confirm(app, f"Make the links of {scope} {of} stop opening?")
    asked: dict[str, Any] = {"version": version} if version is not None else {f"{scope}_id": of}
    done = app.client.post("/links/revoke", {**asked, **({"reason": reason} if reason else {})})
    text = f"The links of {scope} {done['id']} do not open any more. `waybill links restore` takes that back."
    return app.finish(done, show=lambda console: console.print(text, markup=False))


@links.command(
    epilog="""
    waybill links restore --entry a0X5e000001AbCdEAK
    waybill links restore --version 1
    """
)
@_ACCOUNT
@_ENTRY
@_VERSION
@click.pass_obj
def restore(app: App, *, account_id: str | None, entry_id: str | None, version: int | None) -> ExitCode:
    """Take a revocation back: the links open again."""
    scope, of = _one(account_id, entry_id, version)
    done = app.client.delete(f"/links/revocations/{scope}/{of}")
    text = f"The links of {scope} {done['id']} open again, as far as nothing else of them is revoked."
    return app.finish(done, show=lambda console: console.print(text, markup=False))


@links.command("open", epilog="waybill links open a0X5e000001AbCdEAK")
@click.argument("entry_id", type=SalesforceId(), metavar="ID")
@click.option(
    "--account", "account_id", type=SalesforceId(), metavar="ID", help="Where the entry is, of one that Salesforce has no more."
)
@click.pass_obj
def open_(app: App, entry_id: str, *, account_id: str | None) -> ExitCode:
    """Print the link of an entry's file, and whether it opens. Who has the link can open the file."""
    asked = {"entry_id": entry_id, **({"account_id": account_id} if account_id else {})}
    found = app.client.post("/links/open", asked)
    opens = found["verdict"] == "opened"

    def page(console: Console) -> None:
        console.print(found["url"], markup=False, soft_wrap=True)
        if not opens:
            console.print(f"It does not open: {found['why']}.", markup=False)

    return app.finish(found, ExitCode.DONE if opens else ExitCode.INCOMPLETE, show=page)


def _one(account_id: str | None, entry_id: str | None, version: int | None) -> tuple[str, str]:
    """What is meant, and which."""
    given = {"account": account_id, "entry": entry_id, "version": None if version is None else str(version)}
    named = [(scope, of) for scope, of in given.items() if of is not None]
    if len(named) != 1:
        raise click.UsageError("Give just one of --account, --entry and --version.")
    return named[0]


def _page(console: Console, found: dict[str, Any]) -> None:
    if not found["gateway"]:
        console.print("The links of this stage are not the gateway's: there is no key, and nothing to revoke.", markup=False)
        return
    rows = table(f"links at {words.safe(found['base'])}", ">version", "made", "by", "is")
    for each in found["keys"]:
        state = "revoked " + words.when(each["revoked_at"]) if each["revoked_at"] else "current" if each["current"] else "opens"
        cells = (str(each["version"]), words.when(each["made_at"]), each["made_by"], state)
        rows.add_row(*(Text(words.safe(cell)) for cell in cells))
    console.print(rows)
    if not found["revoked"]:
        console.print("Nothing is revoked.", markup=False)
        return
    rows = table("", "revoked", "id", "when", "by", "why")
    for each in found["revoked"]:
        told = (each["scope"], each["id"], words.when(each["at"]), each["by"], each["reason"])
        rows.add_row(*(Text(words.safe(cell)) for cell in told))
    console.print(rows)
