"""Files from sources that S3 cannot copy from by itself: other credentials, and the web."""

import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.fakes.object_store import FakeObjectStore
from waybill.counting import counting
from waybill.errors import ServiceUnavailable
from waybill.files.comparing import proof
from waybill.files.copying import copy_one
from waybill.files.domain import HttpLocation, S3Location, SourceFacts, VerifiedBy
from waybill.files.jobs import CopyFault, CopyJob, CopyOutcome, CopyStatus, Limits, Tools
from waybill.files.storage import Content
from waybill.files.streaming import sha256_of
from waybill.files.web import Endpoint, Web, connect, is_public

PUBLIC = "93.184.216.34"
BIG = bytes(range(256)) * 10
LIMITS = Limits(stream_part=1000, max_stream_part=1000)


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = -1  # -1: as it is; None: chunked


@dataclass
class Site:
    """A web server on this machine that tests take for the Internet."""

    port: int
    pages: dict[str, Answer] = field(default_factory=dict)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)
    addresses: dict[str, Sequence[str]] = field(default_factory=dict)

    def web(self) -> Web:
        def connect(endpoint: Endpoint) -> urllib3.HTTPConnectionPool:
            self.endpoints.append(endpoint)
            return urllib3.HTTPConnectionPool("127.0.0.1", self.port)

        return Web(lambda host, _: self.addresses.get(host, [PUBLIC]), connect)


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.seen.append((self.command, self.headers["Host"], self.path))
            answer = made.pages.get(self.path, Answer(404))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.length is None:
                self.send_header("Transfer-Encoding", "chunked")
            elif answer.length != -2:
                self.send_header("Content-Length", str(len(answer.body) if answer.length == -1 else answer.length))
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            if self.command == "HEAD":
                return
            if answer.length is None:
                self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(answer.body), answer.body))
            else:
                self.wfile.write(answer.body)

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Site(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def new() -> FakeObjectStore:
    return FakeObjectStore("new", min_part=1000)


@pytest.fixture
def old() -> FakeObjectStore:
    return FakeObjectStore("old", min_part=1000)


@pytest.fixture
def tools(new: FakeObjectStore, old: FakeObjectStore, site: Site) -> Tools:
    return Tools(new, site.web(), lambda _: None, source=old, limits=LIMITS)


def s3_job(facts: SourceFacts, *, deep: bool = False) -> CopyJob:
    return CopyJob("e", S3Location("old", "a.tif"), facts, "new", ("uploads/a.tif", "second"), deep)


def web_job(url: str = "https://files.example.com/a.pdf?sig=secret", facts: SourceFacts | None = None) -> CopyJob:
    return CopyJob("e", HttpLocation(url), facts, "new", ("uploads/a.pdf",))


def get(tools: Tools, url: str = "https://files.example.com/a.pdf?sig=secret", facts: SourceFacts | None = None) -> CopyOutcome:
    return copy_one(web_job(url, facts), tools)


# From a bucket with credentials of its own


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2560])
def test_a_file_arrives_whole_with_what_belongs_to_it(
    tools: Tools, old: FakeObjectStore, new: FakeObjectStore, size: int
) -> None:
    content = Content("image/tiff", metadata={"scanner": "7"})
    facts = old.place("old", "a.tif", BIG[:size], content=content, tags={"kind": "scan"})

    outcome = copy_one(s3_job(facts), tools)

    there = new.world.buckets["new"]["uploads/a.tif"]
    assert (there.body, there.content, there.tags) == (BIG[:size], content, {"kind": "scan"})
    assert (outcome.status, outcome.size, outcome.checksum) == (CopyStatus.COPIED, size, f"SHA256:{sha256_of(BIG[:size])}")
    assert proof(facts, outcome) is VerifiedBy.CHECKSUM
    assert new.world.uploads == {}


def test_the_two_stores_are_never_mixed_up(tools: Tools, old: FakeObjectStore, new: FakeObjectStore) -> None:
    facts = old.place("old", "a.tif", BIG)
    copy_one(s3_job(facts), tools)
    assert {bucket for _, bucket, _ in new.world.log} == {"new"}
    assert {name for name, _, _ in old.world.log} == {"get"}


