"""HTTP/1.1 as AWS's services speak it: a request as bytes, a reply from bytes. No sockets here."""

from collections.abc import Callable, Mapping

from waybill.lean import lean

MAX_HEAD = 64 * 1024  # bytes
MAX_BODY = 64 * 1024 * 1024  # a page of a listing or of a query has about 1 MB

_SWITCHES = 200  # below it a status is not yet the answer
_BODILESS = frozenset({204, 304})


class Malformed(Exception):
    """What came is not HTTP, or more of it than any of AWS's services send."""


class BrokenOff(Exception):
    """The connection ended within a reply."""


class NothingCame(BrokenOff):
    """The connection ended before the first byte of a reply."""


@lean(frozen=True, slots=True)
class Reply:
    """A reply, whole. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def request_head(method: str, target: str, headers: Mapping[str, str], *, length: int) -> bytes:
    """Request line and headers. Raises ValueError where a header would begin a line of its own."""
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()]]
    if length or method in {"PUT", "POST"}:
        lines.append(f"content-length: {length}")
    head = "\r\n".join([*lines, "", ""])
    if head.count("\n") != len(lines) + 1 or head.count("\r") != len(lines) + 1 or "\0" in head:
        raise ValueError("a header holds a line break")
    return head.encode()


def read_reply(receive: Callable[[], bytes], *, method: str) -> tuple[Reply, bool]:
    """The reply to a request, and whether the connection may be used again.

    `receive` gives the next bytes, none at the end. Raises BrokenOff and Malformed.
    """
    buffer = receive()
    if not buffer:
        raise NothingCame("the connection was closed before the reply")
    while True:
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            if len(buffer) > MAX_HEAD:
                raise Malformed("the reply's head does not end")
            buffer += _more(receive)
        if buffer[:7] != b"HTTP/1." or not buffer[9:12].isdigit():
            raise Malformed("the reply is not HTTP")
        status = int(buffer[9:12])
        if status >= _SWITCHES:
            break
        buffer = buffer[end + 4 :] or _more(receive)  # 100 Continue and its like
    headers = {}
    for line in buffer[:end].decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    keep = buffer[7:8] == b"1" and headers.get("connection", "").lower() != "close"
    rest = buffer[end + 4 :]
    if method == "HEAD" or status in _BODILESS:
        return Reply(status, headers, b""), keep and not rest
    if "transfer-encoding" in headers:
        body, rest = _chunked(rest, receive)
        return Reply(status, headers, body), keep and not rest
    if "content-length" not in headers:
        return Reply(status, headers, _to_the_end(rest, receive)), False
    length = _length(headers["content-length"], base=10)
    body, rest = _exactly(rest, length, receive)
    return Reply(status, headers, body), keep and not rest


def _more(receive: Callable[[], bytes]) -> bytes:
    data = receive()
    if not data:
        raise BrokenOff("the connection was closed within the reply")
    return data


def _length(text: str, *, base: int) -> int:
    if not text.isalnum():  # int() would take a sign, spaces and underscores
        raise Malformed("the reply has no proper length")
    try:
        length = int(text, base)
    except ValueError:
        raise Malformed("the reply has no proper length") from None
    if length > MAX_BODY:
        raise Malformed("the reply is larger than any that is expected")
    return length


def _exactly(have: bytes, length: int, receive: Callable[[], bytes]) -> tuple[bytes, bytes]:
    """So many bytes, and what came after them."""
    if len(have) < length:
        parts, size = [have], len(have)
        while size < length:
            parts.append(_more(receive))
            size += len(parts[-1])
        have = b"".join(parts)
    return have[:length], have[length:]


def _chunked(have: bytes, receive: Callable[[], bytes]) -> tuple[bytes, bytes]:
    """The body of a chunked reply, and what came after it. Trailers are dropped."""
    parts: list[bytes] = []
    size = 0
    while True:
        line, have = _line(have, receive)
        length = _length(line.partition(b";")[0].strip().decode("latin-1"), base=16)
        if length == 0:
            break
        size += length
        if size > MAX_BODY:
            raise Malformed("the reply is larger than any that is expected")
        chunk, have = _exactly(have, length + 2, receive)
        parts.append(chunk[:-2])
    while True:
        line, have = _line(have, receive)
        if not line:
            return b"".join(parts), have


def _line(have: bytes, receive: Callable[[], bytes]) -> tuple[bytes, bytes]:
    while (end := have.find(b"\r\n")) < 0:
        if len(have) > MAX_HEAD:
            raise Malformed("a line of the reply does not end")
        have += _more(receive)
    return have[:end], have[end + 2 :]


def _to_the_end(have: bytes, receive: Callable[[], bytes]) -> bytes:
    parts, size = [have], len(have)
    while data := receive():
        parts.append(data)
        size += len(data)
        if size > MAX_BODY:
            raise Malformed("the reply is larger than any that is expected")
    return b"".join(parts)
