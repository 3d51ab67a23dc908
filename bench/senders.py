"""The transports that bench/transport.py compares: each carries the same signed requests."""

import http.client
import threading
from collections.abc import Callable, Mapping

from waybill.aws.transport import Http, NoReply, Origin, Sender
from waybill.aws.wire import Reply


class ByHttpClient:
    """The standard library's http.client, a connection per thread."""

    def __init__(self) -> None:
        self._own = threading.local()

    def send(self, origin: Origin, method: str, target: str, *, headers: Mapping[str, str], body: bytes) -> Reply:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = http.client.HTTPConnection(*origin.address, timeout=60)
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


class ByUrllib3:
    """urllib3, which boto3 uses."""

    def __init__(self, threads: int) -> None:
        import urllib3

        self._pool = urllib3.PoolManager(maxsize=threads, block=True)

    def send(self, origin: Origin, method: str, target: str, *, headers: Mapping[str, str], body: bytes) -> Reply:
        answer = self._pool.request(method, f"{origin}{target}", headers=dict(headers), body=body, retries=False)
        return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)


class ByPycurl:
    """libcurl, a handle per thread."""

    def __init__(self) -> None:
        import pycurl

        self._curl, self._own = pycurl, threading.local()

    def send(self, origin: Origin, method: str, target: str, *, headers: Mapping[str, str], body: bytes) -> Reply:
        handle = getattr(self._own, "handle", None)
        if handle is None:
            handle = self._own.handle = self._curl.Curl()
            handle.setopt(self._curl.NOSIGNAL, 1)
        lines: list[bytes] = []
        got: list[bytes] = []
        handle.setopt(self._curl.URL, f"{origin}{target}")
        handle.setopt(self._curl.CUSTOMREQUEST, method)
        handle.setopt(self._curl.POSTFIELDS, body)
        handle.setopt(self._curl.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()])
        handle.setopt(self._curl.HEADERFUNCTION, lines.append)
        handle.setopt(self._curl.WRITEFUNCTION, got.append)
        try:
            handle.perform()
        except self._curl.error as error:
            raise NoReply(str(error)) from error
        pairs = (line.decode("latin-1").partition(":")[::2] for line in lines[1:])
        return Reply(
            handle.getinfo(self._curl.RESPONSE_CODE), {name.lower(): value.strip() for name, value in pairs}, b"".join(got)
        )


def sender_of(name: str, threads: int) -> Sender:
    makers: dict[str, Callable[[], Sender]] = {
        "sockets": Http,
        "http.client": ByHttpClient,
        "urllib3": lambda: ByUrllib3(threads),
        "pycurl": ByPycurl,
    }
    return makers[name]()


# What one process does
