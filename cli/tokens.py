"""Who the command is: the tokens of the APIs it is logged in to, kept in the folder of the local stack, renewed when they run out."""

import json
import os
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import requests
from requests.auth import AuthBase

from cli.errors import CommandError
from cli.home import Home

SECONDS = 20.0  # for an answer of the user pool
# A token is renewed this many seconds before it runs out.
EARLY = 60.0


# (token URL, form) -> the user pool's reply
AskPool = Callable[[str, Mapping[str, str]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Login:
    """A user's tokens at a deployed API. `expires_at`: seconds since 1970."""

    access_token: str
    refresh_token: str
    expires_at: float
    token_url: str
    client_id: str

    @classmethod
    def of(cls, reply: Mapping[str, Any], *, token_url: str, client_id: str, now: float, refresh_token: str = "") -> Self:
        """Raises CommandError where the user pool's reply has no token in it."""
        try:
            return cls(
                access_token=str(reply["access_token"]),
                refresh_token=str(reply.get("refresh_token") or refresh_token),
                expires_at=now + float(reply["expires_in"]),
                token_url=token_url,
                client_id=client_id,
            )
        except (KeyError, TypeError, ValueError):
            raise CommandError("The user pool gave no token.", hint="Try `waybill login` again.", name="LoginFailed") from None


def ask_pool(token_url: str, form: Mapping[str, str]) -> dict[str, Any]:
    """The user pool's reply to a token request. Raises CommandError, in the pool's own words where it has any."""
    url = urllib.parse.urlsplit(token_url)
    if url.scheme != "https":
        raise CommandError(f"{token_url} is no https URL: nothing is sent there.", name="LoginFailed")
    try:
        reply = requests.post(token_url, data=dict(form), timeout=SECONDS, allow_redirects=False)
        parsed = reply.json()
    except (requests.exceptions.RequestException, ValueError) as error:
        raise CommandError(
            f"{url.netloc} does not answer: {type(error).__name__}.", hint="Try again.", name="LoginFailed"
        ) from None
    if not reply.ok or not isinstance(parsed, dict):
        why = parsed.get("error", "") if isinstance(parsed, dict) else ""
        raise CommandError(f"The user pool refuses: {why or reply.status_code}.", hint="Log in again.", name="LoginFailed")
    return parsed


class TokenStore:
    """`login.json`, for the owner's eyes only: host and port of an API -> Login, or the role one plays on the local stack."""

    def __init__(self, home: Home) -> None:
        self._path = home.path / "login.json"

    def login(self, netloc: str) -> Login | None:
        found = self._read().get(netloc)
        try:
            return Login(**found) if isinstance(found, dict) and "token_url" in found else None
        except TypeError:
            return None

    def role(self, netloc: str) -> str:
        """Whose local token is used: `admin` unless `waybill login --as` said otherwise."""
        found = self._read().get(netloc)
        return str(found.get("as", "admin")) if isinstance(found, dict) else "admin"

    def keep(self, netloc: str, login: Login) -> None:
        self._write(self._read() | {netloc: asdict(login)})

    def play(self, netloc: str, role: str) -> None:
        self._write(self._read() | {netloc: {"as": role}})

    def forget(self, netloc: str) -> bool:
        """Whether there was anything to forget."""
        kept = self._read()
        if kept.pop(netloc, None) is None:
            return False
        self._write(kept)
        return True

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, kept: Mapping[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(f"{self._path}.{os.getpid()}")
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=1)
        scratch.replace(self._path)


class LoginAuth(AuthBase):
    """Sends the access token, renewed where it is about to run out. Raises CommandError where it cannot be renewed."""

    def __init__(
        self, store: TokenStore, netloc: str, login: Login, *, ask: AskPool = ask_pool, now: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._ask = ask
        self._netloc = netloc
        self._login = login
        self._now = now

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._login.expires_at - self._now() < EARLY:
            self._renew()
        request.headers["Authorization"] = f"Bearer {self._login.access_token}"
        return request

    def _renew(self) -> None:
        login = self._login
        form = {"grant_type": "refresh_token", "client_id": login.client_id, "refresh_token": login.refresh_token}
        try:
            reply = self._ask(login.token_url, form)
        except CommandError:
            raise CommandError(
                "You are no longer logged in.", hint=f"waybill login --api https://{self._netloc}", name="NotLoggedIn"
            ) from None
        self._login = Login.of(
            reply, token_url=login.token_url, client_id=login.client_id, now=self._now(), refresh_token=login.refresh_token
        )
        self._store.keep(self._netloc, self._login)
