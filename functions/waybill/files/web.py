"""Fetches files from plain http(s) URLs, and refuses to be led into a private network."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, SSLError
from urllib3.exceptions import TimeoutError as NoAnswerInTime  # no connection at all is one of its kinds

from waybill.counting import count
from waybill.errors import WaybillError
from waybill.files.domain import SourceFacts
from waybill.files.storage import MIB, Content, Head, Reading

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
TIMEOUT = urllib3.Timeout(connect=10, read=30)  # seconds; `read` is between bytes
TRIES_PER_HOST = 5  # in a row that failed, after which a host is given up
PAUSE_SECONDS = 60.0  # until one more try shows whether a host that was given up is back
HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "Waybill"}
EMBEDDING = tuple(ipaddress.IPv6Network(n) for n in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"))
# Kept for special purposes by IANA, and taken for public by Python 3.11.
SPECIAL = tuple(ipaddress.ip_network(n) for n in ("192.0.0.0/24", "192.88.99.0/24", "fec0::/10", "3fff::/20", "5f00::/16"))
LONGEST_SIZE = 18  # digits of a length in bytes: an exabyte; what is longer is no length
LONGEST_HEADER = 1_024  # characters of a header that is kept with the file


class WebFault(WaybillError):
    """A fetch that failed. Messages never hold the URL's path or query, which may be signed."""


class AddressRefused(WebFault):
    """The URL, or one that it redirects to, leads where Waybill does not go."""


class FetchFailed(WebFault):
    """No connection, an answer other than 200, or one that broke off. `status` is 0 where there was none."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Unreachable(FetchFailed):
    """The host does not answer: it has no address, takes no connection, proves no identity, or says nothing in time.

    A server that hangs up, or answers with an error, is none of these: some do so to HEAD only.
    """


@dataclass(slots=True)
class Hosts:
    """Which hosts do not answer, so that they are not waited for once per file. One object serves all threads of a task.

    After TRIES_PER_HOST failures in a row a host is given up, but for one try each PAUSE_SECONDS. `now` is a clock in seconds.
    """

    now: Callable[[], float]
    _failures: dict[tuple[str, int], tuple[int, float]] = field(default_factory=dict, init=False)  # how many; no try before
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def check(self, host: str, port: int) -> None:
        """Raises Unreachable where the host has been given up."""
        with self._lock:
            count, until = self._failures.get((host, port), (0, 0.0))
            if count < TRIES_PER_HOST:
                return
            if self.now() < until:
                message = f"{host} does not answer: {count} tries failed; its files are tried again by the next run."
                raise Unreachable(message)
            self._failures[host, port] = (count, self.now() + PAUSE_SECONDS)  # the others wait for what this try shows

    def failed(self, host: str, port: int) -> None:
        with self._lock:
            count, _ = self._failures.get((host, port), (0, 0.0))
            self._failures[host, port] = (count + 1, self.now() + PAUSE_SECONDS)

    def answered(self, host: str, port: int) -> None:
        with self._lock:
            self._failures.pop((host, port), None)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect: to `address`, speaking to `host`."""

    scheme: str
    host: str
    port: int
    address: str


Resolver = Callable[[str, int], Sequence[str]]
Connector = Callable[[Endpoint], urllib3.HTTPConnectionPool]


def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, as the system knows them."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def connect(endpoint: Endpoint) -> urllib3.HTTPConnectionPool:
    """Connects to the address that was checked; certificate and SNI are those of the host's name."""
    if endpoint.scheme == "http":
        return urllib3.HTTPConnectionPool(endpoint.address, endpoint.port, maxsize=1)
    return urllib3.HTTPSConnectionPool(
        endpoint.address,
        endpoint.port,
        maxsize=1,
        ssl_context=ssl.create_default_context(),
        server_hostname=endpoint.host,
        assert_hostname=endpoint.host,
    )


