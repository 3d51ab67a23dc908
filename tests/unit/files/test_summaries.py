"""Account summaries by the page: whatever is written in whatever order, each account has its newest summary, in order of id."""

import itertools
from collections.abc import Iterator

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from tests.contract.conftest import create_table
from waybill.counting import counting
from waybill.errors import ServiceUnavailable
from waybill.files.summaries import ON_A_PAGE, AccountSummary, InOrder, Summaries
from waybill.table import Table

_numbers = itertools.count()


@pytest.fixture
def table() -> Iterator[Table]:
    with mock_aws():
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        client = boto3.client("dynamodb", region_name="us-east-1", **keys)  # type: ignore[call-overload]
        yield create_table(client, f"t{next(_numbers)}")


def account(number: int) -> str:
    return f"001{number:012d}AAA"


def summary(number: int, files: int = 1, run: str = "backup-1") -> AccountSummary:
    return AccountSummary(account(number), f"Account {number}", {"verified": files}, 10 * files, "2026-11-21T12:00:00.000Z", run)


def pages(table: Table) -> list[int]:
    """How many accounts each page has."""
    return [len(item["accounts"]) for item in table.query("SUMMARIES")]


def test_accounts_that_come_in_order_fill_page_after_page_and_each_is_written_once(table: Table) -> None:
    summaries = Summaries(table)
    for first in range(0, 200, ON_A_PAGE):
        with counting() as requests:
            summaries.put([summary(n) for n in range(first, min(first + ON_A_PAGE, 200))], fence=1)
        assert requests.counts["dynamodb write units"] >= 1
    assert pages(table) == [64, 64, 64, 8]
    assert [found.account_id for found in summaries.all()] == [account(n) for n in range(200)]
    assert [item["v"] for item in table.query("SUMMARIES")] == [1, 1, 1, 1]


def test_a_page_takes_few_units_for_many_accounts(table: Table) -> None:
    from bench.counting import item_size
    from waybill.table import encode_item

    Summaries(table).put([summary(n) for n in range(ON_A_PAGE)], fence=1)
    (item,) = table.query("SUMMARIES")
    assert item_size(encode_item(item)) < 90 * ON_A_PAGE


def test_an_older_run_does_not_replace_what_a_newer_one_has_written(table: Table) -> None:
    summaries = Summaries(table)
    summaries.put([summary(1, 5, "backup-2")], fence=2)
    summaries.put([summary(1, 1, "backup-1"), summary(2, 1, "backup-1")], fence=1)
    assert summaries.get(account(1)) == summary(1, 5, "backup-2")
    assert summaries.get(account(2)) == summary(2, 1, "backup-1")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10, deadline=None)
@given(
    st.lists(st.tuples(st.lists(st.integers(0, 300), min_size=1, max_size=100, unique=True), st.integers(1, 3)), max_size=4),
    st.lists(st.integers(0, 300), max_size=5),
)
def test_whatever_is_written_in_whatever_order_is_found(
    table: Table, writes: list[tuple[list[int], int]], asked: list[int]
) -> None:
    for item in list(table.query("SUMMARIES")):
        table.delete(item["pk"], item["sk"])
    summaries, expected = Summaries(table), dict[int, tuple[int, int]]()
    for files, (numbers, fence) in enumerate(writes):
        summaries.put([summary(n, files, str(fence)) for n in numbers], fence=fence)
        expected |= {n: (fence, files) for n in numbers if expected.get(n, (0, 0))[0] <= fence}
    wanted = [summary(n, files, str(fence)) for n, (fence, files) in sorted(expected.items())]
    assert list(summaries.all(pages=2)) == wanted
    assert max(pages(table), default=0) <= ON_A_PAGE
    in_order = InOrder(summaries)
    for n in asked:
        found = summary(n, expected[n][1], str(expected[n][0])) if n in expected else None
        assert summaries.get(account(n)) == found
        assert in_order(account(n)) == found
        assert [each.account_id for each in summaries.all(after=account(n))] == [account(m) for m in sorted(expected) if m > n]
    assert set(summaries.among(map(account, asked))) == {account(n) for n in asked if n in expected}


class Disturbed(Table):
    """Another task writes each time, just before."""

    times = 0
    other: Summaries

    def put(self, *given: object, **more: object) -> None:
        if self.times:
            self.times -= 1
            self.other.put([summary(100 + self.times, 9)], fence=1)
        super().put(*given, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("times", [1, 5])
def test_what_another_task_writes_at_the_same_time_is_not_lost(table: Table, times: int) -> None:
    disturbed = Disturbed(client=table._client, name=table.name)
    disturbed.other, disturbed.times = Summaries(table), times
    Summaries(table).put([summary(1)], fence=1)
    Summaries(disturbed).put([summary(2)], fence=1)
    assert len(list(Summaries(table).all())) == 2 + times


def test_who_is_never_let_through_says_so(table: Table) -> None:
    disturbed = Disturbed(client=table._client, name=table.name)
    disturbed.other, disturbed.times = Summaries(table), 60
    Summaries(table).put([summary(1)], fence=1)
    with pytest.raises(ServiceUnavailable):
        Summaries(disturbed).put([summary(2)], fence=1)


def test_going_through_accounts_in_order_asks_for_pages_and_not_for_accounts(table: Table) -> None:
    summaries = Summaries(table)
    summaries.put([summary(n) for n in range(0, 1_000, 2)], fence=1)
    in_order = InOrder(summaries)
    with counting() as requests:
        asked = [0]
        client = table._client.query

        def count_queries(**arguments: object) -> object:
            asked[0] += 1
            return client(**arguments)

        table._client.query = count_queries  # type: ignore[misc]
        found = [in_order(account(n)) is not None for n in range(1_000)]
    assert found == [n % 2 == 0 for n in range(1_000)]
    assert asked[0] < 10
    assert requests.counts["dynamodb read units"] >= 0
