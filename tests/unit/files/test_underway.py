"""What is told of a shard while it is copied: ten times, never back, and gone when its result is there."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from tests.contract.conftest import create_table
from waybill.errors import ServiceUnavailable
from waybill.files.domain import SourceFacts
from waybill.files.jobs import CopyOutcome, CopyStatus
from waybill.files.underway import Underway, every, tellings, underway
from waybill.runs.model import Counts
from waybill.runs.moving import telling
from waybill.runs.store import RunStore

RUN, SHARD = "backup-1", "00000-0000-0000"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield RunStore(create_table(boto3.client("dynamodb", region_name="us-east-1"), "ledger"))


def outcomes(number: int, status: CopyStatus = CopyStatus.COPIED) -> list[CopyOutcome]:
    return [CopyOutcome(entry_id=f"a{n}", status=status, facts=SourceFacts(size=3, etag="e")) for n in range(number)]


def watched(store: RunStore, found: list[CopyOutcome], *, before: int = 0) -> list[Counts]:
    """What one who looks at each telling sees."""
    seen: list[Counts] = []
    with telling(lambda _: seen.append(underway(store, RUN, without=()))):
        assert list(Underway(store, RUN, SHARD, before=before, files=len(found)).watch(found)) == found
    return seen


def test_a_shard_tells_ten_times_and_a_small_one_not_at_all(store: RunStore) -> None:
    assert [counts.copied for counts in watched(store, outcomes(1_000))] == [*range(100, 1_000, 100)]
    assert watched(store, outcomes(100)) == []
    assert [every(5_000), tellings(5_000), tellings(1_000), tellings(300), tellings(101), tellings(100), tellings(0)] == [
        500,
        9,
        9,
        2,
        1,
        0,
        0,
    ]


def test_it_tells_what_became_of_the_files(store: RunStore) -> None:
    found = outcomes(50) + outcomes(30, CopyStatus.EXISTING) + outcomes(120, CopyStatus.SOURCE_MISSING)
    assert watched(store, found) == [Counts(copied=50, skipped=30, failed=20, bytes=150)]


def test_an_attempt_that_is_behind_changes_nothing(store: RunStore) -> None:
    watched(store, outcomes(1_000))
    assert {counts.copied for counts in watched(store, outcomes(300))} == {900}
    assert [counts.copied for counts in watched(store, outcomes(300), before=900)] == [1_000, 1_100]


def test_a_shards_result_takes_its_place(store: RunStore) -> None:
    watched(store, outcomes(200))
    assert underway(store, RUN, without={SHARD}) == Counts()


def test_what_cannot_be_told_fails_no_copy() -> None:
    class Away(RunStore):
        def __init__(self) -> None: ...

        def note(self, *_: object) -> None:
            raise ServiceUnavailable("DynamoDB is away")

    found = outcomes(200)
    assert list(Underway(Away(), RUN, SHARD, before=0, files=200).watch(found)) == found
