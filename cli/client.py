"""The HTTP API as Python methods: the local one with a token of its `local.json`, a deployed one with that of `waybill login`."""

import ipaddress
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import NewConnectionError

from cli import words
from cli.errors import CommandError, ExitCode
from cli.home import NOTHING_RUNS, START_IT, Home
from cli.tokens import LoginAuth, TokenStore

Json = dict[str, Any]

CONNECT_SECONDS = 5.0
UPLOAD_SECONDS = 300.0
READ_SECONDS = 35.0  # API Gateway gives up after 30
TRIES = 4
FIRST_PAUSE = 0.5  # seconds; doubled with each try
RETRIED = frozenset({429, 502, 503, 504})


class TokenAuth(AuthBase):
    """The bearer token of the local stack."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class NoAuth(AuthBase):
    """No credentials; being there keeps requests from looking into ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ApiClient:
    """One method per verb; the paths are those of the design. Raises CommandError with what to do."""

    def __init__(self, base_url: str, auth: AuthBase, *, local: bool, sleep: Callable[[float], None] = time.sleep) -> None:
        self.base_url = base_url
        self.local = local
        self._sleep = sleep
        self._session = requests.Session()
        self._session.trust_env = not local  # a proxy never stands between this machine and itself
        self._session.auth = auth
        self._session.headers["Accept"] = "application/json"
        self._session.mount(base_url, HTTPAdapter(pool_maxsize=2))

    @classmethod
    def connect(
        cls, api: str | None, home: Home, *, anonymous: bool = False, sleep: Callable[[float], None] = time.sleep
    ) -> "ApiClient":
        """The API that `api` names, else the local one of `home`. `anonymous`: before there is a token, to ask how to get one."""
        if api is None:
            base = str(home.local()["api"]["url"]).rstrip("/")
            return cls(base, _local_auth(home, urllib.parse.urlsplit(base).netloc), local=True, sleep=sleep)
        url = urllib.parse.urlsplit(api)
        if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment or url.username:
            raise CommandError(
                f"--api {api} is no URL of an API.", hint="It looks like https://abc123.execute-api.eu-west-1.amazonaws.com"
            )
        path = url.path.rstrip("/")
        base = f"{url.scheme}://{url.netloc}{path if path.endswith('/api') else path + '/api'}"
        if is_loopback(url.hostname):
            return cls(base, _local_auth(home, url.netloc), local=True, sleep=sleep)
        if url.scheme != "https":
            raise CommandError("A deployed API is spoken to over https only.", hint=f"Use https://{url.netloc}{url.path}")
        return cls(base, NoAuth() if anonymous else _login_auth(home, url.netloc), local=False, sleep=sleep)

    @property
    def netloc(self) -> str:
        """Host and port."""
        return urllib.parse.urlsplit(self.base_url).netloc

    def get(self, path: str, **query: object) -> Json:
        return self._json("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, object] | None = None, *, key: str | None = None) -> Json:
        """POST; with an idempotency key it is repeated like a GET where the reply got lost."""
        return self._json("POST", path, body=body or {}, key=key)

    def put(self, path: str, body: Mapping[str, object]) -> Json:
        return self._json("PUT", path, body=body)

    def delete(self, path: str, **query: object) -> Json:
        return self._json("DELETE", path, query=query)

    def put_file(self, url: str, file: Path, *, headers: Mapping[str, str]) -> None:
        """Uploads a file by a link that carries its own rights: no credentials go along."""
        for attempt in range(TRIES):
            try:
                with file.open("rb") as body:
                    reply = requests.put(
                        url, data=body, headers=dict(headers), auth=NoAuth(), timeout=(CONNECT_SECONDS, UPLOAD_SECONDS)
                    )
            except requests.exceptions.RequestException as error:
                if attempt == TRIES - 1:
                    message = f"{file.name} cannot be uploaded: {type(error).__name__}"
                    raise CommandError(message, hint="Check your network.", code=ExitCode.FAILED, name="Unreachable") from None
            else:
                if reply.ok:
                    return
                if attempt == TRIES - 1 or reply.status_code not in {*RETRIED, 500}:
                    message = f"{file.name} cannot be uploaded: S3 answered {reply.status_code}."
                    raise CommandError(message, hint="Try again.", code=ExitCode.FAILED, name="UploadFailed")
            self._sleep(FIRST_PAUSE * 2**attempt)

    def fetch_file(self, url: str) -> Iterator[bytes]:
        """Downloads by a link that carries its own rights, piece by piece."""
        try:
            with requests.get(url, auth=NoAuth(), timeout=(CONNECT_SECONDS, UPLOAD_SECONDS), stream=True) as reply:
                if not reply.ok:
                    message = f"The file cannot be downloaded: S3 answered {reply.status_code}."
                    raise CommandError(message, hint="Try again.", code=ExitCode.FAILED, name="DownloadFailed")
                yield from reply.iter_content(1 << 20)
        except requests.exceptions.RequestException as error:
            message = f"The file cannot be downloaded: {type(error).__name__}"
            raise CommandError(message, hint="Check your network.", code=ExitCode.FAILED, name="Unreachable") from None

    def pieces(self, path: str, **query: object) -> Iterator[str]:
        """A reply of text that may be larger than the API's limit, piece by piece."""
        offset: str | None = None
        while True:
            reply = self._send("GET", path, query={**query, "offset": offset}, body=None, key=None)
            if not reply.ok:
                raise _problem(reply.status_code, _parsed(reply), self.base_url)
            reply.encoding = "utf-8"
            yield reply.text
            offset = reply.headers.get("Waybill-Next-Offset")
            if offset is None:
                return

    def pages(self, path: str, *, limit: int | None = None, **query: object) -> Iterator[Json]:
        """All items of a paged list, or the first `limit`."""
        cursor: object = None
        left = limit
        while left is None or left > 0:
            page = self.get(path, **query, cursor=cursor, limit=min(left, 100) if left is not None else None)
            items = page.get("items", [])
            yield from items if left is None else items[:left]
            left = None if left is None else left - len(items)
            cursor = page.get("next")
            if not cursor:
                return

    def _json(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        key: str | None = None,
    ) -> Json:
        reply = self._send(method, path, query=query or {}, body=body, key=key)
        parsed = _parsed(reply)
        if not reply.ok:
            raise _problem(reply.status_code, parsed, self.base_url)
        if not isinstance(parsed, dict):
            raise CommandError(
                f"{self.base_url} answered with something that is not Waybill's API.", hint="Check --api.", name="UnexpectedReply"
            )
        return parsed

    def _send(
        self, method: str, path: str, *, query: Mapping[str, object], body: Mapping[str, object] | None, key: str | None
    ) -> requests.Response:
        given = {name: value for name, value in query.items() if value is not None}
        words = urllib.parse.urlencode(given, quote_via=urllib.parse.quote)
        url = f"{self.base_url}{path}" + (f"?{words}" if words else "")
        headers = {"Idempotency-Key": key} if key else {}
        repeatable = method in {"GET", "PUT", "DELETE"} or key is not None
        for attempt in range(TRIES):
            last = attempt == TRIES - 1 or not repeatable
            try:
                reply = self._session.request(
                    method, url, json=body, headers=headers, timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False
                )
            except requests.exceptions.ConnectTimeout as error:
                if last:
                    raise self._unreachable(error) from None
            except requests.exceptions.Timeout:
                if last:
                    raise CommandError(
                        f"The API did not answer within {READ_SECONDS:.0f} seconds.",
                        hint="Try again.",
                        code=ExitCode.FAILED,
                        name="Timeout",
                    ) from None
            except requests.exceptions.RequestException as error:
                if last or (self.local and _refused(error)):
                    raise self._unreachable(error) from None
            else:
                if last or reply.status_code not in RETRIED:
                    return reply
            self._sleep(FIRST_PAUSE * 2**attempt)
        raise AssertionError("the last try returns or raises")

    def _unreachable(self, error: Exception) -> CommandError:
        if self.local:
            return CommandError(f"{NOTHING_RUNS} ({self.base_url} does not answer)", hint=START_IT, name="NothingRunning")
        return CommandError(
            f"{self.base_url} cannot be reached: {type(error).__name__}", hint="Check --api and your network.", name="Unreachable"
        )


def _parsed(reply: requests.Response) -> object:
    try:
        return reply.json() if reply.content else {}
    except ValueError:
        return None


def _refused(error: requests.exceptions.RequestException) -> bool:
    """Whether nobody listens there: no use in trying again. A connection that broke is another matter."""
    return isinstance(getattr(error.args[0] if error.args else None, "reason", None), NewConnectionError)


def _local_auth(home: Home, netloc: str) -> AuthBase:
    """A local token, but for the local API only: another process on this machine gets none."""
    try:
        local = home.local()["api"]
    except CommandError:
        return NoAuth()
    if urllib.parse.urlsplit(local["url"]).netloc != netloc:
        return NoAuth()
    return TokenAuth(str(local.get("tokens", {}).get(TokenStore(home).role(netloc)) or local.get("token", "")))


def _login_auth(home: Home, netloc: str) -> AuthBase:
    store = TokenStore(home)
    login = store.login(netloc)
    if login is None:
        raise CommandError(
            f"You are not logged in to {netloc}.", hint=f"waybill login --api https://{netloc}", name="NotLoggedIn"
        )
    return LoginAuth(store, netloc, login)


def _problem(status: int, body: object, base_url: str) -> CommandError:
    """A reply that is an error, in the API's own words (RFC 9457) where it has any."""
    code = ExitCode.FAILED if status >= 500 else ExitCode.REFUSED
    if isinstance(body, dict) and ("detail" in body or "title" in body):
        # It may quote what stands in Salesforce: nothing that a terminal would obey.
        detail, name = (words.safe(text) for text in (body.get("detail") or body["title"], body.get("class", "ApiError")))
        return CommandError(detail, hint=words.safe(body["hint"]) if body.get("hint") else "", code=code, name=name)
    if status in {401, 403}:
        return CommandError(
            f"{base_url} refuses these credentials ({status}).",
            hint="Locally: restart `waybill up`. Deployed: `waybill login`.",
            name="Forbidden",
        )
    message = f"{base_url} answered {status}."
    return CommandError(
        message, hint="Check --api." if status < 500 else "Try again; see the API's log.", code=code, name="ApiError"
    )
