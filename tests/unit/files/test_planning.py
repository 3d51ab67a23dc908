"""Estimates are plausible, grow with the scope, and agree with the published prices."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from waybill.files.domain import Entry
from waybill.files.model.quotas import Quotas
from waybill.files.model.shape import Knobs, Look
from waybill.files.planning import (
    Estimate,
    Scope,
    alternatives,
    estimate_backup,
    estimate_cutover,
    sampled_scope,
    standing_costs,
)
from waybill.files.urls import LinkBuilder

LINKS = LinkBuilder("https://files.example.com", "destination")


MILLION = 1_000_000


def test_a_million_files_stay_within_their_budget() -> None:
    listed = estimate_backup(Scope(files=MILLION, accounts=20_000))
    headed = estimate_backup(Scope(files=MILLION, accounts=20_000), look=Look.HEADED)
    cutover = estimate_cutover(Scope(files=MILLION, accounts=20_000))
    assert listed.cost_usd <= 5.85
    assert headed.cost_usd <= 6.30
    assert 286 <= listed.seconds <= 900
    assert cutover.seconds <= 1_800
    assert listed.cost_usd == pytest.approx(sum(listed.cost_by_service.values()), abs=0.001)
    assert listed.seconds == pytest.approx(sum(listed.steps.values()), abs=1)


def test_an_account_of_300_000_is_copied_within_a_quarter_of_an_hour() -> None:
    assert estimate_backup(Scope(files=MILLION, accounts=20_000, largest=300_000)).seconds <= 900


def test_a_single_account_of_a_million_has_a_floor_that_concurrency_does_not_lower() -> None:
    scope = Scope(files=MILLION, accounts=1)
    usual, more = estimate_backup(scope), estimate_backup(scope, knobs=Knobs(list_concurrency=20, copy_concurrency=500))
    assert more.seconds >= 0.98 * usual.seconds > 1_000
    assert usual.bottleneck == "DynamoDB"


@pytest.mark.parametrize("accounts", [20_000, 100_000])
@pytest.mark.parametrize(("look", "s3"), [(Look.LISTED, 1.02), (Look.HEADED, 2.05)])
def test_requests_of_a_file_stay_within_their_budget(accounts: int, look: Look, s3: float) -> None:
    scope = Scope(files=MILLION, accounts=accounts)
    backup, cutover = estimate_backup(scope, look=look), estimate_cutover(scope, look=look)
    assert sum(n for kind, n in backup.requests.items() if kind.startswith(("s3 ", "work "))) <= s3 * MILLION
    assert backup.requests["transitions"] <= 0.03 * MILLION
    assert cutover.salesforce_calls <= 0.0075 * MILLION


def test_a_file_is_one_write_unit_in_each_phase_and_its_account_a_few_more() -> None:
    scope = Scope(files=MILLION, accounts=20_000)
    for estimate in (estimate_backup(scope), estimate_cutover(scope)):
        assert estimate.requests["file writes"] == MILLION
        assert estimate.requests["write units"] <= 1.1 * MILLION


def test_the_updates_of_a_cutover_are_its_bottleneck() -> None:
    assert estimate_cutover(Scope(files=MILLION, accounts=20_000)).bottleneck == "Salesforce"


def test_more_calls_than_the_quota_of_a_day_take_another_day() -> None:
    scope = Scope(files=MILLION, accounts=20_000)
    usual = estimate_cutover(scope)
    short = estimate_cutover(scope, quotas=Quotas(salesforce_daily_calls=3_000))
    assert (short.bottleneck, usual.bottleneck) == ("Salesforce quota", "Salesforce")
    assert short.seconds == pytest.approx(usual.seconds + 86_400, abs=1)


def test_a_slow_partition_is_named() -> None:
    assert estimate_backup(Scope(MILLION, 20_000), quotas=Quotas(copies_per_second=500)).bottleneck == "S3 partition"
    assert estimate_backup(Scope(MILLION, 20_000), knobs=Knobs(copy_concurrency=1)).bottleneck == "Lambda concurrency"


@pytest.mark.parametrize("estimate", [estimate_backup, estimate_cutover])
def test_more_files_never_cost_less(estimate: Callable[[Scope], Estimate]) -> None:
    found = [
        estimate(Scope(files=files, accounts=max(1, files // 50))) for files in (1, 10, 1_000, 50_000, MILLION, 20 * MILLION)
    ]
    for name in ("seconds", "cost_usd", "salesforce_calls"):
        values = [getattr(each, name) for each in found]
        assert values == sorted(values)


def test_the_same_question_has_the_same_answer() -> None:
    scope = Scope(files=123_456, accounts=789, largest=20_000)
    assert estimate_backup(scope) == estimate_backup(scope)


def test_nothing_to_do_costs_nothing() -> None:
    assert estimate_backup(Scope(files=0, accounts=0)).cost_usd == 0


def test_other_settings_are_compared_with_those_that_stand() -> None:
    found = {other.change: other for other in alternatives(Scope(files=MILLION, accounts=20_000))}
    usual = found["as set"]
    assert found["shard_size 500"].backup_cost_usd > usual.backup_cost_usd + 0.2
    assert found["copy concurrency 8 (half)"].backup_seconds > usual.backup_seconds
    assert found["list and switch concurrency 20 (twice)"].cutover_seconds < usual.cutover_seconds


def test_storage_is_shown_apart() -> None:
    assert standing_costs(Scope(files=1_000, accounts=10, bytes=10**12))["storage_a_month"] == pytest.approx(23, rel=0.01)


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
