"""The web console on loopback: the built files, where the API is, and a token of the local pool for whoever the console is to be."""

import json
import mimetypes
import os
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from local.aws.pool import LIFETIME, LocalPool

ROOT = Path(__file__).resolve().parents[1] / "console"
BUILT, HEADERS = ROOT / "dist", ROOT / "headers.json"
CONFIG, SESSION = "/config.json", "/console-session"
# Whom the console may be locally, in which groups. The second administrator approves what the first has asked for.
USERS: Mapping[str, tuple[str, ...]] = {
    "admin": ("admin",),
    "approver": ("admin",),
    "operator": ("operator",),
    "viewer": ("viewer",),
}
NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Waybill</title>
<body><h1>Waybill runs here</h1>
<p>The API answers below <code>/api</code>. The console is not built: <code>make console</code> builds it (Node 20.19 or newer), then load
this page again.</p></body></html>
"""
# Whatever listens on loopback: the API's own port, uploads to the local S3, live events.
CONNECT = "http://127.0.0.1:* ws://127.0.0.1:* http://localhost:* ws://localhost:*"

# Status, headers, body.
Reply = tuple[int, Mapping[str, str], bytes]
# Address and port.
Peer = tuple[str, int]


def owner_of(peer: Peer, proc: Path = Path("/proc/net")) -> int | None:
    """Who on this machine is at the other end of a connection over loopback, as a user id. None where the system does not say (macOS)."""
    packed = struct.unpack("=I", socket.inet_aton(peer[0]))[0]
    ends = {f"{packed:08X}:{peer[1]:04X}", f"0000000000000000FFFF0000{packed:08X}:{peer[1]:04X}"}
    tables = [table for table in (proc / "tcp", proc / "tcp6") if table.is_file()]
    for table in tables:
        for line in table.read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[1] in ends:
                return int(fields[7])
    return -1 if tables else None


@dataclass(frozen=True, slots=True)
class Console:
    """Answers for every path that is not the API's."""

    pool: LocalPool
    built: Path = BUILT
    headers: Path = HEADERS
    owner: Callable[[Peer], int | None] = owner_of

    def answer(self, method: str, path: str, *, header: Callable[[str], str | None], body: bytes, peer: Peer) -> Reply:
        """`header` gives the request's by name; `peer` is who asks. The caller has made sure that the Host is this machine."""
        if path == SESSION:
            if self.owner(peer) not in {None, os.getuid(), 0}:
                return _json(403, {"detail": "Only the user of this machine who started Waybill is given a token."})
            return self._session(method, header, body)
        if method not in {"GET", "HEAD"}:
            return _json(405, {"detail": "Only the API takes anything else than GET."})
        if path == CONFIG:
            return _json(200, {"api": "/api", "sign_in": "local"})
        return self._file(path)

    def _session(self, method: str, header: Callable[[str], str | None], body: bytes) -> Reply:
        """A token for one of the local users, for a page of this very server alone: other sites can neither ask for it nor read it."""
        same = header("Origin") == f"http://{header('Host')}"
        if method != "POST" or not same or (header("Content-Type") or "").partition(";")[0] != "application/json":
            return _json(403, {"detail": "Only the console itself is given a token."})
        try:
            user = str(json.loads(body)["as"])
            groups = USERS[user]
        except (ValueError, KeyError, TypeError):
            return _json(422, {"detail": f"Be one of {', '.join(USERS)}."})
        return _json(200, {"access_token": self.pool.token(user, groups), "expires_in": LIFETIME})

    def _file(self, path: str) -> Reply:
        """A built file; any other path is a page of the console, which its router knows."""
        page = self.built / "index.html"
        if not page.is_file():
            return 200, self._guarded("text/html; charset=utf-8", cache="no-store"), NOT_BUILT.encode()
        found = (self.built / path.lstrip("/")).resolve()
        if found != self.built.resolve() and self.built.resolve() in found.parents and found.is_file():
            kind = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
            # Built files have a hash in their name.
            cache = "public, max-age=31536000, immutable" if path.startswith("/assets/") else "no-cache"
            return 200, self._guarded(kind, cache=cache), found.read_bytes()
        if path.startswith("/assets/"):
            return _json(404, {"detail": "There is no such file: the console was built anew, load the page again."})
        return 200, self._guarded("text/html; charset=utf-8", cache="no-cache"), page.read_bytes()

    def _guarded(self, kind: str, *, cache: str) -> dict[str, str]:
        """The headers of the deployed console, with what it may connect to here."""
        guards = {name: Template(value).safe_substitute(connect=CONNECT) for name, value in self._guards().items()}
        return {**guards, "content-type": kind, "cache-control": cache}

    def _guards(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.headers.read_text(encoding="utf-8"))
        # `_send` has it already, on every reply.
        return {name.lower(): value for name, value in found.items() if name != "X-Content-Type-Options"}


def _json(status: int, body: Mapping[str, object]) -> Reply:
    return status, {"content-type": "application/json", "cache-control": "no-store"}, json.dumps(body).encode()
