"""An org that answers as a test dictates, over real HTTP: for replies that a well-behaved simulator does not give."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = {"access_token": "canary-token-0", "instance_url": "https://example.my.salesforce.com", "token_type": "Bearer"}


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """`drop`: the connection closes instead. `wait`: not before this is set. `cut`: this many bytes of the body are missing."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: int = 0
    wait: threading.Event | None = None


Script = Callable[[Asked], Answer]


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that stopped waiting is part of the test."""


class ScriptedOrg:
    """Logs in by itself, token after token, and plays `answers` for the other calls: the last one again and again."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.logins: list[Asked] = []
        self.answers: list[Answer] = []
        self.login_answer: Answer | None = None
        org = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = org.answer(Asked(self.command, self.path, dict(self.headers), body))
                if answer.wait is not None:
                    answer.wait.wait(30)
                if answer.drop:
                    self.close_connection = True
                    return
                payload = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                payload = b"" if answer.body is None else payload
                self.send_response(answer.status)
                for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload[: len(payload) - answer.cut])
                if answer.cut:
                    self.close_connection = True

            do_GET = do_POST = do_PATCH = do_PUT = _serve  # noqa: N815 - the base class's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Says nothing."""

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self._lock = threading.Lock()

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            if asked.path.startswith(("/services/oauth2/token", "/services/Soap")):
                self.logins.append(asked)
                return self.login_answer or Answer(body={**TOKEN, "access_token": f"canary-token-{len(self.logins)}"})
            self.asked.append(asked)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
