"""A fake HTTP API that answers from a script and remembers what it was asked, and the command to run against it."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner

from cli.app import App
from cli.main import waybill

TOKEN = "local-token"


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class FakeApi:
    """`replies[(method, path)]` are given in turn, the last one again and again: (status, body[, headers]) or body; None drops the connection."""

    url: str = ""
    replies: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def on(self, method: str, path: str, *replies: Any) -> None:
        self.replies[method, path] = list(replies)

    def requests(self, method: str, path: str) -> list[Asked]:
        return [asked for asked in self.asked if (asked.method, asked.path) == (method, path)]

    def answer(self, asked: Asked) -> Any:
        self.asked.append(asked)
        script = self.replies.get((asked.method, asked.path))
        if script is None:
            return 404, {
                "title": "Not Found",
                "status": 404,
                "detail": f"no script for {asked.method} {asked.path}",
                "class": "NotFound",
            }
        return script.pop(0) if len(script) > 1 else script[0]


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = FakeApi()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            reply = fake.answer(
                Asked(
                    self.command,
                    url.path.removeprefix("/api"),
                    dict(parse_qsl(url.query)),
                    body,
                    {k.lower(): v for k, v in self.headers.items()},
                )
            )
            if reply is None:
                self.close_connection = True
                return
            status, payload, *more = reply if isinstance(reply, tuple) else (200, reply)
            data = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(payload, str) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            for name, value in (more[0] if more else {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_address[1]}/api"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def home(tmp_path: Path, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which a local stack seems to be up."""
    for name in ("WAYBILL_API", "COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WAYBILL_HOME", str(tmp_path))
    (tmp_path / "local.json").write_text(json.dumps({"api": {"url": api.url, "token": TOKEN}}))
    return tmp_path


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object that is all of standard output."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


@dataclass
class Clock:
    """Time that passes only by sleeping."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


Run = Callable[..., Done]


@pytest.fixture
def run(home: Path) -> Run:
    """Runs the command in `home`, with a clock that does not make tests wait."""

    def run_(*words: str, stdin: str = "", clock: Clock | None = None) -> Done:
        time = clock or Clock()
        app = App(sleep=time.sleep, clock=time, today=lambda: datetime(2026, 11, 21, 14, 5, tzinfo=UTC))
        result = CliRunner().invoke(waybill, list(words), obj=app, input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return run_


@pytest.fixture
def run_view() -> Callable[..., dict[str, Any]]:
    """A run as the API shows it."""

    def view(
        run_id: str = "backup-r1", *, status: str = "completed", files: dict[str, int] | None = None, **more: Any
    ) -> dict[str, Any]:
        return {
            "run_id": run_id, "kind": run_id.split("-", maxsplit=1)[0], "mode": "full", "status": status, "phase": "copying",
            "started_at": "2026-11-21T14:05:00.000Z", "ended_at": "2026-11-21T14:06:30.000Z", "message": "", "dry_run": False,
            "files": files or {}, "errors": [], **more,
        }  # fmt: skip

    return view
