"""The local AWS endpoint: moto in process for boto3, and over HTTP on loopback for every other client, with one state."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.core.models import botocore_stubber

from local.aws import conditional_copy, inserts, quick_attributes
from local.aws.dispatch import REGION, Dispatcher, Headers, Reply
from local.aws.serving import Handler, Server, is_loopback

ACCESS_KEY_ID = "AKIAWAYBILLLOCALONLY"
SECRET_ACCESS_KEY = "not-a-secret-local-only"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    # Neither a profile, a metadata service nor an endpoint of the developer's own may come in between.
    "AWS_EC2_METADATA_DISABLED": "true",
}
_CLEARED = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_DYNAMODB")
_SIGNED_FOR = re.compile(r"Credential=[^/]+/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
# Of a bucket, as its own host.
_SUBDOMAIN = re.compile(r"^[a-z0-9.\-]+\.localhost(:\d+)?$", re.IGNORECASE)
_SERVICE_HOSTS = {"eventbridge": "events"}
# Method, URL, headers, body; the reply, or None where the URL is none of AWS's.
Dispatch = Callable[[str, str, Headers, bytes], Reply | None]


class Endpoint:
    """moto, started and stopped. One per process: moto's state and boto3's handlers are the process's."""

    def __init__(self) -> None:
        self.dispatcher = Dispatcher()
        self._server: _Server | None = None
        self._environment: dict[str, str | None] = {}

    def start(self, *, port: int | None = None) -> None:
        """Answers boto3 in this process from now on, with an empty state, and on `port` of loopback if given (0: any)."""
        if botocore_stubber.enabled and vars(botocore_stubber).get("process_request") is not _stopped:
            raise RuntimeError("A local AWS endpoint is already running in this process.")
        conditional_copy.install()
        inserts.install()
        quick_attributes.install()
        reset()
        for name in (*CREDENTIALS, *_CLEARED):
            self._environment[name] = os.environ.pop(name, None)
        os.environ.update(CREDENTIALS)
        # A default session made before moto was imported does not know of it.
        boto3.DEFAULT_SESSION = None
        vars(botocore_stubber)["process_request"] = self._in_process
        botocore_stubber.enabled = True
        if port is not None:
            try:
                self._server = _Server(("127.0.0.1", port), self.dispatcher)
            except OSError:
                self.stop()
                raise
            threading.Thread(target=self._server.serve_forever, args=(0.1,), name="aws-endpoint", daemon=True).start()

    def stop(self, *, refuse: bool = False) -> None:
        """Stops answering. The state is dropped. `refuse`: what still runs here is refused for good, lest it calls the real AWS."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        if refuse:
            vars(botocore_stubber)["process_request"] = _stopped
        else:
            botocore_stubber.enabled = False
            vars(botocore_stubber).pop("process_request", None)
        for name, value in self._environment.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        self._environment.clear()
        boto3.DEFAULT_SESSION = None
        reset()

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("The endpoint is not served over HTTP.")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def between(self, wrap: Callable[[Dispatch], Dispatch]) -> None:
        """Puts something between AWS and the clients that come over HTTP: it may count, answer by itself, or break off."""
        if self._server is None:
            raise RuntimeError("The endpoint is not served over HTTP.")
        self._server.dispatch = wrap(self._server.dispatch)

    def _in_process(self, request: AWSPreparedRequest) -> Reply | None:
        reply = self.dispatcher.dispatch(request.method, request.url, request.headers, request.body)
        if reply is None and request.url.startswith("http://127.0.0.1"):
            return None  # somebody else's server, or this one over HTTP
        return reply or (404, {}, f"Nothing here answers for {urlsplit(request.url).netloc}.")


def _stopped(_request: AWSPreparedRequest) -> Reply:
    return 400, {}, "<Error><Code>Stopped</Code><Message>The local stack has stopped.</Message></Error>"


def reset() -> None:
    """Empties all of moto."""
    BackendDict.reset()
    reset_model_data()


class _Server(Server):
    def __init__(self, address: tuple[str, int], dispatcher: Dispatcher) -> None:
        self.dispatch: Dispatch = dispatcher.dispatch
        super().__init__(address, _Handler)


class _Handler(Handler):
    """It tells services apart by the signature's scope, as one host serves them all."""

    wbufsize = 64 * 1024
    server: _Server

    def _serve(self) -> None:
        body = b"".join(self._body())
        host = self.headers.get("Host", "")
        if not is_loopback(host) and not _SUBDOMAIN.match(host):
            self._answer(403, {}, f"Host {host} is not this machine.")
            return
        try:
            status, headers, data = self._reply(body)
        except Exception as error:  # noqa: BLE001 - whatever moto lacks becomes an answer that says so
            status, headers, data = 501, {}, f"{type(error).__name__}: {error}"
        self._answer(status, headers, data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_PATCH = _serve  # noqa: N815 - http.server's names

    def _reply(self, body: bytes) -> Reply:
        parts = urlsplit(self.path if self.path.startswith("/") else "/" + self.path)
        authorization = self.headers.get("Authorization", "") or _presigned(parts.query)
        scope = _SIGNED_FOR.search(authorization)
        if scope:
            region, service = scope.groups()
        elif authorization:
            region, service = REGION, "s3"
        else:
            region, service = REGION, "s3"
            bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
            if not (self.command in ("GET", "HEAD") and key and conditional_copy.is_public(bucket, key)):
                return _denied()
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection", "expect")}
        query = f"?{parts.query}" if parts.query else ""
        url = f"https://{_SERVICE_HOSTS.get(service, service)}.{region}.amazonaws.com{parts.path}{query}"
        reply = self.server.dispatch(self.command, url, headers, body)
        return reply or (501, {}, f"The service {service} does not exist locally.")

    def handle_expect_100(self) -> bool:
        go_on = super().handle_expect_100()
        self.wfile.flush()  # the client waits for it before it sends the body
        return go_on

    def _body(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline() not in (b"\r\n", b"\n", b""):
                pass
        else:
            yield self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, headers: dict[str, Any], data: str | bytes) -> None:
        content = data.encode() if isinstance(data, str) else data
        given = {name.lower(): str(value) for name, value in headers.items()}
        given.pop("status", None)
        if not (self.command == "HEAD" and "content-length" in given):
            given["content-length"] = str(len(content))
        given.setdefault("content-type", "text/plain; charset=utf-8")
        self.send_response(status)
        for name, value in given.items():
            if name != "date":
                self.send_header(name, value.encode().decode("latin-1"))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(content)


def _presigned(query: str) -> str:
    """The credential of a presigned URL in the form of an Authorization header."""
    given = parse_qs(query)
    if "X-Amz-Credential" in given:
        return f"Credential={given['X-Amz-Credential'][0]}"
    return "AWS" if "Signature" in given else ""


def _denied() -> Reply:
    body = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
    return 403, {"content-type": "application/xml"}, body
