"""The commands of connections to orgs: list, add, remove, test, login."""

import json
import sys
import time
import urllib.parse
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cli import words
from cli.app import App, WaybillGroup
from cli.errors import CommandError, ExitCode
from cli.login import CALLBACK, PATIENCE, Landing, open_page
from cli.migrate import confirm
from cli.params import OrgName
from cli.places import place
from cli.tables import table

FLOWS = ("jwt_bearer", "client_credentials", "refresh_token")
KINDS = ("production", "sandbox")


@click.group("orgs", cls=WaybillGroup)
def orgs() -> None:
    """The orgs that Waybill can log in to, beside the stage's own."""


@orgs.command("list", epilog="waybill orgs list")
@click.pass_obj
def list_(app: App) -> ExitCode:
    """All orgs, the stage's own first. No secret is shown."""
    found = list(app.client.pages("/config/orgs"))

    def page(console: Console) -> None:
        rows = table("", "org", "kind", "login", "by", "organization", "tested")
        for each in found:
            kind = Text("PRODUCTION", style="bold red") if each["production"] else Text(each["kind"])
            told = each["organization"] or ("" if each["connected"] else "nobody has let Waybill in yet")
            tested = words.when(each["tested_at"]) if each["tested_at"] else ""
            cells = (each["login_url"], each["auth"], told, tested)
            rows.add_row(Text(each["name"]), kind, *(Text(words.safe(cell)) for cell in cells))
        console.print(rows)

    return app.finish({"orgs": found}, show=page)


@orgs.command(
    epilog="""
    waybill orgs add uat --login-url https://acme--uat.sandbox.my.salesforce.com --auth client_credentials --credentials uat.json
    waybill orgs add live --login-url https://login.salesforce.com --auth jwt_bearer --kind production --credentials -
    """
)
@click.argument("name", type=OrgName(), metavar="NAME")
@click.option("--login-url", metavar="URL", required=True, help="Where it logs in, e.g. https://acme.my.salesforce.com")
@click.option(
    "--auth", type=click.Choice(FLOWS), required=True, help="How. refresh_token: by browser, with `waybill orgs login`."
)
@click.option("--kind", type=click.Choice(KINDS), help="Default: what the org says it is.")
@click.option("--credentials", type=click.Path(allow_dash=True, path_type=Path), metavar="FILE", required=True,
              help="JSON with what the login takes; - reads it from standard input. It goes to Secrets Manager.")  # fmt: skip
@click.option("--replace", is_flag=True, help="Change the org of this name: other credentials, say.")
@click.pass_obj
def add(app: App, name: str, *, login_url: str, auth: str, kind: str | None, credentials: Path, replace: bool) -> ExitCode:
    """Add an org. It is logged in to first: what cannot be used is not kept."""
    body: dict[str, Any] = {"login_url": login_url, "auth": auth, "credentials": credentials_in(credentials)}
    body |= {"kind": kind} if kind else {}
    api = app.client
    added = api.put(f"/config/orgs/{name}", body) if replace else api.post("/config/orgs", {"name": name, **body})
    following = f"`waybill load PATH --org {name} --dry-run --wait` uses it."
    if not added["connected"]:
        following = f"Now let Waybill in: waybill orgs login {name}"
    return app.finish(added, show=lambda console: console.print(f"{_told(added)}. {following}", markup=False))


@orgs.command(epilog="waybill orgs remove uat")
@click.argument("name", type=OrgName(), metavar="NAME")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(app: App, name: str, *, yes: bool) -> ExitCode:
    """Remove an org and its credentials. Loads into it can be undone only once it is added again."""
    if not yes:
        confirm(app, lambda: f"Remove {place(app, name)} and its credentials?")
    done = app.client.delete(f"/config/orgs/{name}")
    return app.finish(done, show=lambda console: console.print(f"{name} is removed.", markup=False))


@orgs.command(epilog="waybill orgs test uat")
@click.argument("name", type=OrgName(), metavar="NAME")
@click.pass_obj
def test(app: App, name: str) -> ExitCode:
    """Log in anew, and see which org it is."""
    found = app.client.post(f"/config/orgs/{name}/test")
    return app.finish(found, show=lambda console: console.print(f"Logged in: {_told(found)}.", markup=False))


@orgs.command(epilog="waybill orgs login uat")
@click.argument("name", type=OrgName(), metavar="NAME")
@click.option("--no-browser", is_flag=True, help="Print the page's address instead of opening it.")
@click.pass_obj
def login(app: App, name: str, *, no_browser: bool) -> ExitCode:
    """Let Waybill into an org by browser. The connected app must know http://localhost:8976/callback."""
    begun = app.client.post(f"/config/orgs/{name}/authorize", {"redirect_uri": CALLBACK})
    url = str(begun["authorize_url"])
    state = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query).get("state", [""])[0]
    with Landing(state, whose="Salesforce", again=f"waybill orgs login {name}") as landing:
        open_page(url, no_browser=no_browser)
        code = landing.wait(until=time.time() + PATIENCE, now=time.time)
    found = app.client.post(f"/config/orgs/{name}/callback", {"state": state, "code": code})
    return app.finish(found, show=lambda console: console.print(f"Waybill is in: {_told(found)}.", markup=False))


def _told(found: dict[str, Any]) -> str:
    kind = "PRODUCTION" if found["production"] else "a sandbox"
    return f"{found['name']} is {kind}, {words.safe(found['organization'] or found['login_url'])}"


def credentials_in(file: Path) -> dict[str, Any]:
    """Never by an option: what stands on a command line is seen by others."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
        found = json.loads(text)
    except (OSError, ValueError, RecursionError):
        raise CommandError(f"{file} is no JSON that can be read.", name="NoCredentials") from None
    if not isinstance(found, dict):
        raise CommandError(
            f"{file} holds no credentials.",
            hint='It looks like {"client_id": "...", "client_secret": "..."}',
            name="NoCredentials",
        )
    return found
