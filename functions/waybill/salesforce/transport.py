"""The HTTP session under simple-salesforce: time-outs, retries, the quota header, and the way to a simulator or proxy.

Import it inside functions: `requests` costs a cold start a tenth of a second.
"""

import io
import ipaddress
from collections.abc import Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, NewConnectionError

from waybill.counting import count
from waybill.errors import ConfigurationError, SalesforceUnavailable
from waybill.salesforce.faults import EXPIRED, fault_of
from waybill.salesforce.patience import Patience
from waybill.salesforce.usage import Kind, Meter
from waybill.telemetry import logger

# Statuses whose body is nothing to read: the reply is complete without one.
_ANSWERED = frozenset({204, 304, 412, 414, 431})
_MOST_CONNECTIONS = 16
# A login is answered within seconds or not at all, and others wait for it.
_LOGIN_TIMEOUT = 30.0


def is_salesforce(url: str) -> bool:
    return (urlsplit(url).hostname or "").endswith(".salesforce.com")


def other_host(login_url: str) -> str | None:
    """Scheme and host that all calls go to, where `login_url` names a simulator or proxy; None for Salesforce itself.

    Raises ConfigurationError for plain http to another machine: secrets would travel in the clear.
    """
    parts = urlsplit(login_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(
            f"The Salesforce login URL {login_url!r} is not a URL such as https://example.my.salesforce.com."
        )
    if parts.scheme == "http" and not _loopback(parts.hostname):
        raise ConfigurationError(f"The Salesforce login URL {login_url!r} must be https.")
    return None if is_salesforce(login_url) else f"{parts.scheme}://{parts.netloc}"


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class RewritingAdapter(HTTPAdapter):
    """Sends every request to one host instead of the one it names: simple-salesforce knows `*.salesforce.com` and https only."""

    def __init__(self, target: str | None) -> None:
        self._target = target
        super().__init__(pool_connections=2, pool_maxsize=_MOST_CONNECTIONS, max_retries=0)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # Any: as requests has it
        if self._target is not None:
            parts = urlsplit(request.url or "")
            request.url = f"{self._target}{parts.path}{'?' if parts.query else ''}{parts.query}"
        return super().send(request, *args, **kwargs)


class SalesforceSession(requests.Session):
    """Each request states what it is for and whether it may be repeated. Used by several threads."""

    def __init__(self, *, login_url: str, meter: Meter, patience: Patience) -> None:
        super().__init__()
        # No proxy, no .netrc from the environment: the latter would replace the Authorization header.
        self.trust_env = False
        # Cookies are of no use here, and the jar is shared by threads.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = RewritingAdapter(other_host(login_url))
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self._meter = meter
        self._patience = patience

    def request(
        self,
        method: str | bytes,
        url: str | bytes,
        *args: Any,
        kind: Kind = Kind.IDENTITY,
        repeatable: bool = False,
        trail: list[str] | None = None,
        **kwargs: Any,
    ) -> requests.Response:
        """A reply that can be read, be it a refusal. Raises SalesforceUnavailable where there is none.

        What is not `repeatable`, such as an insert, is tried again only where it cannot have arrived. `trail` collects what went
        wrong on the way, for those who need to know that an earlier try may have been carried out.
        """
        read_timeout = min(self._patience.read_timeout, _LOGIN_TIMEOUT) if kind is Kind.LOGIN else self._patience.read_timeout
        kwargs.setdefault("timeout", (self._patience.connect_timeout, read_timeout))
        # The API never redirects; a page that does is a maintenance or login page.
        kwargs["allow_redirects"] = False
        tried = 0
        while True:
            tried += 1
            self._meter.count(kind)
            count(f"salesforce {kind.value}")
            response, trouble, most = None, "", self._patience.tries
            sent, asked_pause = True, 0.0
            try:
                response = super().request(method, url, *args, **kwargs)
            except requests.RequestException as error:
                trouble, sent = _dropped(error), _was_sent(error)
                if isinstance(error, requests.ReadTimeout):
                    most = self._patience.tries_after_timeout
                if not _passing(error):
                    most = 0
            else:
                self._meter.observe(response.headers)
                trouble = _trouble(response, kind)
                asked_pause = _retry_after(response.headers)
                if not trouble:
                    return response
            if trail is not None:
                trail.append(trouble)
            if tried >= most or (sent and not repeatable):
                if response is not None and _readable(response):
                    return response
                raise SalesforceUnavailable(_unavailable(kind, trouble, tried=tried, lost=sent and not repeatable))
            logger.info("salesforce call is repeated", extra={"kind": kind.value, "tried": tried, "reason": trouble})
            self._patience.pause(tried, at_least=asked_pause)


class Download:
    """A reply that is read as it comes, and is never in memory as a whole."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    def lines(self) -> Iterator[str]:
        """With their ends: a cell may hold some. Raises SalesforceUnavailable where the reply breaks off."""
        self._response.raw.decode_content = True
        # It would close itself at the end, before the last lines are out.
        self._response.raw.auto_close = False
        try:
            # `raw` is a reader of bytes, though it does not say so to the type checker.
            yield from io.TextIOWrapper(self._response.raw, encoding="utf-8", newline="")  # type: ignore[type-var]
        except (HTTPError, OSError, UnicodeDecodeError):
            raise SalesforceUnavailable("Salesforce's reply was cut off. Try again later.") from None


def _unavailable(kind: Kind, trouble: str, *, tried: int, lost: bool) -> str:
    told = f"Salesforce did not answer a {kind.value} call after {tried} {'try' if tried == 1 else 'tries'}: {trouble}."
    if lost:
        return f"{told} It may have been carried out all the same: look before it is repeated."
    return f"{told} Try again later; look at status.salesforce.com and at the login URL."


def _dropped(error: requests.RequestException) -> str:
    """What happened, without the URL: it may hold a query's values."""
    match error:
        case requests.ConnectTimeout():
            return "no connection within the time allowed"
        case requests.Timeout():
            return "no reply within the time allowed"
        case requests.exceptions.SSLError():
            return "the TLS certificate was not accepted"
        case _:
            return f"the connection failed ({type(error).__name__})"


def _was_sent(error: requests.RequestException) -> bool:
    """False where the request cannot have reached Salesforce."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError):
        return False
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return not isinstance(reason, NewConnectionError)


def _passing(error: requests.RequestException) -> bool:
    """A refused certificate or a malformed URL stays what it is."""
    lasting = (requests.exceptions.SSLError, requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)
    return not isinstance(error, lasting) and isinstance(
        error,
        requests.ConnectionError
        | requests.Timeout
        | requests.exceptions.ChunkedEncodingError
        | requests.exceptions.ContentDecodingError,
    )


def _trouble(response: requests.Response, kind: Kind) -> str:
    """Why the request should be repeated; empty where the reply is an answer."""
    status = response.status_code
    if kind is Kind.LOGIN and b"Envelope" in response.content[:1000]:
        # A SOAP fault is an answer, although its status is 500.
        return ""
    if status in _ANSWERED:
        return ""
    if not _readable(response):
        if fault_of(status, response.content).status == EXPIRED:
            return ""
        media = response.headers.get("Content-Type", "no content type").partition(";")[0]
        return f"HTTP {status} with {media} instead of JSON"
    if status < requests.codes.bad_request:
        return ""
    fault = fault_of(status, response.content)
    if fault.transient:
        return f"HTTP {status} {fault.code}".rstrip()
    return ""


def _readable(response: requests.Response) -> bool:
    """Whether the body is JSON, judged by its ends: parsing a large page twice would cost more than it tells. CSV is left unread."""
    if response.ok and response.headers.get("Content-Type", "").startswith("text/csv"):
        return True
    body = response.content.strip()
    if response.status_code == requests.codes.created and not body:
        # The rows of a bulk job were taken.
        return True
    return response.status_code in _ANSWERED or (body[:1], body[-1:]) in {(b"{", b"}"), (b"[", b"]")}


def _retry_after(headers: Mapping[str, str]) -> float:
    text = headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 0.0
