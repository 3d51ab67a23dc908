"""Packets and units: every account in just one, in order, and none too large unless it is one account."""

from hypothesis import given
from hypothesis import strategies as st

from waybill.files.domain import NO_ACCOUNT
from waybill.files.packing import ACCOUNTS_LISTED, LARGE_ACCOUNT, Packer, Packet, units

accounts = st.lists(st.integers(1, 60_000), max_size=60).map(
    lambda weights: [(f"001{n:015d}", weight) for n, weight in enumerate(weights)]
)


def packed(given_accounts: list[tuple[str, int, bool]], *, size: int) -> list[Packet]:
    packer = Packer(first_number=0, size=size)
    packets = [packet for account, weight, named in given_accounts for packet in packer.add(account, weight, named=named)]
    return packets + list(packer.close())


@given(accounts, st.integers(1, 10_000), st.data())
def test_each_account_is_in_just_one_packet_and_ranges_do_not_overlap(
    counts: list[tuple[str, int]], size: int, data: st.DataObject
) -> None:
    marked = [(account, weight, data.draw(st.booleans())) for account, weight in counts]
    packets = packed(marked, size=size)
    assert [packet.number for packet in packets] == list(range(len(packets)))
    covered = [[account for account, _ in counts if packet.first <= account <= packet.last] for packet in packets]
    assert [account for accounts_of in covered for account in accounts_of] == [account for account, _ in counts]
    for packet, within in zip(packets, covered, strict=True):
        assert not packet.accounts or list(packet.accounts) == within
        assert packet.weight <= size or len(within) == 1


def test_a_large_account_is_a_packet_of_its_own_and_says_so() -> None:
    packets = packed([("001a", 10, False), ("001b", LARGE_ACCOUNT + 1, False), ("001c", 10, False)], size=5_000)
    assert [(packet.first, packet.last, packet.large) for packet in packets] == [
        ("001a", "001a", False),
        ("001b", "001b", True),
        ("001c", "001c", False),
    ]


def test_entries_without_an_account_are_a_packet_of_their_own() -> None:
    packets = packed([("001a", 1, True), (NO_ACCOUNT, 3, True)], size=100)
    assert [(packet.first, packet.accounts) for packet in packets] == [("001a", ("001a",)), (NO_ACCOUNT, ())]


@given(accounts, st.integers(1, 2_000))
def test_units_hold_whole_accounts_in_order(counts: list[tuple[str, int]], size: int) -> None:
    cut = list(units(counts, size=size))
    assert [account for unit in cut for account in unit.accounts] == [account for account, _ in counts]
    for unit in cut:
        assert unit.rows <= size or len(unit.accounts) == 1
        assert len(unit.accounts) <= ACCOUNTS_LISTED
