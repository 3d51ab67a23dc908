"""What the benches migrate is made by arithmetic, and has to be what it would be if it were listed."""

from bench.corpus import Corpus, account_id, body, entry_id, evenly, mixed, number_of, packed, percentiles, sizes


def test_entries_belong_to_accounts_in_order() -> None:
    corpus = Corpus(((2, 3), (1, 4)))

    assert corpus.files == 10
    assert corpus.accounts == 3
    assert [corpus.account_of(entry) for entry in range(10)] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert [corpus.first_of(account) for account in range(4)] == [0, 3, 6, 10]


def test_keys_and_ids_sort_as_the_entries_do() -> None:
    corpus = mixed(3_000)
    keys = [corpus.key(entry) for entry in range(corpus.files)]

    assert keys == sorted(keys)
    assert len(set(keys)) == corpus.files == 3_000
    assert [corpus.number(key) for key in keys[:20]] == list(range(20))
    assert corpus.number("docs/0000000/other.pdf") is None
    assert [number_of(entry_id(n)) for n in (0, 7, 999_999)] == [0, 7, 999_999]
    assert account_id(1) < account_id(2)


def test_a_listing_begins_behind_a_key_and_ends_with_the_prefix() -> None:
    corpus = evenly(30, per_account=10)

    def listed(prefix: str, start_after: str) -> list[int]:
        return list(corpus.keys_from(prefix=prefix, start_after=start_after))

    assert listed("docs/0000001/", "") == list(range(10, 20))
    assert listed("docs/", corpus.key(27)) == [28, 29]
    assert listed("docs/0000002/", corpus.key(3)) == list(range(20, 30))
    assert listed("elsewhere/", "") == []


def test_the_last_account_holds_the_rest() -> None:
    assert evenly(25, per_account=10).groups == ((2, 10), (1, 5))
    assert evenly(5, per_account=10).groups == ((1, 5),)


def test_packets_hold_whole_accounts_up_to_their_size() -> None:
    assert list(packed(evenly(50, per_account=10), size=20)) == [(0, 1), (2, 3), (4, 4)]
    assert list(packed(Corpus(((1, 100), (2, 5))), size=20)) == [(0, 0), (1, 2)]


def test_sizes_are_the_same_for_the_same_seed_and_have_the_wanted_median() -> None:
    assert sizes(50, seed=1) == sizes(50, seed=1) != sizes(50, seed=2)
    (middle,) = percentiles(sizes(4_000), 0.5)
    assert 9_000 < middle < 11_000


def test_each_file_has_content_of_its_own_and_the_wanted_size() -> None:
    assert len({body(n, 1_000) for n in range(10)}) == 10
    assert [len(body(3, size)) for size in (1, 17, 1_000)] == [1, 17, 1_000]
