"""Kept-alive connections to AWS's services, shared by the threads of a process, and the protocol that others may stand in for.

Every request that goes this way may be sent twice: it reads, it is conditional, or it writes the same again. A reply that is
lost and a second request that then finds its own work (412, ConditionalCheckFailed) is resolved by who asked: the copier compares
what is there, the ledger reads the item. So a connection that the server had closed meanwhile is replaced without a word.
"""

import os
import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from waybill.aws.wire import BrokenOff, Malformed, NothingCame, Reply, read_reply, request_head

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0  # between bytes: a long CopyObject sends white space meanwhile
# S3 and DynamoDB close connections that nobody uses; one that has rested so long is not worth the try.
REST_SECONDS = 15.0
_CHUNK = 64 * 1024
_SMALL = 64 * 1024  # bytes that go in one packet's worth of work with the head


class NoReply(Exception):
    """No answer: the server could not be reached, broke off, or kept silent for too long. Whether it acted is not known."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom a request goes to. `host` as the header has it: with the port where that is not the scheme's own."""

    scheme: str
    host: str

    @classmethod
    def of(cls, url: str) -> "Origin":
        parts = urlsplit(url)
        default = {"http": ":80", "https": ":443"}.get(parts.scheme)
        if default is None or not parts.hostname:
            raise ValueError(f"{url} is no address of a service")
        return cls(parts.scheme, parts.netloc.rpartition("@")[2].removesuffix(default))

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(f"{self.scheme}://{self.host}")
        return parts.hostname or "", parts.port or (443 if self.scheme == "https" else 80)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}"


class Sender(Protocol):
    """What carries a signed request to a service and its reply back. Safe under threads."""

    def send(self, origin: Origin, method: str, target: str, *, headers: Mapping[str, str], body: bytes) -> Reply:
        """Raises NoReply."""


class Http:
    """Sender over sockets. Connections are kept and used by whoever asks next, the warmest first."""

    def __init__(self, *, connect_seconds: float = CONNECT_SECONDS, read_seconds: float = READ_SECONDS) -> None:
        self._connect_seconds, self._read_seconds = connect_seconds, read_seconds
        self._resting: dict[Origin, deque[_Connection]] = {}

    def send(self, origin: Origin, method: str, target: str, *, headers: Mapping[str, str], body: bytes) -> Reply:
        resting = self._resting.get(origin)
        if resting is None:
            resting = self._resting.setdefault(origin, deque())
        request = request_head(method, target, headers, length=len(body))
        try:
            while (connection := _take(resting)) is not None:
                try:
                    return self._exchange(connection, resting, method, request=request, body=body)
                except (NothingCame, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                    continue  # closed by the server while it rested; the next one is tried, and a new one in the end
            connection = _Connection(origin, connect_seconds=self._connect_seconds, read_seconds=self._read_seconds)
            return self._exchange(connection, resting, method, request=request, body=body)
        except (OSError, BrokenOff, Malformed) as error:
            raise NoReply(f"{origin}: {str(error) or type(error).__name__}") from error

    def _exchange(
        self, connection: "_Connection", resting: "deque[_Connection]", method: str, *, request: bytes, body: bytes
    ) -> Reply:
        try:
            connection.send(request, body)
            reply, keep = read_reply(connection.receive, method=method)
        except BaseException:
            connection.close()
            raise
        if keep:
            connection.since = time.monotonic()
            resting.append(connection)
        else:
            connection.close()
        return reply

    def close(self) -> None:
        """Closes what rests."""
        for resting in list(self._resting.values()):
            while resting:
                resting.pop().close()


def _take(resting: "deque[_Connection]") -> "_Connection | None":
    """The connection used last; those that have rested for too long are closed."""
    try:
        connection = resting.pop()
    except IndexError:
        return None
    if time.monotonic() - connection.since < REST_SECONDS:
        return connection
    connection.close()
    while resting:  # it was the youngest: the others are older still
        try:
            resting.pop().close()
        except IndexError:
            break
    return None


class _Connection:
    """A socket. It blocks, with the kernel's own time limit: Python's would cost a poll for each call."""

    __slots__ = ("_socket", "since")

    def __init__(self, origin: Origin, *, connect_seconds: float, read_seconds: float) -> None:
        host, port = origin.address
        plain = socket.create_connection((host, port), timeout=connect_seconds)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._socket = tls().wrap_socket(plain, server_hostname=host) if origin.scheme == "https" else plain
            self._socket.settimeout(None)
            limit = struct.pack("ll", int(read_seconds), int(read_seconds % 1 * 1_000_000))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        except BaseException:
            plain.close()
            raise
        self.since = time.monotonic()

    def send(self, head: bytes, body: bytes) -> None:
        if len(body) <= _SMALL:
            self._socket.sendall(head + body)
        else:
            self._socket.sendall(head)
            self._socket.sendall(body)

    def receive(self) -> bytes:
        try:
            return self._socket.recv(_CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError):
            raise TimeoutError("no answer in time") from None

    def close(self) -> None:
        self._socket.close()


@cache
def tls() -> ssl.SSLContext:
    """TLS with the authorities that botocore would trust: AWS_CA_BUNDLE, else certifi's, else the system's."""
    bundle = os.environ.get("AWS_CA_BUNDLE")
    if not bundle:
        certifi = find_spec("certifi")
        beside = Path(certifi.origin).with_name("cacert.pem") if certifi and certifi.origin else None
        bundle = str(beside) if beside and beside.is_file() else None
    context = ssl.create_default_context(cafile=bundle)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@cache
def http() -> Http:
    """The process's own connections."""
    return Http()


@cache
def hasty() -> Http:
    """Connections for what a task should not wait for."""
    return Http(connect_seconds=1, read_seconds=2)


_in_place: list[Sender] = []


def use(sender: Sender | None) -> None:
    """Puts something else in the place of connections, for what is built from now on; None puts them back. See compose."""
    _in_place[:] = [] if sender is None else [sender]


def sender(connections: Callable[[], Sender] = http) -> Sender:
    """What requests go through in this process."""
    return _in_place[0] if _in_place else connections()