def is_public(address: str) -> bool:
    """Whether an address is one of the public Internet. Those that embed an IPv4 address are not: they would go round the check."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and (ip.ipv4_mapped or any(ip in network for network in EMBEDDING)):
        return False
    if any(ip in network for network in SPECIAL if network.version == ip.version):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


@dataclass(frozen=True, slots=True)
class Web:
    """Fetches by GET and HEAD. Redirects are followed by hand, so that each hop is checked. `hosts`: those given up are not asked."""

    resolver: Resolver
    connector: Connector
    hosts: Hosts | None = None

    def facts(self, url: str) -> SourceFacts | None:
        """Facts by HEAD; None where the server answers and does not tell the size that way: a GET will say what is wrong.

        Raises Unreachable, where a GET would fare no better.
        """
        try:
            with self._open("HEAD", url) as response:
                length = _length(response)
                return _facts(response, length) if length is not None else None
        except Unreachable:
            raise
        except WebFault:
            return None

    @contextmanager
    def read(self, url: str) -> Iterator[Reading]:
        """Reads a file. Raises AddressRefused and FetchFailed, the latter also while the chunks are read."""
        with self._open("GET", url) as response:
            length = _length(response)
            content = Content(
                type=_header(response, "Content-Type"),
                encoding=_header(response, "Content-Encoding"),
                disposition=_header(response, "Content-Disposition"),
                language=_header(response, "Content-Language"),
            )
            if length is None and "chunked" not in response.headers.get("Transfer-Encoding", "").lower():
                raise FetchFailed("The server says neither how long the file is nor where it ends.", status=response.status)
            # An ETag of the web may look like an MD5 and is none.
            head = Head(_facts(response, length or 0), content, etag_is_md5=False)
            yield Reading(head, _chunks(response), length)

    @contextmanager
    def _open(self, method: str, url: str) -> Iterator[urllib3.BaseHTTPResponse]:
        for _ in range(MAX_REDIRECTS + 1):
            parts = _parts(url)
            with self._request(method, parts) as response:
                if response.status not in REDIRECTS:
                    if response.status != 200:  # noqa: PLR2004 - OK
                        raise FetchFailed(f"{parts.hostname} answers {response.status}.", status=response.status)
                    yield response
                    return
                target = _target(url, response.headers.get("Location", ""))
            if parts.scheme == "https" and _parts(target).scheme != "https":
                raise AddressRefused("The URL redirects from https to something less secure.")
            url = target
        raise AddressRefused(f"The URL redirects more than {MAX_REDIRECTS} times.")

    @contextmanager
    def _request(self, method: str, parts: SplitResult) -> Iterator[urllib3.BaseHTTPResponse]:
        endpoint = self._checked(parts)
        name = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        host = name if endpoint.port == _default_port(parts.scheme) else f"{name}:{endpoint.port}"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        count(f"web {method}")
        with self.connector(endpoint) as pool:
            try:
                response = pool.urlopen(
                    method,
                    target,
                    headers={**HEADERS, "Host": host},
                    redirect=False,
                    retries=False,
                    preload_content=False,
                    timeout=TIMEOUT,
                )
            except (NoAnswerInTime, SSLError) as error:
                raise self._unreachable(endpoint.host, endpoint.port, f"cannot be reached: {type(error).__name__}") from error
            except (HTTPError, OSError, ValueError) as error:  # ValueError: a host's name that TLS cannot ask for
                raise FetchFailed(f"{endpoint.host} cannot be reached: {type(error).__name__}.") from error
            if self.hosts is not None:
                self.hosts.answered(endpoint.host, endpoint.port)
            try:
                yield response
            finally:
                response.close()

    def _checked(self, parts: SplitResult) -> Endpoint:
        """Resolves a URL's host and refuses it if any of its addresses is not public."""
        try:
            port = parts.port or _default_port(parts.scheme)
            host = (parts.hostname or "").encode("idna").decode() if ":" not in (parts.hostname or "") else str(parts.hostname)
        except ValueError as error:
            raise AddressRefused("The URL is malformed.") from error
        if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
            raise AddressRefused("Only http(s) URLs with a host and without a user name are fetched.")
        if self.hosts is not None:
            self.hosts.check(host, port)
        try:
            addresses = self.resolver(host, port)
        except (OSError, ValueError) as error:  # ValueError: a name that cannot be asked for
            raise self._unreachable(host, port, "cannot be resolved") from error
        if not addresses or not all(is_public(address) for address in addresses):
            raise AddressRefused(f"{host} is not on the public Internet.")
        return Endpoint(parts.scheme, host, port, addresses[0])

    def _unreachable(self, host: str, port: int, what: str) -> Unreachable:
        if self.hosts is not None:
            self.hosts.failed(host, port)
        return Unreachable(f"{host} {what}.")


def _parts(url: str) -> SplitResult:
    """Raises AddressRefused for what is no URL: a redirect may say anything."""
    try:
        return urlsplit(url)
    except ValueError as error:
        raise AddressRefused("The URL is malformed.") from error


def _target(url: str, location: str) -> str:
    """Where a redirect leads. Raises AddressRefused."""
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise AddressRefused("The URL redirects to something that is no URL.") from error


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _length(response: urllib3.BaseHTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    if "Transfer-Encoding" in response.headers or not (text.isascii() and text.isdigit()) or len(text) > LONGEST_SIZE:
        return None
    return int(text)


def _header(response: urllib3.BaseHTTPResponse, name: str) -> str:
    """A header as it is kept with the file; one that S3 would not take (folded, not ASCII, endless) is left out."""
    text = response.headers.get(name, "")
    return text if text.isascii() and text.isprintable() and len(text) <= LONGEST_HEADER else ""


def _facts(response: urllib3.BaseHTTPResponse, size: int) -> SourceFacts:
    """A weak ETag keeps its `W/`: it never equals a strong one."""
    etag = _header(response, "ETag").replace('"', "")
    return SourceFacts(size, etag, modified=_date(response.headers.get("Last-Modified", "")))


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None


def _chunks(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    try:
        # As sent: a body that is encoded all the same is kept so, with its Content-Encoding.
        yield from response.stream(MIB, decode_content=False)
    except (HTTPError, OSError) as error:
        raise FetchFailed(f"The file broke off: {type(error).__name__}.", status=response.status) from error
