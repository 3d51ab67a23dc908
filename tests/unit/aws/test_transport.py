"""Connections: kept, replaced when the server closed them, given up when it is silent."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from waybill.aws import transport
from waybill.aws.transport import Http, NoReply, Origin, tls

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
# What a server does with a connection that it has just accepted, given its number.
Conduct = Callable[[socket.socket, int], None]


class Server:
    """Listens on loopback; each connection is a thread that behaves as it is told."""

    def __init__(self, conduct: Conduct) -> None:
        self._conduct = conduct
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.connections = 0
        self.origin = Origin("http", f"127.0.0.1:{self._socket.getsockname()[1]}")
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection, contextlib.suppress(OSError):
            self._conduct(connection, number)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._threads[0].join(10)


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
def http() -> Iterator[Http]:
    made = Http(connect_seconds=5, read_seconds=5)
    yield made
    made.close()


def request(connection: socket.socket) -> bytes:
    """One request with its body; nothing where the client has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answers_all(connection: socket.socket, _: int) -> None:
    while request(connection):
        connection.sendall(OK)


def send(http: Http, server: Server, body: bytes = b"") -> bytes:
    return http.send(server.origin, "PUT", "/k", headers={"host": server.origin.host}, body=body).body


def test_one_connection_serves_request_after_request(serve: Callable[[Conduct], Server], http: Http) -> None:
    server = serve(answers_all)
    assert [send(http, server) for _ in range(5)] == [b"ok"] * 5
    assert server.connections == 1


def test_threads_have_connections_of_their_own_and_leave_them_to_others(serve: Callable[[Conduct], Server], http: Http) -> None:
    together = threading.Barrier(4, timeout=20)

    def conduct(connection: socket.socket, _: int) -> None:
        while data := request(connection):
            if b"together" in data:
                together.wait()
            connection.sendall(OK)

    server = serve(conduct)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: send(http, server, b"together"), range(4))) == [b"ok"] * 4
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: send(http, server), range(20))) == [b"ok"] * 20
    assert server.connections == 4


def test_a_large_body_arrives_whole(serve: Callable[[Conduct], Server], http: Http) -> None:
    got: list[bytes] = []

    def conduct(connection: socket.socket, _: int) -> None:
        got.append(request(connection))
        connection.sendall(OK)

    body = b"0123456789" * 50_000
    send(http, serve(conduct), body)
    assert got[0].endswith(b"\r\n\r\n" + body)


def test_a_connection_that_was_closed_while_it_rested_is_replaced(serve: Callable[[Conduct], Server], http: Http) -> None:
    gone = threading.Event()

    def conduct(connection: socket.socket, number: int) -> None:
        request(connection)
        connection.sendall(OK)
        if number == 1:
            connection.close()
            gone.set()
        else:
            request(connection)

    server = serve(conduct)
    send(http, server)
    assert gone.wait(10)
    assert send(http, server) == b"ok"
    assert server.connections == 2


def test_a_new_connection_that_breaks_off_is_not_tried_again_here(serve: Callable[[Conduct], Server], http: Http) -> None:
    server = serve(lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\n") if request(connection) else None)
    with pytest.raises(NoReply):
        send(http, server)
    assert server.connections == 1


def test_a_connection_that_has_rested_for_long_is_not_used(
    serve: Callable[[Conduct], Server], http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answers_all)
    send(http, server)
    monkeypatch.setattr(transport, "REST_SECONDS", 0.0)
    send(http, server)
    assert server.connections == 2


def test_a_server_that_keeps_silent_is_given_up(serve: Callable[[Conduct], Server]) -> None:
    over = threading.Event()
    server = serve(lambda connection, _: (request(connection), over.wait(20), None)[2])
    with pytest.raises(NoReply, match="in time"):
        send(Http(read_seconds=0.1), server)
    over.set()


def test_nobody_there_is_no_reply(http: Http) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(NoReply):
        http.send(Origin("http", f"127.0.0.1:{port}"), "GET", "/", headers={}, body=b"")


@pytest.mark.parametrize(
    ("url", "host", "address"),
    [
        ("http://127.0.0.1:8333", "127.0.0.1:8333", ("127.0.0.1", 8333)),
        ("https://s3.amazonaws.com/", "s3.amazonaws.com", ("s3.amazonaws.com", 443)),
        ("https://s3.amazonaws.com:443", "s3.amazonaws.com", ("s3.amazonaws.com", 443)),
        ("http://user:pass@localhost:80", "localhost", ("localhost", 80)),
    ],
)
def test_an_origin_is_read_from_a_url(url: str, host: str, address: tuple[str, int]) -> None:
    origin = Origin.of(url)
    assert (origin.host, origin.address) == (host, address)


@pytest.mark.parametrize("url", ["ftp://a", "localhost:80", "", "http://"])
def test_what_is_no_address_is_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        Origin.of(url)


def test_certificates_are_checked() -> None:
    context = tls()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] > 10