def test_a_file_that_breaks_off_makes_no_object(tools: Tools, old: FakeObjectStore, new: FakeObjectStore) -> None:
    facts = old.place("old", "a.tif", BIG)
    old.world.cut_off_after = 1500
    outcome = copy_one(s3_job(facts), tools)
    assert outcome.error_class is CopyFault.TRUNCATED
    assert (new.world.buckets["new"], new.world.uploads) == ({}, {})


def test_a_second_copy_finds_the_first(tools: Tools, old: FakeObjectStore) -> None:
    facts = old.place("old", "a.tif", BIG)
    copy_one(s3_job(facts), tools)
    outcome = copy_one(s3_job(facts), tools)
    assert (outcome.status, outcome.key) == (CopyStatus.EXISTING, "uploads/a.tif")
    assert proof(facts, outcome) is VerifiedBy.CONTENT


def test_a_taken_key_is_left_alone(tools: Tools, old: FakeObjectStore, new: FakeObjectStore) -> None:
    facts = old.place("old", "a.tif", BIG)
    new.place("new", "uploads/a.tif", BIG[::-1])
    outcome = copy_one(s3_job(facts), tools)
    assert (outcome.status, outcome.key) == (CopyStatus.COPIED, "second")
    assert new.body("new", "uploads/a.tif") == BIG[::-1]


def test_a_source_that_changed_is_not_copied(tools: Tools, old: FakeObjectStore, new: FakeObjectStore) -> None:
    facts = old.place("old", "a.tif", BIG)
    old.place("old", "a.tif", b"other")
    assert copy_one(s3_job(facts), tools).status is CopyStatus.SOURCE_CHANGED
    assert new.world.buckets["new"] == {}


def test_deep_reads_the_copy_once_more(tools: Tools, old: FakeObjectStore, new: FakeObjectStore) -> None:
    facts = old.place("old", "a.tif", BIG)
    outcome = copy_one(s3_job(facts, deep=True), tools)
    assert proof(facts, outcome) is VerifiedBy.CONTENT
    assert (len(old.operations("get")), len(new.operations("get"))) == (1, 1)


def test_a_failed_part_leaves_no_upload_behind(tools: Tools, old: FakeObjectStore, new: FakeObjectStore) -> None:
    facts = old.place("old", "a.tif", BIG)
    new.fail("upload_part", ServiceUnavailable("SlowDown"))
    assert copy_one(s3_job(facts), tools).error_class is CopyFault.SERVICE_UNAVAILABLE
    assert new.world.uploads == {}


def test_when_time_runs_out_the_upload_is_given_up(tools: Tools, old: FakeObjectStore, new: FakeObjectStore) -> None:
    facts = old.place("old", "a.tif", BIG)
    outcome = copy_one(s3_job(facts), replace(tools, out_of_time=lambda: True))
    assert outcome.error_class is CopyFault.OUT_OF_TIME
    assert new.world.uploads == {}


# From the web


