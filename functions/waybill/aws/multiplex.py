"""Many requests in flight from one thread, over kept-alive connections under one poll.

Where threads wait for replies, handing Python's lock around costs more than the replies do: it took two thirds of a copy's CPU.
As in `transport`, every request that goes this way may be sent twice.
"""

import os
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import ceil
from typing import Any, Generic, TypeVar

from waybill.aws.transport import CONNECT_SECONDS, READ_SECONDS, REST_SECONDS, NoReply, Origin, tls
from waybill.aws.wire import BrokenOff, Malformed, NothingCame, Reply, read_reply

T = TypeVar("T")
_CHUNK = 64 * 1024
_READ, _WRITE = select.POLLIN, select.POLLOUT
_SWEEP_SECONDS = 1.0
# Seconds that are given to further replies where fewer than one in so many is there: little beside a copy's own time.
_MOMENT, _ONE_IN = 0.004, 2
_CLOSED = (NothingCame, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class _Unfinished(Exception):
    """More of a reply is to come."""


class _Channel(Generic[T]):
    """A connection and what it has in hand: the request, the bytes of it that are still to be sent, what has come of the reply."""

    __slots__ = ("addresses", "had_reply", "have", "method", "open", "origin", "out", "request", "since", "socket", "token")

    socket: socket.socket
    token: T

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.addresses: Iterator[tuple[int, Any]] | None = None  # Any: of IPv6 they have other members
        self.open = self.had_reply = False
        self.method, self.request, self.out, self.have = "", b"", b"", b""
        self.since = 0.0


def _what_came(data: bytes, *, ended: bool) -> Iterator[bytes]:
    """What read_reply receives: what is there, then the end, if it has come."""
    yield data
    if not ended:
        raise _Unfinished
    yield b""


class Multiplexer(Generic[T]):
    """For one thread at a time; only `wake` may be called by others. A request is known by the token that comes back with its reply."""

    def __init__(self, *, connect_seconds: float = CONNECT_SECONDS, read_seconds: float = READ_SECONDS) -> None:
        """Seconds without a sign of the server, before and after the connection stands."""
        self._connect_seconds, self._read_seconds = connect_seconds, read_seconds
        # The poll itself: a selector in front of it costs as much as to read a reply.
        self._poll = select.poll()
        self._polled: dict[int, _Channel[T] | None] = {}
        self._resting: dict[Origin, deque[_Channel[T]]] = {}
        self._busy: set[_Channel[T]] = set()
        self._ended: list[tuple[T, Reply | NoReply]] = []
        self._swept = 0.0
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
        self._watch(self._bell, _READ, None)

    @property
    def in_hand(self) -> int:
        """Requests whose reply has not been given back."""
        return len(self._busy) + len(self._ended)

    def begin(self, origin: Origin, method: str, request: bytes, *, token: T) -> None:
        """Sends a request, on the connection used last or a new one. Does not wait."""
        resting = self._resting.get(origin)
        now = time.monotonic()
        while resting:
            channel = resting.pop()
            if now - channel.since < REST_SECONDS:
                break
            self._close(channel)
        else:
            channel = _Channel(origin)
        channel.method, channel.request, channel.token = method, request, token
        channel.out, channel.have, channel.since = request, b"", now
        self._busy.add(channel)
        self._attempt(channel)

    def wait(self, seconds: float) -> list[tuple[T, Reply | NoReply]]:
        """What has ended, after `seconds` at the latest, or as soon as somebody wakes us."""
        for channel in self._ready(0 if self._ended else seconds):
            if channel is None:
                self._bell.recv(_CHUNK)
            elif channel in self._busy:
                self._attempt(channel)
            else:  # closed by the server while it rested
                with suppress(ValueError):  # or by us, a moment ago
                    self._resting[channel.origin].remove(channel)
                self._close(channel)
        now = time.monotonic()
        if now - self._swept > _SWEEP_SECONDS:
            self._swept = now
            for channel in list(self._busy):
                if now - channel.since > (self._read_seconds if channel.open else self._connect_seconds):
                    self._failed(channel, TimeoutError("no answer in time"))
        ended, self._ended = self._ended, []
        return ended

    def _ready(self, seconds: float) -> list[_Channel[T] | None]:
        """Channels that have something; None is the bell. Where many are waited for, a moment is given to the next ones: to wake up for each reply
        costs as much as to read it."""
        ready = self._poll.poll(ceil(seconds * 1000))
        if seconds and 0 < len(ready) < len(self._busy) // _ONE_IN:
            time.sleep(_MOMENT)
            ready = self._poll.poll(0)
        return [self._polled[file] for file, _ in ready]

    def _watch(self, connection: socket.socket, what: int, channel: _Channel[T] | None) -> None:
        self._polled[connection.fileno()] = channel
        self._poll.register(connection, what)

    def _leave(self, connection: socket.socket) -> None:
        """Watches it no longer. Raises KeyError where it was not watched, ValueError where it is closed."""
        self._poll.unregister(connection)
        del self._polled[connection.fileno()]

    def wake(self) -> None:
        """Ends a `wait`, from another thread."""
        with suppress(BlockingIOError):  # it has been rung often enough
            self._ringer.send(b"!")

    def close(self) -> None:
        """Closes every connection. What is in hand gets no reply."""
        for channels in (self._busy, *self._resting.values()):
            for channel in channels:
                self._close(channel)
        self._busy.clear()
        self._resting.clear()
        self._polled.clear()
        self._bell.close()
        self._ringer.close()

    def _attempt(self, channel: _Channel[T]) -> None:
        """Goes on with a channel as far as it goes without waiting."""
        try:
            if not channel.open and not self._opened(channel):
                return
            if channel.out:
                self._send(channel)
            else:
                self._receive(channel)
        except (OSError, BrokenOff, Malformed) as error:
            self._failed(channel, error)

    def _opened(self, channel: _Channel[T]) -> bool:
        """Whether the connection stands; otherwise the poll tells when to look again."""
        if channel.addresses is None:
            host, port = channel.origin.address
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            channel.addresses = ((family, at) for family, _, _, _, at in found)
            self._connect(channel)
            return False
        if not isinstance(channel.socket, ssl.SSLSocket):
            refused = channel.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if refused:
                raise OSError(refused, os.strerror(refused))
            if channel.origin.scheme == "https":
                self._leave(channel.socket)
                host = channel.origin.address[0]
                channel.socket = tls().wrap_socket(channel.socket, server_hostname=host, do_handshake_on_connect=False)
                self._watch(channel.socket, _WRITE, channel)
        if isinstance(channel.socket, ssl.SSLSocket):
            try:
                channel.socket.do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as wanting:
                wanted = _READ if isinstance(wanting, ssl.SSLWantReadError) else _WRITE
                self._poll.modify(channel.socket, wanted)
                return False
        channel.open = True
        self._poll.modify(channel.socket, _READ)
        return True

    def _connect(self, channel: _Channel[T]) -> None:
        """Begins a connection to the next of the addresses. Raises OSError where there is none left."""
        for family, address in channel.addresses or ():
            channel.socket = plain = socket.socket(family, socket.SOCK_STREAM)
            plain.setblocking(False)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            try:
                plain.connect(address)
            except BlockingIOError:
                pass
            except OSError:
                plain.close()
                continue
            channel.since = time.monotonic()
            self._watch(plain, _WRITE, channel)
            return
        raise ConnectionRefusedError("no connection")

    def _send(self, channel: _Channel[T]) -> None:
        try:
            sent = channel.socket.send(channel.out)
        except (BlockingIOError, ssl.SSLWantWriteError):
            sent = 0
        was_late = channel.out is not channel.request
        channel.out = channel.out[sent:]
        if channel.out:
            self._poll.modify(channel.socket, _READ | _WRITE)
        elif was_late:
            self._poll.modify(channel.socket, _READ)

    def _receive(self, channel: _Channel[T]) -> None:
        while True:
            try:
                data = channel.socket.recv(_CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            channel.have = channel.have + data if channel.have else data
            more = _what_came(channel.have, ended=not data)
            try:
                reply, keep = read_reply(more.__next__, method=channel.method)
            except _Unfinished:
                channel.since = time.monotonic()
                continue
            self._ended.append((channel.token, reply))
            self._rest(channel, keep=keep)
            return

    def _rest(self, channel: _Channel[T], *, keep: bool) -> None:
        self._busy.discard(channel)
        channel.have = b""
        if keep:
            channel.had_reply, channel.since = True, time.monotonic()
            self._resting.setdefault(channel.origin, deque()).append(channel)
        else:
            self._close(channel)

    def _failed(self, channel: _Channel[T], error: Exception) -> None:
        """Tries the next address, or another connection where this one had been closed while it rested; else it has no reply."""
        self._busy.discard(channel)
        self._close(channel)
        if not channel.open and not isinstance(error, TimeoutError):
            with suppress(OSError):
                self._connect(channel)
                self._busy.add(channel)
                return
        if channel.had_reply and isinstance(error, _CLOSED):
            self.begin(channel.origin, channel.method, channel.request, token=channel.token)
            return
        silence = NoReply(f"{channel.origin}: {str(error) or type(error).__name__}")
        silence.__cause__ = error
        self._ended.append((channel.token, silence))

    def _close(self, channel: _Channel[T]) -> None:
        if channel.addresses is not None and hasattr(channel, "socket"):
            with suppress(KeyError, ValueError):  # it is closed already
                self._leave(channel.socket)
            channel.socket.close()


_idle: list[Multiplexer[Any]] = []


@contextmanager
def borrowed() -> Iterator[Multiplexer[Any]]:
    """One of the process's own, whose connections are kept from one call to the next. Nobody else has it meanwhile."""
    try:
        channels = _idle.pop()
    except IndexError:
        channels = Multiplexer()
    try:
        yield channels
    finally:
        if channels.in_hand:  # its user was broken off
            channels.close()
        else:
            _idle.append(channels)
