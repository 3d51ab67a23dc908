"""Many requests from one thread: side by side, on kept connections, replaced when the server closed them, given up in silence."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.unit.aws.test_transport import OK, Conduct, Server, answers_all, request
from waybill.aws import multiplex
from waybill.aws.multiplex import Multiplexer, borrowed
from waybill.aws.transport import NoReply, Origin
from waybill.aws.wire import Reply, request_head


@pytest.fixture
def serve() -> Iterator[Callable[[Conduct], Server]]:
    made: list[Server] = []

    def start(conduct: Conduct) -> Server:
        made.append(Server(conduct))
        return made[-1]

    yield start
    for server in made:
        server.close()


@pytest.fixture
def channels() -> Iterator[Multiplexer[int]]:
    made: Multiplexer[int] = Multiplexer(connect_seconds=5, read_seconds=5)
    yield made
    made.close()


def put(origin: Origin, name: str = "k") -> bytes:
    return request_head("PUT", f"/{name}", {"host": origin.host}, length=0)


def all_of(channels: Multiplexer[int], expected: int) -> dict[int, Reply | NoReply]:
    found: dict[int, Reply | NoReply] = {}
    until = time.monotonic() + 20
    while len(found) < expected and time.monotonic() < until:
        found.update(channels.wait(1))
    return found


def bodies(found: dict[int, Reply | NoReply]) -> dict[int, bytes]:
    return {token: reply.body for token, reply in found.items() if isinstance(reply, Reply)}


def test_requests_are_in_flight_side_by_side_and_replies_find_their_tokens(
    serve: Callable[[Conduct], Server], channels: Multiplexer[int]
) -> None:
    together = threading.Barrier(5, timeout=20)

    def conduct(connection: socket.socket, _: int) -> None:
        while asked := request(connection):
            together.wait()
            name = asked.split()[1]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(name), name))

    server = serve(conduct)
    for number in range(5):
        channels.begin(server.origin, "PUT", put(server.origin, str(number)), token=number)
    assert channels.in_hand == 5
    assert bodies(all_of(channels, 5)) == {number: b"/%d" % number for number in range(5)}
    assert channels.in_hand == 0


def test_a_connection_serves_request_after_request(serve: Callable[[Conduct], Server], channels: Multiplexer[int]) -> None:
    server = serve(answers_all)
    for number in range(5):
        channels.begin(server.origin, "PUT", put(server.origin), token=number)
        assert bodies(all_of(channels, 1)) == {number: b"ok"}
    assert server.connections == 1


def test_a_reply_that_comes_in_pieces_is_put_together(serve: Callable[[Conduct], Server], channels: Multiplexer[int]) -> None:
    def conduct(connection: socket.socket, _: int) -> None:
        while request(connection):
            for piece in (b"HTTP/1.1 200 OK\r\nTransfer-", b"Encoding: chunked\r\n\r\n2\r\n", b"ok\r\n0\r", b"\n\r\n"):
                connection.sendall(piece)
                time.sleep(0.02)

    server = serve(conduct)
    for number in range(2):
        channels.begin(server.origin, "PUT", put(server.origin), token=number)
        assert bodies(all_of(channels, 1)) == {number: b"ok"}
    assert server.connections == 1


def test_a_connection_that_the_server_closed_while_it_rested_is_replaced(
    serve: Callable[[Conduct], Server], channels: Multiplexer[int]
) -> None:
    def conduct(connection: socket.socket, _: int) -> None:
        request(connection)
        connection.sendall(OK)

    server = serve(conduct)
    for number in range(3):
        channels.begin(server.origin, "PUT", put(server.origin), token=number)
        assert bodies(all_of(channels, 1)) == {number: b"ok"}
    assert server.connections == 3


def test_a_reply_that_breaks_off_is_no_reply(serve: Callable[[Conduct], Server], channels: Multiplexer[int]) -> None:
    def conduct(connection: socket.socket, _: int) -> None:
        request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nha")

    server = serve(conduct)
    channels.begin(server.origin, "PUT", put(server.origin), token=1)
    assert isinstance(all_of(channels, 1)[1], NoReply)


def test_a_server_that_keeps_silent_is_given_up(serve: Callable[[Conduct], Server]) -> None:
    leave = threading.Event()

    def conduct(connection: socket.socket, _: int) -> None:
        request(connection)
        leave.wait(20)

    server = serve(conduct)
    hurried: Multiplexer[int] = Multiplexer(read_seconds=0.1)
    hurried.begin(server.origin, "PUT", put(server.origin), token=1)
    assert isinstance(all_of(hurried, 1)[1], NoReply)
    leave.set()
    hurried.close()


def test_who_does_not_listen_is_no_reply(channels: Multiplexer[int]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        origin = Origin("http", f"127.0.0.1:{probe.getsockname()[1]}")
    channels.begin(origin, "PUT", put(origin), token=1)
    assert isinstance(all_of(channels, 1)[1], NoReply)


def test_a_name_that_nobody_has_is_no_reply(channels: Multiplexer[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    origin = Origin("https", "nobody.invalid")
    channels.begin(origin, "PUT", put(origin), token=1)
    assert isinstance(all_of(channels, 1)[1], NoReply)


def test_a_server_without_a_certificate_is_not_spoken_to(serve: Callable[[Conduct], Server], channels: Multiplexer[int]) -> None:
    heard: list[bytes] = []
    server = serve(lambda connection, _: heard.append(connection.recv(65536)) or connection.sendall(b"no TLS here\r\n"))
    origin = Origin("https", server.origin.host)
    channels.begin(origin, "PUT", put(origin), token=1)
    reply = all_of(channels, 1)[1]
    assert isinstance(reply, NoReply)
    assert isinstance(reply.__cause__, ssl.SSLError | ConnectionError | OSError)
    assert not any(b"PUT" in data for data in heard)


def test_another_thread_ends_a_wait(channels: Multiplexer[int]) -> None:
    threading.Timer(0.05, channels.wake).start()
    began = time.monotonic()
    assert channels.wait(20) == []
    assert time.monotonic() - began < 15


def test_connections_are_kept_for_the_next_who_borrows_them(serve: Callable[[Conduct], Server]) -> None:
    server = serve(answers_all)
    for number in range(3):
        with borrowed() as channels:
            channels.begin(server.origin, "PUT", put(server.origin), token=number)
            assert bodies(all_of(channels, 1)) == {number: b"ok"}
    multiplex._idle.pop().close()
    assert server.connections == 1


def test_who_is_broken_off_leaves_nothing_to_the_next(serve: Callable[[Conduct], Server]) -> None:
    server = serve(answers_all)
    with borrowed() as channels:
        channels.begin(server.origin, "PUT", put(server.origin), token=1)
    assert channels not in multiplex._idle
