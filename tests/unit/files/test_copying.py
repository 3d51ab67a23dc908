"""One file at a time, against a store in memory that keeps S3's conditions."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.fakes.object_store import FakeObjectStore
from waybill.counting import counting
from waybill.errors import ServiceUnavailable
from waybill.files.comparing import proof
from waybill.files.copying import copy_one
from waybill.files.domain import S3Location, SourceFacts, VerifiedBy
from waybill.files.jobs import CopyFault, CopyJob, CopyOutcome, CopyStatus, Tools
from waybill.files.storage import ObjectRef, Refusal, Refused
from waybill.files.web import Web

PDF = b"%PDF-1.7 hello"


def no_network(*_: object) -> list[str]:
    raise AssertionError("the network is not to be used")


@pytest.fixture
def s3() -> FakeObjectStore:
    return FakeObjectStore("old", "new")


@pytest.fixture
def tools(s3: FakeObjectStore) -> Tools:
    return Tools(s3, Web(no_network, no_network), lambda _: None)  # type: ignore[arg-type]


def job(facts: SourceFacts | None, *keys: str, key: str = "a.pdf", deep: bool = False) -> CopyJob:
    return CopyJob("entry-1", S3Location("old", key), facts, "new", keys or ("uploads/a.pdf",), deep)


def test_a_file_is_copied_by_one_request_with_everything_that_belongs_to_it(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF, tags={"kind": "invoice"})

    with counting() as requests:
        outcome = copy_one(job(facts), tools)

    assert (outcome.status, outcome.key, outcome.etag) == (CopyStatus.COPIED, "uploads/a.pdf", facts.etag)
    assert requests.counts == {"s3 CopyObject": 1}
    there = s3.world.buckets["new"]["uploads/a.pdf"]
    assert (there.body, there.content.type, there.tags) == (PDF, "text/plain", {"kind": "invoice"})
    assert proof(facts, outcome) is VerifiedBy.ETAG


def test_facts_that_nobody_knows_are_looked_up_first(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF)
    outcome = copy_one(job(None), tools)
    assert outcome.status is CopyStatus.COPIED
    assert outcome.facts == facts
    assert copy_one(job(None, key="none.pdf"), tools).status is CopyStatus.SOURCE_MISSING


def test_a_second_copy_finds_the_first_and_changes_nothing(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF)
    copy_one(job(facts), tools)
    before = s3.world.buckets["new"]["uploads/a.pdf"]

    with counting() as requests:
        outcome = copy_one(job(facts), tools)

    assert (outcome.status, outcome.key, outcome.size) == (CopyStatus.EXISTING, "uploads/a.pdf", len(PDF))
    assert requests.counts == {"s3 CopyObject": 1, "s3 HeadObject": 1}
    assert s3.world.buckets["new"]["uploads/a.pdf"] is before
    assert proof(facts, outcome) is VerifiedBy.ETAG


@pytest.mark.parametrize("other", [b"something longer than that", b"%PDF-1.7 HELLO"], ids=["another size", "the same size"])
def test_a_key_that_another_object_holds_is_left_alone_and_the_next_one_is_used(
    s3: FakeObjectStore, tools: Tools, other: bytes
) -> None:
    facts = s3.place("old", "a.pdf", PDF)
    s3.place("new", "uploads/a.pdf", other)

    with counting() as requests:
        outcome = copy_one(job(facts, "uploads/a.pdf", "uploads/a~12345678.pdf"), tools)

    assert (outcome.status, outcome.key) == (CopyStatus.COPIED, "uploads/a~12345678.pdf")
    assert s3.body("new", "uploads/a.pdf") == other
    assert s3.body("new", "uploads/a~12345678.pdf") == PDF
    assert "s3 GetObject" not in requests.counts


def test_when_every_key_is_taken_the_file_fails(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF)
    s3.place("new", "one", b"x")
    s3.place("new", "two", b"y")
    outcome = copy_one(job(facts, "one", "two"), tools)
    assert (outcome.status, outcome.error_class) == (CopyStatus.FAILED, CopyFault.DESTINATION_TAKEN)


def test_an_existing_object_that_no_fact_can_compare_is_read_and_hashed(s3: FakeObjectStore, tools: Tools) -> None:
    s3.world.kms_buckets.add("new")
    facts = s3.place("old", "a.pdf", PDF)
    s3.place("new", "uploads/a.pdf", PDF, kms=True)

    with counting() as requests:
        outcome = copy_one(job(facts), tools)

    assert outcome.status is CopyStatus.EXISTING
    assert proof(facts, outcome) is VerifiedBy.CONTENT
    assert requests.counts["s3 GetObject"] == 2


def test_an_existing_object_of_equal_size_and_other_bytes_is_taken_even_if_only_reading_tells(
    s3: FakeObjectStore, tools: Tools
) -> None:
    facts = s3.place("old", "a.pdf", PDF)
    s3.place("new", "uploads/a.pdf", PDF.upper(), kms=True)
    assert copy_one(job(facts), tools).error_class is CopyFault.DESTINATION_TAKEN


def test_equal_checksums_spare_the_reading(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF, checksum="CRC64NVME:abc=")
    s3.place("new", "uploads/a.pdf", PDF, kms=True, checksum="CRC64NVME:abc=")
    with counting() as requests:
        outcome = copy_one(job(facts), tools)
    assert (outcome.status, outcome.compared) == (CopyStatus.EXISTING, VerifiedBy.CHECKSUM)
    assert "s3 GetObject" not in requests.counts
    assert proof(facts, outcome) is VerifiedBy.CHECKSUM


def test_a_source_that_changed_after_listing_is_not_copied(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF)
    now = s3.place("old", "a.pdf", b"another content")

    outcome = copy_one(job(facts), tools)

    assert outcome.status is CopyStatus.SOURCE_CHANGED
    assert outcome.facts == now
    assert s3.world.buckets["new"] == {}


def test_a_source_that_is_gone_is_missing(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF)
    del s3.world.buckets["old"]["a.pdf"]
    assert copy_one(job(facts), tools).status is CopyStatus.SOURCE_MISSING


def test_an_archived_source_is_reported_without_a_request(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF, storage_class="DEEP_ARCHIVE")
    with counting() as requests:
        outcome = copy_one(job(facts), tools)
    assert (outcome.status, requests.counts) == (CopyStatus.ARCHIVED, {})


def test_a_source_that_was_archived_after_listing_is_reported(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF, storage_class="GLACIER")
    assert copy_one(job(replace(facts, storage_class="STANDARD")), tools).status is CopyStatus.ARCHIVED


def test_tags_that_may_not_be_read_stay_behind_and_the_file_goes(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF, tags={"kind": "invoice"})
    s3.world.denied.add(("tags", "old"))
    with counting() as requests:
        outcome = copy_one(job(facts), tools)
    assert (outcome.status, requests.counts["s3 CopyObject"]) == (CopyStatus.COPIED, 2)
    assert s3.world.buckets["new"]["uploads/a.pdf"].tags == {}


@pytest.mark.parametrize(
    ("prepare", "fault"),
    [
        (lambda s3: s3.world.denied.add(("copy", "new")), CopyFault.ACCESS_DENIED),
        (lambda s3: s3.world.buckets.pop("new"), CopyFault.BUCKET_UNAVAILABLE),
        (lambda s3: s3.fail("copy", ServiceUnavailable("SlowDown")), CopyFault.SERVICE_UNAVAILABLE),
        (lambda s3: s3.fail("copy", Refused(Refusal.INVALID, "InvalidRequest")), CopyFault.INVALID_REQUEST),
        (lambda s3: s3.fail("copy", RuntimeError("a bug")), CopyFault.UNEXPECTED),
    ],
)
def test_whatever_goes_wrong_is_the_outcome_of_this_file(
    s3: FakeObjectStore, tools: Tools, prepare: Callable[[FakeObjectStore], None], fault: CopyFault
) -> None:
    facts = s3.place("old", "a.pdf", PDF)
    prepare(s3)
    outcome = copy_one(job(facts), tools)
    assert (outcome.status, outcome.error_class, outcome.entry_id) == (CopyStatus.FAILED, fault, "entry-1")


def test_a_race_with_another_writer_is_tried_again(s3: FakeObjectStore, tools: Tools) -> None:
    pauses: list[float] = []
    facts = s3.place("old", "a.pdf", PDF)
    s3.fail("copy", Refused(Refusal.CONFLICT, "ConditionalRequestConflict"), times=2)
    outcome = copy_one(job(facts), replace(tools, sleep=pauses.append))
    assert outcome.status is CopyStatus.COPIED
    assert pauses == [0.2, 0.4]


def test_a_race_that_never_ends_is_given_up(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF)
    s3.fail("copy", Refused(Refusal.CONFLICT, "ConditionalRequestConflict"), times=99)
    assert copy_one(job(facts), tools).error_class is CopyFault.SERVICE_UNAVAILABLE


def test_a_source_under_kms_has_an_etag_that_proves_and_contradicts_nothing(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF, kms=True)
    outcome = copy_one(job(facts), tools)
    assert outcome.status is CopyStatus.COPIED
    assert proof(facts, outcome) is VerifiedBy.S3_COPY


def test_a_destination_under_kms_costs_no_further_request(s3: FakeObjectStore, tools: Tools) -> None:
    s3.world.kms_buckets.add("new")
    facts = s3.place("old", "a.pdf", PDF)
    with counting() as requests:
        outcome = copy_one(job(facts), tools)
    assert requests.counts == {"s3 CopyObject": 1}
    assert proof(facts, outcome) is VerifiedBy.S3_COPY


def test_a_copy_whose_md5_is_another_is_a_failure(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF, etag="0123456789abcdef0123456789abcdef")
    outcome = copy_one(job(facts), tools)
    assert outcome.error_class is CopyFault.CONTENT_DIFFERS


def test_deep_reads_both_sides(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF)
    with counting() as requests:
        outcome = copy_one(job(facts, deep=True), tools)
    assert requests.counts["s3 GetObject"] == 2
    assert proof(facts, outcome) is VerifiedBy.CONTENT


def test_deep_finds_a_copy_that_is_not_the_source(s3: FakeObjectStore, tools: Tools) -> None:
    s3.world.kms_buckets.add("new")
    facts = s3.place("old", "a.pdf", PDF)

    def corrupt() -> None:
        there = s3.world.buckets["new"]["uploads/a.pdf"]
        s3.world.buckets["new"]["uploads/a.pdf"] = replace(there, body=PDF.upper())

    s3.world.before["get"] = corrupt
    assert copy_one(job(facts, deep=True), tools).error_class is CopyFault.CONTENT_DIFFERS


def test_one_version_of_an_object_is_copied_when_it_is_asked_for(s3: FakeObjectStore, tools: Tools) -> None:
    s3.place("old", "a.pdf", b"old bytes")
    version = s3.world.buckets["old"]["a.pdf"]
    s3.place("old", "a.pdf", PDF, versions={"v1": version})
    asked = replace(job(None), source=S3Location("old", "a.pdf", version_id="v1"))
    assert copy_one(asked, tools).status is CopyStatus.COPIED
    assert s3.body("new", "uploads/a.pdf") == b"old bytes"


def test_nothing_is_ever_written_to_the_source(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF)
    s3.place("new", "uploads/a.pdf", b"taken")
    copy_one(job(facts, "uploads/a.pdf", "two", deep=True), tools)
    assert {name for name, bucket, _ in s3.world.log if bucket == "old"} <= {"head", "get", "list", "tags"}


FACTS = SourceFacts(10, "0123456789abcdef0123456789abcdef")
DONE = CopyOutcome("e", CopyStatus.COPIED, key="k", etag=FACTS.etag, size=10, etags_comparable=True)


@pytest.mark.parametrize(
    ("facts", "outcome", "expected"),
    [
        (FACTS, DONE, VerifiedBy.ETAG),
        (FACTS, replace(DONE, size=None), VerifiedBy.ETAG),
        (FACTS, replace(DONE, size=11), None),
        (FACTS, replace(DONE, etag="f" * 32), None),
        (FACTS, replace(DONE, etag="f" * 32, etags_comparable=False), VerifiedBy.S3_COPY),
        (FACTS, replace(DONE, etag="f" * 32 + "-2"), VerifiedBy.S3_COPY),
        (replace(FACTS, etag="f" * 32 + "-2"), replace(DONE, etag="f" * 32 + "-2"), VerifiedBy.ETAG),
        (replace(FACTS, checksum="CRC32:a"), replace(DONE, checksum="CRC32:a"), VerifiedBy.CHECKSUM),
        (replace(FACTS, checksum="CRC32:a"), replace(DONE, checksum="CRC32:b"), None),
        (replace(FACTS, checksum="CRC32:a"), replace(DONE, checksum="SHA256:b"), VerifiedBy.ETAG),
        (FACTS, replace(DONE, etag="", compared=VerifiedBy.CONTENT, etags_comparable=False), VerifiedBy.CONTENT),
        (FACTS, replace(DONE, etag="x", status=CopyStatus.EXISTING), None),
        (FACTS, replace(DONE, status=CopyStatus.FAILED), None),
    ],
)
def test_proof_is_what_the_two_sides_agree_in(facts: SourceFacts, outcome: CopyOutcome, expected: VerifiedBy | None) -> None:
    assert proof(facts, outcome) is expected


def test_a_refusal_that_is_known_already_is_gone_on_from(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF)
    copy_one(job(facts), tools)
    asked = len(s3.operations("copy"))
    refused = Refused(Refusal.PRECONDITION, "it exists")

    with counting() as requests:
        outcome = copy_one(replace(job(facts), answered=refused), tools)

    assert (outcome.status, outcome.key) == (CopyStatus.EXISTING, "uploads/a.pdf")
    assert requests.counts == {"s3 HeadObject": 1}  # the copy was counted where it was sent
    assert len(s3.operations("copy")) == asked


def test_a_copy_that_was_made_already_is_only_looked_into(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF)
    written = s3.copy(ObjectRef("old", "a.pdf"), "new", "uploads/a.pdf", if_match=facts.etag, tags=True)

    outcome = copy_one(replace(job(facts), answered=replace(written, etag="0" * 32)), tools)

    assert outcome.error_class is CopyFault.CONTENT_DIFFERS
    assert len(s3.operations("copy")) == 1


def test_tags_that_may_not_be_read_cost_one_more_request_and_no_third(s3: FakeObjectStore, tools: Tools) -> None:
    facts = s3.place("old", "a.pdf", PDF)
    with counting() as requests:
        outcome = copy_one(replace(job(facts), answered=Refused(Refusal.DENIED, "tags")), tools)
    assert outcome.status is CopyStatus.COPIED
    assert len(s3.operations("copy")) == 1
    assert requests.counts == {"s3 CopyObject": 1}
