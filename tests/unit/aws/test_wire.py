"""HTTP/1.1: whatever way a reply is cut into packets, it is read as it was written; what is no HTTP is not believed."""

import itertools
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill.aws import wire
from waybill.aws.wire import BrokenOff, Malformed, NothingCame, read_reply, request_head


def coming(packets: Iterable[bytes]) -> Callable[[], bytes]:
    """A receiver of these packets, and the end after them."""
    waiting = iter(packets)
    return lambda: next(waiting, b"")


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(ends)]


places = st.lists(st.integers(0, 10_000), max_size=12)
bodies = st.binary(max_size=200)


def chunked(body: bytes, sizes: list[int]) -> bytes:
    parts = cut(body, sizes)
    return b"".join(b"%x;a=b\r\n%s\r\n" % (len(part), part) for part in parts if part) + b"0\r\nX-Trailer: 1\r\n\r\n"


@given(bodies, places)
def test_a_reply_with_a_length_is_read_however_it_is_cut(body: bytes, at: list[int]) -> None:
    data = b'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: %d\r\n\r\n%s' % (len(body), body)
    reply, keep = read_reply(coming(cut(data, at)), method="GET")
    assert (reply.status, reply.headers["etag"], reply.body, keep) == (200, '"a"', body, True)


@given(bodies, places, places)
def test_a_chunked_reply_is_read_however_it_is_cut(body: bytes, at: list[int], chunks: list[int]) -> None:
    data = b"HTTP/1.1 503 Slow Down\r\ntransfer-encoding:chunked\r\n\r\n" + chunked(body, chunks)
    reply, keep = read_reply(coming(cut(data, at)), method="GET")
    assert (reply.status, reply.body, keep) == (503, body, True)


@given(bodies, places)
def test_a_reply_without_a_length_ends_with_the_connection(body: bytes, at: list[int]) -> None:
    reply, keep = read_reply(coming(cut(b"HTTP/1.1 200 OK\r\n\r\n" + body, at)), method="GET")
    assert (reply.body, keep) == (body, False)


@given(bodies.filter(bool), st.integers(0, 300))
def test_a_reply_that_breaks_off_is_no_reply(body: bytes, short: int) -> None:
    for data in (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, []),
    ):
        end = short % len(data)
        with pytest.raises(NothingCame if end == 0 else BrokenOff):
            read_reply(coming([data[:end]]), method="GET")


def test_a_reply_that_may_come_later_is_waited_for() -> None:
    data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
    assert read_reply(coming([data]), method="PUT")[0].body == b"x"
    assert read_reply(coming([data[:25], data[25:]]), method="PUT")[0].body == b"x"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("HEAD", 404), ("DELETE", 204), ("GET", 304)])
def test_some_replies_have_no_body_whatever_their_length_says(method: str, status: int) -> None:
    data = b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status
    reply, keep = read_reply(coming([data]), method=method)
    assert (reply.status, reply.body, keep, reply.headers["content-length"]) == (status, b"", True, "5")


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n",  # more than was asked for
    ],
)
def test_a_connection_that_ends_or_says_too_much_is_not_used_again(data: bytes) -> None:
    reply, keep = read_reply(coming([data]), method="GET")
    assert (reply.body, keep) == (b"x", False)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (wire.MAX_HEAD + 1),
    ],
)
def test_what_is_no_http_is_not_believed(data: bytes) -> None:
    with pytest.raises(Malformed):
        read_reply(coming([data]), method="GET")


def test_a_body_without_a_length_has_its_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_BODY", 10)
    with pytest.raises(Malformed):
        read_reply(coming([b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 11]), method="GET")


@given(st.text(max_size=20))
def test_a_header_never_begins_a_line_of_its_own(value: str) -> None:
    try:
        head = request_head("PUT", "/k", {"a": value}, length=0)
    except ValueError:
        assert set(value) & {"\r", "\n", "\0"} or any("\ud800" <= c <= "\udfff" for c in value)
    else:
        assert head == f"PUT /k HTTP/1.1\r\na: {value}\r\ncontent-length: 0\r\n\r\n".encode()


def test_only_requests_with_a_body_say_its_length() -> None:
    assert b"content-length" not in request_head("GET", "/", {}, length=0)
    assert b"content-length: 7\r\n" in request_head("POST", "/", {}, length=7)
