"""A proxy in front of an S3 server that brings trouble: 503s by seed, and a hook between a listing and what follows it."""

import asyncio
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

_SLOW_DOWN = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
_BODILESS = (204, 304)


@dataclass
class Trouble:
    """What the proxy does. `busy`: share of requests that are answered with 503. `after_listing`: called with each page of a
    listing of `bucket`, before the client learns of it."""

    busy: float = 0.0
    seed: int = 7
    bucket: str = ""
    after_listing: Callable[[bytes], None] | None = None
    faults: int = 0
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def is_busy(self) -> bool:
        busy = self._chance.random() < self.busy
        self.faults += busy
        return busy

    def lists(self, method: bytes, target: bytes) -> bool:
        """Whether a request lists the bucket."""
        return method == b"GET" and target.partition(b"?")[0].strip(b"/") == self.bucket.encode()


class Proxy:
    """Runs in a thread of its own; `with Proxy(...) as proxy` gives its address as `proxy.endpoint`."""

    def __init__(self, upstream: str, trouble: Trouble) -> None:
        host, _, port = upstream.removeprefix("http://").partition(":")
        self._host, self._port, self.trouble = host, int(port), trouble
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self.endpoint = ""

    def __enter__(self) -> Self:
        self._thread.start()
        starting = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self._server = starting.result(10)
        self.endpoint = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                headers = parsed(head)
                if headers.get(b"expect"):
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await reader.readexactly(int(headers.get(b"content-length", b"0")))
                method, target, _ = head.split(b"\r\n", 1)[0].split(b" ", 2)
                if self.trouble.is_busy():
                    shown = b"" if method == b"HEAD" else _SLOW_DOWN
                    writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: %d\r\n\r\n%s" % (len(_SLOW_DOWN), shown))
                    await writer.drain()
                    continue
                if upstream is None:
                    upstream = await asyncio.open_connection(self._host, self._port)
                upstream[1].write(without(head, b"expect") + body)
                await upstream[1].drain()
                reply = await _reply(upstream[0], method)
                hook = self.trouble.after_listing
                if hook is not None and self.trouble.lists(method, target):
                    await asyncio.to_thread(hook, reply)
                writer.write(reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # either side has closed the connection
        finally:
            writer.close()
            if upstream is not None:
                upstream[1].close()


async def _reply(reader: asyncio.StreamReader, method: bytes) -> bytes:
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status >= 200:
            break
    headers = parsed(head)
    if method == b"HEAD" or status in _BODILESS:
        return head
    if headers.get(b"transfer-encoding", b"").lower() != b"chunked":
        return head + await reader.readexactly(int(headers.get(b"content-length", b"0")))
    parts = [head]
    while True:
        line = await reader.readline()
        chunk = await reader.readexactly(int(line.strip(), 16) + 2)
        parts += [line, chunk]
        if chunk == b"\r\n":
            return b"".join(parts)


def parsed(head: bytes) -> dict[bytes, bytes]:
    """The headers of a request or reply, names in lower case."""
    lines = head.split(b"\r\n")[1:]
    return {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines if line)}


def without(head: bytes, name: bytes) -> bytes:
    """The head without a header that no signature covers."""
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(name + b":")]
    return b"\r\n".join(lines)
