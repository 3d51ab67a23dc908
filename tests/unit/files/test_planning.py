"""Estimates are plausible, grow with the scope, and agree with the published prices."""

from datetime import UTC, datetime

import pytest

from waybill.files.domain import Entry
from waybill.files.planning import Scope, estimate_backup, estimate_cutover, sampled_scope
from waybill.files.urls import LinkBuilder

LINKS = LinkBuilder("https://files.example.com", "destination")


def test_a_million_files_cost_what_the_price_list_says() -> None:
    estimate = estimate_backup(Scope(files=1_000_000, accounts=20_000))
    assert 5.5 <= estimate.cost_usd <= 7.5
    assert 286 <= estimate.seconds <= 3_600
    assert 500 <= estimate.salesforce_calls <= 2_000


def test_the_updates_of_a_cutover_are_its_bottleneck() -> None:
    estimate = estimate_cutover(Scope(files=1_000_000, accounts=20_000))
    assert estimate.bottleneck == "updating Salesforce"
    assert estimate.cost_usd < 2
    assert 1_500 <= estimate.salesforce_calls <= 4_000


@pytest.mark.parametrize("estimate", [estimate_backup, estimate_cutover])
def test_more_files_never_cost_less(estimate: object) -> None:
    assert callable(estimate)
    found = [
        estimate(Scope(files=files, accounts=max(1, files // 50))) for files in (1, 10, 1_000, 50_000, 1_000_000, 20_000_000)
    ]
    for name in ("seconds", "cost_usd", "salesforce_calls"):
        values = [getattr(each, name) for each in found]
        assert values == sorted(values)


def test_a_few_files_are_held_up_by_starting_up() -> None:
    assert estimate_backup(Scope(files=10, accounts=1)).bottleneck == "starting up"


def test_nothing_to_do_needs_no_copies() -> None:
    assert estimate_backup(Scope(files=0, accounts=0)).cost_usd == 0


def entry(name: str, url: str) -> Entry:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    return Entry(id="a", account_id="b", account_name="c", name=name, url=url, created=now, modified=now)


def test_the_sample_tells_extensions_buckets_and_size() -> None:
    sample = [
        entry("Contract.PDF", "https://docs.s3.amazonaws.com/1"),
        entry("No extension", "https://docs.s3.amazonaws.com/2.docx"),
        entry("Report v1.2 final", "https://docs.s3.amazonaws.com/3"),
        entry("x.pdf", "https://other.s3.amazonaws.com/4.pdf"),
        entry("y.pdf", "https://www.example.com/y.pdf"),
        entry("z.pdf", ""),
        entry("w.pdf", "https://files.example.com/uploads/a/b/w.pdf"),
    ]
    scope = sampled_scope(sample, files=700, accounts=7, links=LINKS, source_buckets={"docs"}, sizes=[100, 300])
    assert scope.extensions == {".pdf": 3, ".docx": 1, "none": 1}
    assert scope.unknown_buckets == {"other": 1}
    assert (scope.unusable, scope.already_switched, scope.sample, scope.bytes) == (1, 1, 7, 140_000)


def test_without_a_known_size_bytes_are_not_made_up() -> None:
    scope = sampled_scope([], files=5, accounts=1, links=LINKS, source_buckets=set(), sizes=[])
    assert scope.bytes is None
