"""The commands of the user: login, logout, whoami."""

import base64
import hashlib
import secrets
import time
import urllib.parse
import webbrowser
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import click

from cli.app import App, WaybillCommand
from cli.client import ApiClient
from cli.errors import CommandError, ExitCode
from cli.tokens import AskPool, Login, TokenStore, ask_pool

ROLES = ("viewer", "operator", "admin", "approver")
# Registered with the user pool (infra/constructs/user_pool.py), which compares it letter by letter.
CALLBACK = "http://localhost:8976/callback"
PATIENCE = 300.0  # seconds for a person to type password and code


@click.command(
    cls=WaybillCommand,
    epilog="""
    waybill login --api https://abc123.execute-api.eu-west-1.amazonaws.com
    waybill login --as viewer
    """,
)
@click.option(
    "--as", "role", type=click.Choice(ROLES), help="On the local stack, which logs in by itself: whom the commands are to be."
)
@click.option("--no-browser", is_flag=True, help="Print the page's address instead of opening it.")
@click.pass_obj
def login(app: App, *, role: str | None, no_browser: bool) -> ExitCode:
    """Log in: in the browser for a deployed API, as one of three users on the local stack."""
    api, store = app.anonymous, TokenStore(app.home)
    if api.local:
        store.play(api.netloc, role or "admin")
    elif role:
        raise CommandError("--as is for the local stack.", hint="Roles are the groups of the user pool.", name="WrongUse")
    else:
        store.keep(api.netloc, log_in(api, show=lambda url: open_page(url, no_browser=no_browser)))
    return whoami_of(app)


@click.command(cls=WaybillCommand, epilog="waybill logout")
@click.pass_obj
def logout(app: App) -> ExitCode:
    """Forget the tokens of the API; on the local stack, be the administrator again."""
    was = TokenStore(app.home).forget(app.anonymous.netloc)
    message = "Logged out." if was else "Nobody was logged in."
    return app.finish({"logged_out": was}, show=lambda console: console.print(message, markup=False))


@click.command(cls=WaybillCommand, epilog="waybill whoami")
@click.pass_obj
def whoami(app: App) -> ExitCode:
    """Who the commands are, and in which role."""
    return whoami_of(app)


def whoami_of(app: App) -> ExitCode:
    me = app.client.get("/me")
    role = me.get("role") or "none of Waybill's groups"
    return app.finish(me, show=lambda console: console.print(f"{me.get('name')} ({role}) at {app.client.base_url}", markup=False))


def log_in(
    api: ApiClient, *, show: Callable[[str], None], ask: AskPool = ask_pool, now: Callable[[], float] = time.time
) -> Login:
    """The authorization code flow with PKCE (RFC 7636); the browser comes back to this machine. Raises CommandError."""
    told = api.get("/sign-in")
    verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(24)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": str(told["client_id"]),
        "redirect_uri": CALLBACK,
        "scope": str(told["scope"]),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    with Landing(state, whose="The user pool", again="waybill login") as landing:
        show(f"{told['authorize_url']}?{urllib.parse.urlencode(asked)}")
        code = landing.wait(until=now() + PATIENCE, now=now)
    form = {
        "grant_type": "authorization_code",
        "client_id": str(told["client_id"]),
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": verifier,
    }
    token_url = str(told["token_url"])
    return Login.of(ask(token_url, form), token_url=token_url, client_id=str(told["client_id"]), now=now())


def open_page(url: str, *, no_browser: bool) -> None:
    """The page is opened, and its address told in any case: the browser may be on another screen."""
    if not no_browser:
        webbrowser.open(url)
    click.echo(f"Log in here: {url}", err=True)


class Landing(HTTPServer):
    """Waits for the browser that comes back with this `state`. `whose` page it was, and the command to begin `again` with."""

    allow_reuse_address = True

    def __init__(self, state: str, *, whose: str, again: str) -> None:
        self.state = state
        self.whose, self.again = whose, again
        self.code = ""
        self.refusal = ""
        where = urllib.parse.urlsplit(CALLBACK)
        try:
            super().__init__(("127.0.0.1", where.port or 0), _Page)
        except OSError as error:
            raise CommandError(
                f"Port {where.port} of this machine is taken ({error.strerror}).",
                hint=f"Another `{again}` may be waiting: end it, and try again.",
                name="LoginFailed",
            ) from None

    def wait(self, *, until: float, now: Callable[[], float]) -> str:
        """The code. Raises CommandError where it was refused, or nobody came."""
        self.timeout = 1.0
        while not self.code and not self.refusal and now() < until:
            self.handle_request()
        if not self.code:
            why = f"{self.whose} refused: {self.refusal}" if self.refusal else "Nobody logged in."
            raise CommandError(why, hint=f"Run `{self.again}` again.", name="LoginFailed")
        return self.code


class _Page(BaseHTTPRequestHandler):
    """The page that the browser lands on."""

    server: Landing
    timeout: ClassVar[float] = 10

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        given = {name: values[0] for name, values in urllib.parse.parse_qs(url.query).items()}
        ours = secrets.compare_digest(given.get("state", "").encode(), self.server.state.encode())
        if url.path != urllib.parse.urlsplit(CALLBACK).path or not ours:
            return self._say(404, "Nothing is waiting for this.")
        self.server.code, self.server.refusal = given.get("code", ""), given.get("error", "")
        return self._say(200, "You are logged in: close this page." if self.server.code else "The login was refused.")

    def _say(self, status: int, text: str) -> None:
        body = f"<!doctype html><html lang=en><meta charset=utf-8><title>Waybill</title><p>{text}</p></html>".encode()
        self.send_response(status)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """The code is in the request's line: nothing is logged."""