@pytest.mark.parametrize("length", [-1, None], ids=["with its length", "chunked"])
@pytest.mark.parametrize("body", [b"%PDF-1.7", BIG], ids=["small", "large"])
def test_a_file_of_the_web_is_carried_over(
    tools: Tools, new: FakeObjectStore, site: Site, body: bytes, length: int | None
) -> None:
    headers = {"Content-Type": "application/pdf", "ETag": f'"{"0" * 32}"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
    site.pages["/a.pdf?sig=secret"] = Answer(headers=headers, body=body, length=length)

    with counting() as requests:
        outcome = get(tools)

    assert outcome.status is CopyStatus.COPIED
    assert outcome.facts == SourceFacts(len(body), "0" * 32, modified=datetime(2026, 1, 1, tzinfo=UTC))
    assert proof(outcome.facts, outcome) is VerifiedBy.CHECKSUM
    there = new.world.buckets["new"]["uploads/a.pdf"]
    assert (there.body, there.content.type) == (body, "application/pdf")
    assert {kind: number for kind, number in requests.counts.items() if kind.startswith("web ")} == {"web GET": 1}


def test_the_connection_goes_to_the_address_that_was_checked_under_the_name_of_the_host(tools: Tools, site: Site) -> None:
    site.pages["/a.pdf"] = Answer(body=b"x")
    get(tools, "https://files.example.com:8443/a.pdf")
    assert site.endpoints == [Endpoint("https", "files.example.com", 8443, PUBLIC)]
    assert site.seen == [("GET", "files.example.com:8443", "/a.pdf")]


def test_redirects_are_followed(tools: Tools, new: FakeObjectStore, site: Site) -> None:
    site.pages["/1"] = Answer(302, {"Location": "/2"})
    site.pages["/2"] = Answer(307, {"Location": "https://cdn.example.net/3"})
    site.pages["/3"] = Answer(body=b"x")
    assert get(tools, "http://files.example.com/1").status is CopyStatus.COPIED
    assert [endpoint.host for endpoint in site.endpoints] == ["files.example.com", "files.example.com", "cdn.example.net"]


@pytest.mark.parametrize(
    "target",
    [
        "http://files.example.com/ok",
        "https://intranet.example.com/ok",
        "https://127.0.0.1/ok",
        "https://[::1]/ok",
        "file:///etc/passwd",
        "ftp://files.example.com/ok",
        "https://user:pw@files.example.com/ok",
        "https://files.example.com:99999/ok",
        "/loop",
    ],
)
def test_a_redirect_to_where_it_must_not_go_is_refused(tools: Tools, site: Site, target: str) -> None:
    site.addresses = {"intranet.example.com": [PUBLIC, "10.0.0.5"], "127.0.0.1": ["127.0.0.1"], "::1": ["::1"]}
    site.pages["/loop"] = Answer(302, {"Location": target})
    site.pages["/ok"] = Answer(body=b"secret of the inside")
    outcome = get(tools, "https://files.example.com/loop")
    assert outcome.error_class is CopyFault.ADDRESS_REFUSED
    assert len(site.seen) == (6 if target == "/loop" else 1)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "0.0.0.0", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1", "::ffff:93.184.216.34", "64:ff9b::a00:1", "2002:a00:1::", "2001::1",
        "::10.0.0.1", "2001:db8::1", "not an address", "",
    ],
)  # fmt: skip
def test_no_address_of_a_private_network_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1:248:1893:25c8:1946"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_one_private_address_among_public_ones_is_enough_to_refuse(tools: Tools, site: Site) -> None:
    site.addresses["files.example.com"] = [PUBLIC, "169.254.169.254"]
    assert get(tools).error_class is CopyFault.ADDRESS_REFUSED
    assert site.seen == []


def test_a_body_that_breaks_off_makes_no_object(tools: Tools, new: FakeObjectStore, site: Site) -> None:
    site.pages["/a.pdf?sig=secret"] = Answer(body=BIG, length=5000)
    assert get(tools).error_class is CopyFault.TRUNCATED
    assert (new.world.buckets["new"], new.world.uploads) == ({}, {})


def test_a_body_that_has_no_end_of_its_own_is_refused(tools: Tools, site: Site) -> None:
    site.pages["/a.pdf?sig=secret"] = Answer(body=b"x", length=-2)
    assert get(tools).error_class is CopyFault.LENGTH_UNKNOWN


@pytest.mark.parametrize(
    ("answer", "status", "fault"),
    [
        (Answer(404), CopyStatus.SOURCE_MISSING, None),
        (Answer(410), CopyStatus.SOURCE_MISSING, None),
        (Answer(403), CopyStatus.FAILED, CopyFault.ACCESS_DENIED),
        (Answer(500), CopyStatus.FAILED, CopyFault.HTTP_ERROR),
        (Answer(206, body=b"x"), CopyStatus.FAILED, CopyFault.HTTP_ERROR),
        (Answer(headers={"Content-Type": "text/html"}, body=b" <!DOCTYPE html>"), CopyStatus.FAILED, CopyFault.NOT_A_FILE),
    ],
)
def test_what_is_no_file_is_not_taken_for_one(
    tools: Tools, new: FakeObjectStore, site: Site, answer: Answer, status: CopyStatus, fault: CopyFault | None
) -> None:
    site.pages["/a.pdf?sig=secret"] = answer
    outcome = get(tools)
    assert (outcome.status, outcome.error_class) == (status, fault)
    assert new.world.buckets["new"] == {}
    assert "secret" not in outcome.message


