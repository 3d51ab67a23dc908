"""Large objects, copied in parts."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.object_store import FakeObjectStore
from waybill.errors import ServiceUnavailable
from waybill.files.comparing import proof
from waybill.files.copying import copy_one
from waybill.files.domain import S3Location, SourceFacts, VerifiedBy
from waybill.files.jobs import CopyFault, CopyJob, CopyStatus, Limits, Tools
from waybill.files.multipart import plan_parts
from waybill.files.storage import Content, ObjectRef, Refusal, Refused
from waybill.files.streaming import sha256_of
from waybill.files.web import Web

BODY = bytes(range(256)) * 10  # 2,560 bytes
LIMITS = Limits(copy_object=1000, copy_part=700, min_part=100, parts_in_flight=3)


@pytest.fixture
def s3() -> FakeObjectStore:
    return FakeObjectStore("old", "new", min_part=100)


@pytest.fixture
def tools(s3: FakeObjectStore) -> Tools:
    return Tools(s3, Web(lambda *_: [], lambda _: pytest.fail("no network")), lambda _: None, limits=LIMITS)


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
    outcome = copy_one(job(facts), tools)
    assert (outcome.status, outcome.requests.copy, outcome.requests.get) == (CopyStatus.EXISTING, 0, 0)


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
