"""Large objects, copied in parts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from tests.fakes.object_store import FakeObjectStore
from waybill.counting import counting
from waybill.errors import ServiceUnavailable
from waybill.files.comparing import proof
from waybill.files.copying import copy_one
from waybill.files.domain import S3Location, SourceFacts, VerifiedBy
from waybill.files.driving import copy_many
from waybill.files.jobs import CopyFault, CopyJob, CopyStatus, Limits, Tools
from waybill.files.multipart import plan_parts
from waybill.files.storage import Content, ObjectRef, Part, Refusal, Refused, Upload
from waybill.files.streaming import sha256_of
from waybill.files.uploads import UploadLog, give_up_all
from waybill.files.web import Web
from waybill.runs.work import WorkBucket

BODY = bytes(range(256)) * 10  # 2,560 bytes
LIMITS = Limits(copy_object=1000, copy_part=700, min_part=100, parts_in_flight=3)


@pytest.fixture
def s3() -> FakeObjectStore:
    return FakeObjectStore("old", "new", min_part=100)


@pytest.fixture
def tools(s3: FakeObjectStore) -> Tools:
    return Tools(s3, Web(lambda *_: [], lambda _: pytest.fail("no network")), lambda _: None, limits=LIMITS)


@pytest.fixture
def log() -> Iterator[UploadLog]:
    """The record of a run's uploads, on moto."""
    with mock_aws():
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        client = boto3.client("s3", region_name="us-east-1", **keys)  # type: ignore[call-overload]
        client.create_bucket(Bucket="work")
        yield UploadLog(WorkBucket(client=client, bucket="work"), "backup-1")


@pytest.fixture
def on_record(tools: Tools, log: UploadLog) -> Tools:
    return replace(tools, uploads=log)


class Killed(BaseException):
    """The process is gone: nothing that it would still have done happens."""


def killed_after(s3: FakeObjectStore, tools: Tools, facts: SourceFacts, parts: int) -> None:
    """A task dies when so many parts have been copied; as in a real death, it cleans nothing up."""
    limits = replace(tools.limits, parts_in_flight=1)
    mortal = MortalStore(s3, parts)
    with pytest.raises(Killed):
        copy_one(job(facts), replace(tools, destination=mortal, limits=limits))


class MortalStore(FakeObjectStore):
    """Lets a number of parts through; then everything that is asked ends in death."""

    def __init__(self, other: FakeObjectStore, parts: int) -> None:
        super().__init__(page_size=other.page_size, min_part=other.min_part)
        self.world, self.left = other.world, parts

    def copy_part(self, upload: Upload, number: int, source: ObjectRef, *, first: int, last: int, if_match: str) -> Part:
        self.left -= 1
        if self.left < 0:
            raise Killed
        return super().copy_part(upload, number, source, first=first, last=last, if_match=if_match)

    def abort(self, upload: Upload) -> None:
        raise Killed


def job(facts: SourceFacts) -> CopyJob:
    return CopyJob("e", S3Location("old", "big.tif"), facts, "new", ("uploads/big.tif",))


def placing(s3: FakeObjectStore, bucket: str, body: bytes) -> Callable[[], None]:
    def place() -> None:
        s3.place(bucket, "big.tif" if bucket == "old" else "uploads/big.tif", body)

    return place


@given(size=st.integers(1, 50 * 1024**4), part_size=st.integers(5 * 1024**2, 5 * 1024**3))
def test_parts_cover_every_byte_once_within_the_limits_of_s3(size: int, part_size: int) -> None:
    parts = plan_parts(size, part_size=part_size)
    assert len(parts) <= 10_000
    assert (parts[0].first, parts[-1].last) == (0, size - 1)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert all(after.first == before.last + 1 for before, after in pairwise(parts))
    lengths = {part.last - part.first + 1 for part in parts[:-1]}
    assert len(lengths) <= 1
    assert all(length >= part_size for length in lengths)
    assert parts[-1].first <= parts[-1].last


def test_nothing_cannot_be_cut() -> None:
    with pytest.raises(ValueError):
        plan_parts(0, part_size=5)


def test_a_large_object_is_copied_in_parts_with_all_that_belongs_to_it(s3: FakeObjectStore, tools: Tools) -> None:
    content = Content(type="image/tiff", metadata={"scanner": "7"})
    facts = s3.place("old", "big.tif", BODY, content=content, tags={"kind": "scan"})

    outcome = copy_one(job(facts), tools)

    there = s3.world.buckets["new"]["uploads/big.tif"]
    assert (outcome.status, outcome.key) == (CopyStatus.COPIED, "uploads/big.tif")
    assert (there.body, there.content, there.tags) == (BODY, content, {"kind": "scan"})
    assert there.etag.endswith("-4")
    assert s3.world.uploads == {}
    assert proof(facts, outcome) is VerifiedBy.S3_COPY