@pytest.mark.parametrize("length", [-1, None], ids=["with its length", "chunked"])
@pytest.mark.parametrize("size", [900, 2500])
def test_a_file_above_the_limit_makes_no_object(
    tools: Tools, new: FakeObjectStore, site: Site, size: int, length: int | None
) -> None:
    site.pages["/a.pdf?sig=secret"] = Answer(body=BIG[:size], length=length)
    outcome = get(replace(tools, limits=replace(LIMITS, max_size=800)))
    assert outcome.error_class is CopyFault.TOO_LARGE
    assert (new.world.buckets["new"], new.world.uploads) == ({}, {})


MODIFIED = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (SourceFacts(4, "v1"), CopyStatus.COPIED),
        (SourceFacts(4, ""), CopyStatus.COPIED),
        (SourceFacts(4, "", modified=MODIFIED), CopyStatus.COPIED),
        (SourceFacts(4, "v0"), CopyStatus.SOURCE_CHANGED),
        (SourceFacts(4, "W/v1"), CopyStatus.SOURCE_CHANGED),
        (SourceFacts(5, "v1"), CopyStatus.SOURCE_CHANGED),
        (SourceFacts(4, "", modified=MODIFIED.replace(year=2025)), CopyStatus.SOURCE_CHANGED),
    ],
)
def test_a_file_of_the_web_is_pinned_by_what_was_known_of_it(
    tools: Tools, site: Site, facts: SourceFacts, expected: CopyStatus
) -> None:
    headers = {"ETag": '"v1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
    site.pages["/a.pdf?sig=secret"] = Answer(headers=headers, body=b"four")
    assert get(tools, facts=facts).status is expected


def test_a_second_fetch_finds_the_first_by_its_content(tools: Tools, site: Site) -> None:
    site.pages["/a.pdf?sig=secret"] = Answer(headers={"ETag": '"v1"'}, body=BIG)
    get(tools)
    outcome = get(tools)
    assert (outcome.status, outcome.compared) == (CopyStatus.EXISTING, VerifiedBy.CONTENT)


def test_facts_of_the_web_come_by_head(site: Site) -> None:
    site.pages["/a.pdf"] = Answer(headers={"ETag": 'W/"v1"'}, body=b"four")
    assert site.web().facts("https://files.example.com/a.pdf") == SourceFacts(4, "W/v1")
    assert site.seen[0][0] == "HEAD"


@pytest.mark.parametrize(
    "prepare", [lambda s: s.pages.clear(), lambda s: s.addresses.update({"files.example.com": ["10.0.0.1"]})]
)
def test_where_head_does_not_tell_there_are_no_facts(site: Site, prepare: Callable[[Site], None]) -> None:
    site.pages["/a.pdf"] = Answer(body=b"four")
    prepare(site)
    assert site.web().facts("https://files.example.com/a.pdf") is None


def test_a_host_that_cannot_be_reached_is_a_failure_of_this_file(tools: Tools) -> None:
    def nowhere(_: Endpoint) -> urllib3.HTTPConnectionPool:
        return urllib3.HTTPConnectionPool("127.0.0.1", 1)

    outcome = get(replace(tools, web=Web(lambda *_: [PUBLIC], nowhere)))
    assert outcome.error_class is CopyFault.HTTP_ERROR


@pytest.fixture
def tls_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A TLS server on this machine, with a certificate for files.example.com that the system trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "files.example.com")])
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), 1, datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("files.example.com")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"four")

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that hangs up is what one of the tests wants."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_tls_is_checked_against_the_name_though_the_connection_goes_to_an_address(tools: Tools, tls_port: int) -> None:
    def at_home(endpoint: Endpoint) -> urllib3.HTTPConnectionPool:
        return connect(replace(endpoint, address="127.0.0.1", port=tls_port))

    web = Web(lambda *_: [PUBLIC], at_home)
    assert get(replace(tools, web=web)).status is CopyStatus.COPIED
    outcome = get(replace(tools, web=web), "https://another.example.com/a.pdf")
    assert outcome.error_class is CopyFault.HTTP_ERROR
    assert "SSL" in outcome.message
