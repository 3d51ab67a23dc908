"""Links of the gateway: what they look like, what is taken for one, and that nobody can make one up."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill.errors import ConfigurationError
from waybill.files.domain import NO_ACCOUNT, HttpLocation, OwnLocation, S3Location
from waybill.files.gateway import LAST_VERSION, GatewayLinks, LinkKeys, path_for, ticket_of, valid
from waybill.files.urls import locate, mask, mask_in

BASE = "https://d111111abcdef8.cloudfront.net"
KEYS = {1: b"1" * 32, 2: b"2" * 32}
LINKS = GatewayLinks(BASE, "customer-files", LinkKeys(2, KEYS))
OLDER = GatewayLinks(BASE, "customer-files", LinkKeys(1, KEYS))

ids = st.text("ABCDEFabcdef0123456789", min_size=18, max_size=18)
accounts = ids | st.just(NO_ACCOUNT)
versions = st.integers(1, LAST_VERSION)
secrets = st.binary(min_size=32, max_size=32)


@dataclass(frozen=True)
class File:
    account_id: str = "001000000000001AAA"
    entry_id: str = "a0X000000000001AAA"
    key: str | None = "uploads/001000000000001AAA/Acme/a.pdf"


def test_a_link_is_short_and_names_neither_key_nor_customer() -> None:
    link = LINKS.link_of(File())
    assert link.startswith(f"{BASE}/f/001000000000001AAA/a0X000000000001AAA/2.")
    assert len(link) <= LINKS.longest < 120
    assert "Acme" not in link


@given(account=accounts, entry=ids, version=versions, key=secrets)
def test_a_link_is_read_as_it_was_written(account: str, entry: str, version: int, key: bytes) -> None:
    ticket = ticket_of(path_for(account, entry, version=version, key=key))
    assert ticket is not None
    assert (ticket.account_id, ticket.entry_id, ticket.version) == (account, entry, version)
    assert valid(ticket, key)
    assert not valid(ticket, bytes(reversed(key)) if key != key[::-1] else b"x" * 32)


@given(entry=ids, other=ids, version=versions, key=secrets, place=st.integers(0, 21), letter=st.sampled_from("ABCxyz059-_"))
def test_a_code_is_good_for_its_own_link_alone(entry: str, other: str, version: int, key: bytes, place: int, letter: str) -> None:
    path = path_for(NO_ACCOUNT, entry, version=version, key=key)
    front, _, code = path.rpartition(".")
    forged = [f"{front}.{code[:place]}{letter}{code[place + 1 :]}", path.replace(entry, other), path.replace(NO_ACCOUNT, other)]
    for text in (text for text in forged if text != path):
        ticket = ticket_of(text)
        assert ticket is not None
        assert not valid(ticket, key)


def test_the_last_letter_of_a_code_has_one_spelling() -> None:
    """Base64 leaves four bits of it open: four letters would otherwise mean the same bytes."""
    path = path_for(NO_ACCOUNT, "a" * 18, version=1, key=KEYS[1])
    good = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" if _opens(path[:-1] + letter)]
    assert good == [path[-1]]


def _opens(path: str) -> bool:
    ticket = ticket_of(path)
    return ticket is not None and valid(ticket, KEYS[1])


@given(st.text())
def test_whatever_else_comes_is_no_link(text: str) -> None:
    assert ticket_of(text) is None
    assert ticket_of(f"/f/{text}") is None


@pytest.mark.parametrize(
    "path",
    [
        "/f/001000000000001AAA/a0X000000000001AAA/0.AAAAAAAAAAAAAAAAAAAAAA",
        "/f/001000000000001AAA/a0X000000000001AAA/01.AAAAAAAAAAAAAAAAAAAAAA",
        "/f/001000000000001AAA/a0X000000000001AAA/10000.AAAAAAAAAAAAAAAAAAAAAA",
        "/f/001000000000001AAA/a0X000000000001AAA/1.AAAAAAAAAAAAAAAAAAAAAA\n",
        "/f/001000000000001AAA/a0X000000000001AAA/1.AAAAAAAAAAAAAAAAAAAAAA/",
        "/f/001000000000001AAA/a0X000000000001AAA/1.AAAAAAAAAAAAAAAAAAAAA",
        "/f/001000000000001AAA/a0X000000000001AAA/\u0661.AAAAAAAAAAAAAAAAAAAAAA",
        "//f/001000000000001AAA/a0X000000000001AAA/1.AAAAAAAAAAAAAAAAAAAAAA",
        "/f/../a0X000000000001AAA/1.AAAAAAAAAAAAAAAAAAAAAA",
    ],
)
def test_other_spellings_are_refused(path: str) -> None:
    assert ticket_of(path) is None


def test_a_link_of_any_version_is_our_own_and_never_a_source() -> None:
    for links in (LINKS, OLDER):
        found = locate(links.link_of(File()), links=LINKS, source_buckets=["theirs"])
        assert found == OwnLocation("", entry_id=File.entry_id)
        assert found.is_of(File.entry_id, None)
        assert not found.is_of("a0X000000000002AAA", "")
    damaged = locate(f"{BASE}/f/001000000000001AAA/x", links=LINKS, source_buckets=["theirs"])
    assert isinstance(damaged, OwnLocation)
    assert not damaged.is_of(File.entry_id, "")


def test_other_urls_are_what_they_always_were() -> None:
    assert locate("https://theirs.s3.amazonaws.com/a.pdf", links=LINKS, source_buckets=["theirs"]) == S3Location(
        "theirs", "a.pdf"
    )
    assert locate("s3://customer-files/a.pdf", links=LINKS, source_buckets=[]) == OwnLocation("a.pdf")
    link = LINKS.link_of(File()).replace("d111", "d222")
    assert isinstance(locate(link, links=LINKS, source_buckets=[]), HttpLocation)


def test_a_link_is_out_of_date_once_its_version_its_account_or_its_style_is() -> None:
    link = OLDER.link_of(File())
    assert not OLDER.stale(File.account_id, link)
    assert LINKS.stale(File.account_id, link)
    assert OLDER.stale("001000000000002AAA", link)
    assert OLDER.stale(File.account_id, "https://customer-files.s3.us-east-1.amazonaws.com/a.pdf")


def test_what_waybill_wrote_is_told_by_its_code_whatever_the_account_was() -> None:
    assert LINKS.wrote(File(), OLDER.link_of(File()))
    assert LINKS.wrote(File(account_id="001000000000002AAA"), OLDER.link_of(File()))
    assert not LINKS.wrote(File(entry_id="a0X000000000002AAA"), OLDER.link_of(File()))
    assert not LINKS.wrote(File(), OLDER.link_of(File())[:-22] + "A" * 22)
    assert not LINKS.wrote(File(), "https://theirs.s3.amazonaws.com/a.pdf")
    assert not GatewayLinks(BASE, "customer-files", LinkKeys(2, {2: KEYS[2]})).wrote(File(), OLDER.link_of(File()))


def test_without_a_key_no_link_is_written() -> None:
    empty = GatewayLinks(BASE, "customer-files")
    assert not empty.writes
    assert not empty.stale(File.account_id, "https://theirs.s3.amazonaws.com/a.pdf")
    with pytest.raises(ConfigurationError, match="no key for links"):
        empty.link_of(File())


def test_nobody_is_shown_the_part_that_opens() -> None:
    link = LINKS.link_of(File())
    assert mask(link) == link[:-22] + "***"
    assert link[-22:] not in mask_in(f"it was {link}, and is not")
    assert repr(ticket_of(link.removeprefix(BASE))).count(link[-22:]) == 0
    assert "111111" not in repr(LinkKeys(1, KEYS))