def uploaded_in_parts(s3: FakeObjectStore, size: int) -> SourceFacts:
    upload = s3.create_upload("old", "big.tif", content=Content(), tags={}, sha256=True)
    blocks = [BODY[n : n + size] for n in range(0, len(BODY), size)]
    parts = tuple(s3.upload_part(upload, n, block, sha256=sha256_of(block)) for n, block in enumerate(blocks, start=1))
    s3.complete(upload, parts)
    head = s3.head(ObjectRef("old", "big.tif"))
    assert head is not None
    return head.facts


def test_the_parts_of_the_source_are_used_again_so_that_equal_etags_prove_the_copy(s3: FakeObjectStore, tools: Tools) -> None:
    facts = uploaded_in_parts(s3, 900)
    outcome = copy_one(job(facts), tools)
    assert outcome.etag == facts.etag
    assert proof(facts, outcome) is VerifiedBy.ETAG


def test_a_second_copy_finds_the_first_without_copying_or_reading(s3: FakeObjectStore, tools: Tools) -> None:
    facts = uploaded_in_parts(s3, 900)
    copy_one(job(facts), tools)
    with counting() as requests:
        outcome = copy_one(job(facts), tools)
    assert outcome.status is CopyStatus.EXISTING
    assert not {"s3 CopyObject", "s3 UploadPartCopy", "s3 GetObject"} & requests.counts.keys()


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("copy_part", ServiceUnavailable("SlowDown")),
        ("copy_part", Refused(Refusal.DENIED, "AccessDenied")),
        ("complete", ServiceUnavailable("InternalError")),
        ("complete", RuntimeError("a bug")),
    ],
)
def test_a_failure_leaves_no_upload_behind(s3: FakeObjectStore, tools: Tools, operation: str, error: Exception) -> None:
    facts = s3.place("old", "big.tif", BODY)
    s3.fail(operation, error)  # type: ignore[arg-type]
    assert copy_one(job(facts), tools).status is CopyStatus.FAILED
    assert s3.world.uploads == {}
    assert s3.world.buckets["new"] == {}


def test_an_abort_that_fails_does_not_hide_what_went_wrong(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "big.tif", BODY)
    s3.fail("copy_part", Refused(Refusal.DENIED, "AccessDenied"))
    s3.fail("abort", ServiceUnavailable("SlowDown"))
    assert copy_one(job(facts), tools).error_class is CopyFault.ACCESS_DENIED


def test_when_time_runs_out_the_upload_is_given_up(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "big.tif", BODY)
    outcome = copy_one(job(facts), replace(tools, out_of_time=lambda: len(s3.operations("copy_part")) >= 2))
    assert outcome.error_class is CopyFault.OUT_OF_TIME
    assert s3.world.uploads == {}


def test_a_source_that_changes_between_two_parts_makes_no_object(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "big.tif", BODY)
    s3.world.before["copy_part"] = placing(s3, "old", BODY[::-1])
    outcome = copy_one(job(facts), tools)
    assert outcome.status is CopyStatus.SOURCE_CHANGED
    assert (s3.world.uploads, s3.world.buckets["new"]) == ({}, {})


def test_a_key_taken_while_the_parts_were_copied_is_not_overwritten(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "big.tif", BODY)
    s3.world.before["complete"] = placing(s3, "new", b"another's")
    outcome = copy_one(replace(job(facts), keys=("uploads/big.tif", "second")), tools)
    assert (outcome.status, outcome.key) == (CopyStatus.COPIED, "second")
    assert s3.body("new", "uploads/big.tif") == b"another's"
    assert s3.world.uploads == {}


def test_a_complete_whose_reply_was_lost_is_found_done(s3: FakeObjectStore, tools: Tools) -> None:
    facts = uploaded_in_parts(s3, 900)

    def an_earlier_attempt_got_through() -> None:
        s3.world.uploads.clear()
        s3.world.buckets["new"]["uploads/big.tif"] = s3.world.buckets["old"]["big.tif"]

    s3.world.before["complete"] = an_earlier_attempt_got_through
    outcome = copy_one(job(facts), tools)
    assert (outcome.status, outcome.compared) == (CopyStatus.EXISTING, VerifiedBy.ETAG)


