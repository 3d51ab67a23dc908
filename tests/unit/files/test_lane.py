"""The lane of plain copies: one request each from one thread, and whatever is not plain goes the long way with what was learnt."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from tests.unit.aws.test_transport import Server, request
from waybill.aws.copies import Copies
from waybill.aws.credentials import fixed
from waybill.aws.multiplex import Multiplexer
from waybill.aws.s3_engine import Core
from waybill.aws.signing import Keys
from waybill.aws.transport import Http
from waybill.counting import counting
from waybill.files.domain import HttpLocation, S3Location, SourceFacts
from waybill.files.driving import copy_many
from waybill.files.jobs import CopyFault, CopyJob, CopyOutcome, CopyStatus, Limits
from waybill.files.lane import PlainLane
from waybill.files.s3 import S3Store
from waybill.files.storage import Refusal, Refused, Written

ETAG = "0123456789abcdef0123456789abcdef"
OTHER = "ffffffffffffffffffffffffffffffff"


def copied(etag: str = ETAG) -> bytes:
    return f"<CopyObjectResult><LastModified>2026-11-21T12:00:00.000Z</LastModified><ETag>&quot;{etag}&quot;</ETag></CopyObjectResult>".encode()


def reply(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def error(status: int, code: str) -> bytes:
    return reply(status, f"<Error><Code>{code}</Code></Error>".encode())


@dataclass
class Rig:
    """An S3 that answers by key, the lane to it, and the long way, which keeps what it was given."""

    lane: PlainLane
    asked: list[bytes] = field(default_factory=list)
    long_way: list[CopyJob] = field(default_factory=list)

    def copy(self, job: CopyJob) -> CopyOutcome:
        self.long_way.append(job)
        return CopyOutcome(job.entry_id, CopyStatus.EXISTING)

    def run(self, *jobs: CopyJob, in_flight: int = 4) -> dict[str, CopyOutcome]:
        found = copy_many(jobs, self.copy, in_flight=in_flight, deadline=lambda: False, stop=lambda: False, lane=self.lane)
        return {outcome.entry_id: outcome for outcome in found}


@contextmanager
def rig(answers: Callable[[str], bytes]) -> Iterator[Rig]:
    """`answers` by the key asked for."""
    asked: list[bytes] = []

    def conduct(connection: socket.socket, _: int) -> None:
        while head := request(connection):
            asked.append(head)
            connection.sendall(answers(head.split()[1].decode().removeprefix("/new/")))

    def no_boto() -> S3Store:
        raise AssertionError("boto3 is not asked")

    server = Server(conduct)
    core = Core(region="us-east-1", credentials=fixed(Keys("A", "S")), sender=Http(), boto=no_boto, origin=server.origin)
    channels: Multiplexer[object] = Multiplexer(connect_seconds=5, read_seconds=5)
    try:
        yield Rig(PlainLane(Copies(core, channels), limits=Limits()), asked)  # type: ignore[arg-type]
    finally:
        channels.close()
        server.close()


def job(name: str, **changes: object) -> CopyJob:
    made = CopyJob(name, S3Location("old", f"s/{name}"), SourceFacts(5, ETAG), "new", (name, f"{name}~1"))
    return replace(made, **changes)  # type: ignore[arg-type]


def test_plain_copies_are_one_conditional_pinned_request_each_and_need_no_thread() -> None:
    with rig(lambda _: reply(200, copied())) as made, counting() as requests:
        outcomes = made.run(*(job(str(n)) for n in range(20)))
        heads = [head.decode() for head in made.asked]
    assert {outcome.status for outcome in outcomes.values()} == {CopyStatus.COPIED}
    assert sorted(outcomes) == sorted(str(n) for n in range(20))
    assert outcomes["3"].key == "3"
    assert outcomes["3"].etag == ETAG
    assert len(heads) == 20
    assert all("if-none-match: *" in head and f'x-amz-copy-source-if-match: "{ETAG}"' in head for head in heads)
    assert requests.counts == {"s3 CopyObject": 20}
    assert made.long_way == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("copy-")]


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (412, "PreconditionFailed", Refusal.PRECONDITION),
        (403, "AccessDenied", Refusal.DENIED),
        (404, "NoSuchKey", Refusal.MISSING),
    ],
)
def test_what_s3_refuses_goes_the_long_way_with_the_refusal(status: int, code: str, reason: Refusal) -> None:
    with rig(lambda key: error(status, code) if key == "1" else reply(200, copied())) as made, counting() as requests:
        outcomes = made.run(*(job(str(n)) for n in range(3)))
    assert {name: outcome.status for name, outcome in outcomes.items()} == {"0": "copied", "1": "existing", "2": "copied"}
    (given,) = made.long_way
    assert isinstance(given.answered, Refused)
    assert given.answered.reason is reason
    assert len(made.asked) == 3
    assert requests.counts == {"s3 CopyObject": 3}


def test_a_copy_whose_etag_differs_goes_the_long_way_with_what_was_written() -> None:
    with rig(lambda _: reply(200, copied(OTHER))) as made:
        made.run(job("1"))
    (given,) = made.long_way
    assert isinstance(given.answered, Written)
    assert given.answered.etag == OTHER


def test_when_s3_is_busy_fewer_copies_are_in_flight_and_the_throttled_one_is_tried_again() -> None:
    with rig(lambda key: error(503, "SlowDown") if key == "1" else reply(200, copied())) as made:
        outcomes = made.run(job("0"), job("1"))
    assert outcomes["1"].status is CopyStatus.EXISTING  # as the long way found it
    assert made.long_way == [job("1")]


def test_a_bucket_that_is_gone_is_for_the_long_way_to_tell() -> None:
    with rig(lambda _: error(404, "NoSuchBucket")) as made:
        made.run(job("1"))
    assert made.long_way == [job("1")]


@pytest.mark.parametrize(
    "other",
    [
        {"facts": None},
        {"source": HttpLocation("https://example.com/f")},
        {"deep": True},
        {"facts": SourceFacts(5, ETAG, "GLACIER")},
        {"facts": SourceFacts(6 * 1024**3, ETAG)},
        {"bucket": "no/bucket"},
        {"keys": ("line\nbreak\ud800",)},
    ],
    ids=["unknown", "web", "deep", "archived", "large", "bucket", "key"],
)
def test_what_is_not_plain_goes_the_long_way_and_s3_is_not_asked(other: dict[str, object]) -> None:
    with rig(lambda _: reply(200, copied())) as made:
        outcomes = made.run(job("1", **other), job("2"))
        assert len(made.asked) == 1
    assert made.long_way == [job("1", **other)]
    assert outcomes["2"].status is CopyStatus.COPIED


def test_a_reply_that_is_none_counts_as_busy() -> None:
    with rig(lambda _: b"nonsense\r\n\r\n") as made:
        made.run(job("1"))
    assert made.long_way == [job("1")]


def test_the_long_way_and_the_lane_end_together() -> None:
    slow = threading.Event()

    def copy(one: CopyJob) -> CopyOutcome:
        assert slow.wait(20)
        return CopyOutcome(one.entry_id, CopyStatus.EXISTING)

    with rig(lambda _: reply(200, copied())) as made:
        jobs = [job("0", deep=True), *(job(str(n)) for n in range(1, 30))]
        found = copy_many(jobs, copy, in_flight=4, deadline=lambda: False, stop=lambda: False, lane=made.lane)
        first = [next(found).entry_id for _ in range(29)]
        slow.set()
        last = [outcome.entry_id for outcome in found]
    assert "0" not in first
    assert last == ["0"]


def test_a_copy_that_failed_for_good_says_so() -> None:
    def copy(one: CopyJob) -> CopyOutcome:
        return CopyOutcome(one.entry_id, CopyStatus.FAILED, error_class=CopyFault.SERVICE_UNAVAILABLE)

    with rig(lambda _: error(503, "SlowDown")) as made:
        (outcome,) = copy_many([job("1")], copy, in_flight=4, deadline=lambda: False, stop=lambda: False, lane=made.lane)
    assert outcome.error_class is CopyFault.SERVICE_UNAVAILABLE
