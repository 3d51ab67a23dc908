"""HTTP on the loopback: keep-alive, one write per reply, and a stop that leaves no thread and no socket behind."""

import contextlib
import gzip
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from local.salesforce.messages import Reply, Request

_LONGEST_URI = 16_384
_LARGEST_BODY = 50 * 1024 * 1024
# Of a bulk job's data: 150 MB once it is in base64.
_LARGEST_UPLOAD = 112 * 1024 * 1024

# None: the connection is closed without a reply.
Answer = Callable[[Request], Reply | None]
# HTTP date
Now = Callable[[], str]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    def _serve(self) -> None:
        refusal = self._refusal()
        if refusal is not None:
            self.close_connection = True
            self._send(refusal)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.answer(Request(self.command, parts.path, parts.query, headers, body))
        if reply is None:
            self.close_connection = True
            return
        self._send(reply)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815 - the base class's names

    def _refusal(self) -> Reply | None:
        if len(self.path) > _LONGEST_URI:
            return Reply(414, "<html><body><h1>URI Too Long</h1></body></html>")
        if len(self.path) + sum(len(name) + len(value) + 4 for name, value in self.headers.items()) > _LONGEST_URI:
            return Reply(431, "<html><body><h1>Request Header Fields Too Large</h1></body></html>")
        length = self.headers.get("Content-Length")
        if self.headers.get("Transfer-Encoding") or (length is not None and not length.isdigit()):
            return Reply(411, "<html><body><h1>Length Required</h1></body></html>")
        upload = self.command == "PUT" and self.path.endswith("/batches")
        if int(length or 0) > (_LARGEST_UPLOAD if upload else _LARGEST_BODY):
            return Reply(413, "<html><body><h1>Request Entity Too Large</h1></body></html>")
        return None

    def _send(self, reply: Reply) -> None:
        body, content_type = reply.encoded()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            if name != "Content-Type":
                self.send_header(name, value)
        if reply.status not in {204, 304}:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        # The base class gathers headers in a buffer: joined by the body they go out in one packet.
        self._headers_buffer: list[bytes]
        self._headers_buffer.append(b"\r\n" + (b"" if self.command == "HEAD" or reply.status in {204, 304} else body))
        self.flush_headers()

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.server.now()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing: the call log has it."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answer: Answer, now: Now) -> None:
        self.answer = answer
        self.now = now
        self._guard = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # Any: the base class's types
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True, name="salesforce"
        )
        with self._guard:
            self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:  # Any: the base class's type
        super().shutdown_request(request)
        with self._guard:
            self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:  # Any: the base class's types
        """A client that went away is no error of ours; everything else is answered before it gets here."""

    def close(self) -> None:
        """Ends the loop, then the connections that clients keep open."""
        self.shutdown()
        self.server_close()
        with self._guard:
            left = dict(self._open)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in left.values():
            thread.join(timeout=10)