# -- uploads on record --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [0, 1, 3, 4])
def test_the_successor_of_a_dead_task_copies_only_the_parts_that_lack(s3: FakeObjectStore, on_record: Tools, parts: int) -> None:
    facts = s3.place("old", "big.tif", BODY)
    if parts < 4:
        killed_after(s3, on_record, facts, parts)
    else:
        s3.fail("complete", ServiceUnavailable("InternalError"))
        assert copy_one(job(facts), on_record).error_class is CopyFault.SERVICE_UNAVAILABLE
    before = len(s3.operations("copy_part"))
    outcome = copy_one(job(facts), on_record)
    assert outcome.status is CopyStatus.COPIED
    assert len(s3.operations("copy_part")) - before == 4 - parts
    assert len(s3.operations("create_upload")) == 1
    assert (s3.body("new", "uploads/big.tif"), s3.world.uploads) == (BODY, {})


def test_what_a_call_has_no_time_for_is_left_to_the_next_and_does_not_begin_anew(s3: FakeObjectStore, on_record: Tools) -> None:
    facts = s3.place("old", "big.tif", BODY)
    slow = replace(on_record, limits=replace(LIMITS, parts_in_flight=1))

    def until(parts: int) -> Tools:
        return replace(slow, out_of_time=lambda: len(s3.operations("copy_part")) >= parts)

    assert list(copy_many([job(facts)], lambda one: copy_one(one, until(2)), in_flight=1, deadline=never, stop=never)) == []
    assert copy_one(job(facts), until(3)).error_class is CopyFault.UNFINISHED
    assert copy_one(job(facts), slow).status is CopyStatus.COPIED
    assert len(s3.operations("copy_part")) == 4


def never() -> bool:
    return False


def test_a_file_of_which_no_part_fits_into_a_call_fails(s3: FakeObjectStore, on_record: Tools) -> None:
    facts = s3.place("old", "big.tif", BODY)
    assert copy_one(job(facts), replace(on_record, out_of_time=lambda: True)).error_class is CopyFault.OUT_OF_TIME


def test_parts_of_a_source_that_has_changed_since_are_not_used(s3: FakeObjectStore, on_record: Tools) -> None:
    killed_after(s3, on_record, s3.place("old", "big.tif", BODY), 2)
    changed = s3.place("old", "big.tif", BODY[::-1])
    assert copy_one(job(changed), on_record).status is CopyStatus.COPIED
    assert s3.body("new", "uploads/big.tif") == BODY[::-1]


def test_the_runs_end_gives_up_what_dead_tasks_have_left(s3: FakeObjectStore, on_record: Tools, log: UploadLog) -> None:
    killed_after(s3, on_record, s3.place("old", "big.tif", BODY), 2)
    copy_one(job(s3.place("old", "big.tif", BODY[::-1])), on_record)
    assert len(s3.world.uploads) == 1
    s3.fail("abort", ServiceUnavailable("SlowDown"))
    give_up_all(log, lambda: s3)
    give_up_all(log, lambda: s3)
    assert s3.world.uploads == {}


def test_an_upload_that_was_given_up_meanwhile_is_begun_anew_and_not_taken_for_a_lost_source(
    s3: FakeObjectStore, on_record: Tools, log: UploadLog
) -> None:
    facts = s3.place("old", "big.tif", BODY)
    s3.world.before["copy_part"] = lambda: give_up_all(log, lambda: s3)
    assert copy_one(job(facts), on_record).error_class is CopyFault.SERVICE_UNAVAILABLE
    assert copy_one(job(facts), on_record).status is CopyStatus.COPIED
    assert s3.world.uploads == {}


def test_two_attempts_at_once_share_one_upload(s3: FakeObjectStore, on_record: Tools) -> None:
    facts = s3.place("old", "big.tif", BODY)
    outcomes = []

    def the_other() -> None:
        outcomes.append(copy_one(job(facts), on_record))

    s3.world.before["create_upload"] = the_other
    outcomes.append(copy_one(job(facts), on_record))
    assert sorted(outcome.status for outcome in outcomes) == [CopyStatus.COPIED, CopyStatus.EXISTING]
    assert (s3.body("new", "uploads/big.tif"), s3.world.uploads) == (BODY, {})


def test_a_failure_that_stays_ends_the_upload_at_once(s3: FakeObjectStore, on_record: Tools) -> None:
    facts = s3.place("old", "big.tif", BODY)
    s3.fail("copy_part", Refused(Refusal.DENIED, "AccessDenied"))
    assert copy_one(job(facts), on_record).error_class is CopyFault.ACCESS_DENIED
    assert s3.world.uploads == {}


def test_a_part_that_another_attempt_has_copied_again_is_taken_as_it_is_now(s3: FakeObjectStore, on_record: Tools) -> None:
    facts = s3.place("old", "big.tif", BODY)
    s3.fail("complete", Refused(Refusal.INVALID, "InvalidPart"))
    assert copy_one(job(facts), on_record).status is CopyStatus.COPIED
    assert s3.body("new", "uploads/big.tif") == BODY
