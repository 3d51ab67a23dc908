"""Learning facts at the least cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.object_store import FakeObjectStore
from waybill.counting import counting
from waybill.errors import BucketUnavailable, ServiceUnavailable
from waybill.files.lookup import Unreadable, Versioned, _just_before, look_up


def test_many_keys_side_by_side_cost_a_list_a_page() -> None:
    s3 = FakeObjectStore("b", page_size=100)
    facts = {f"docs/{n:04}.pdf": s3.place("b", f"docs/{n:04}.pdf", b"x" * n) for n in range(250)}
    with counting() as requests:
        assert look_up(s3, "b", list(facts), in_flight=4) == facts
    assert requests.counts == {"s3 ListObjectsV2": 3}


def test_a_few_keys_are_asked_one_by_one() -> None:
    s3 = FakeObjectStore("b")
    facts = {f"k{n}": s3.place("b", f"k{n}", b"x") for n in range(11)}
    with counting() as requests:
        assert look_up(s3, "b", list(facts), in_flight=4) == facts
    assert requests.counts == {"s3 HeadObject": 11}


def test_keys_scattered_over_a_large_bucket_cost_hardly_more_than_a_head_each() -> None:
    s3 = FakeObjectStore("b", page_size=10)
    for n in range(20_000):
        s3.place("b", f"{n:05}", b"x")
    wanted = [f"{n:05}" for n in range(0, 20_000, 50)]
    with counting() as requests:
        found = look_up(s3, "b", wanted, in_flight=8)
    assert all(found.values())
    assert requests.counts["s3 ListObjectsV2"] <= 6
    assert requests.counts["s3 HeadObject"] <= len(wanted)


def test_listing_begins_at_the_first_wanted_key_and_ends_with_their_prefix() -> None:
    s3 = FakeObjectStore("b", page_size=50)
    for n in range(1000):
        s3.place("b", f"a/{n:04}", b"x")
    s3.place("b", "z", b"x")
    with counting() as requests:
        found = look_up(s3, "b", [f"a/{n:04}" for n in range(950, 1000)], in_flight=2)
    assert all(found.values())
    assert requests.counts == {"s3 ListObjectsV2": 1}


def test_what_is_not_there_is_none() -> None:
    s3 = FakeObjectStore("b")
    for n in range(0, 40, 2):
        s3.place("b", f"{n:02}", b"x")
    found = look_up(s3, "b", [f"{n:02}" for n in range(40)], in_flight=2)
    assert [key for key, facts in found.items() if facts is None] == [f"{n:02}" for n in range(1, 40, 2)]


def test_a_version_is_asked_for_by_itself() -> None:
    s3 = FakeObjectStore("b")
    s3.place("b", "k", b"old")
    version = s3.world.buckets["b"]["k"]
    now = s3.place("b", "k", b"new one", versions={"v1": version})
    found = look_up(s3, "b", ["k", Versioned("k", "v1"), Versioned("k", "v2")], in_flight=2)
    assert found["k"] == now
    assert getattr(found[Versioned("k", "v1")], "size", None) == 3
    assert found[Versioned("k", "v2")] is None


@pytest.mark.parametrize("key", ["", "x" * 1025, "é" * 513, "\ud800"])
def test_a_key_that_no_object_can_have_costs_no_request(key: str) -> None:
    with counting() as requests:
        assert look_up(FakeObjectStore("b"), "b", [key], in_flight=1) == {key: None}
    assert requests.counts == {}


def test_a_bucket_that_does_not_exist_is_not_taken_for_missing_files() -> None:
    with pytest.raises(BucketUnavailable):
        look_up(FakeObjectStore("b"), "typo", ["a", "b"], in_flight=2)


def test_without_the_right_to_list_each_key_is_asked_for() -> None:
    s3 = FakeObjectStore("b")
    facts = {f"k{n:02}": s3.place("b", f"k{n:02}", b"x") for n in range(30)}
    s3.world.denied.add(("list", "b"))
    with counting() as requests:
        assert look_up(s3, "b", list(facts), in_flight=4) == facts
    assert requests.counts["s3 HeadObject"] == 30


def test_one_closed_object_does_not_hide_the_others() -> None:
    s3 = FakeObjectStore("b")
    facts = s3.place("b", "open", b"x")
    s3.place("b", "closed", b"x")
    s3.world.denied.add(("head", "b/closed"))
    found = look_up(s3, "b", ["open", "closed"], in_flight=2)
    assert found["open"] == facts
    assert isinstance(found["closed"], Unreadable)


def test_an_outage_is_not_taken_for_missing_files() -> None:
    s3 = FakeObjectStore("b")
    s3.fail("head", ServiceUnavailable("SlowDown"))
    with pytest.raises(ServiceUnavailable):
        look_up(s3, "b", ["a"], in_flight=1)


KEYS = st.text(alphabet=st.sampled_from("ab/~! \x01\ue000\U0001f600é"), min_size=1, max_size=4)


@given(there=st.sets(KEYS, max_size=60), wanted=st.sets(KEYS, max_size=60), page_size=st.integers(1, 40))
def test_whatever_is_there_and_wanted_the_answer_is_right(there: set[str], wanted: set[str], page_size: int) -> None:
    s3 = FakeObjectStore("b", page_size=page_size)
    facts = {key: s3.place("b", key, key.encode()) for key in there}
    assert look_up(s3, "b", list(wanted), in_flight=2) == {key: facts.get(key) for key in wanted}


@given(st.text(min_size=1, max_size=40))
def test_a_listing_begins_before_the_key_and_never_after(key: str) -> None:
    assert _just_before(key) < key
    _just_before(key).encode()
