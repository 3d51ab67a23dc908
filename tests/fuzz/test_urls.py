"""Links, as anybody may write them into Salesforce, and what web servers answer."""

import io
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import urllib3
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.fuzzing import BOUNDED, hostile, parsed
from waybill.files.domain import BadLocation, HttpLocation, OwnLocation, S3Location
from waybill.files.names import DestinationKeys, KeyLimits, clean, file_name
from waybill.files.urls import MAX_KEY_BYTES, LinkBuilder, locate, mask, path_of
from waybill.files.web import Endpoint, Web

LINKS = LinkBuilder.for_bucket("customer-files", "eu-central-1")
SOURCES = ("trackland-doc-storage",)


class Answering:
    """A connection whose server says what it is told to, and that checks what it is asked."""

    def __init__(self, headers: Mapping[str, str], status: int) -> None:
        self._headers, self._status = headers, status

    def urlopen(self, method: str, target: str, **_: Any) -> urllib3.HTTPResponse:
        assert target.startswith("/")
        body = io.BytesIO(b"content")
        return urllib3.HTTPResponse(body=body, headers=dict(self._headers), status=self._status, preload_content=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass


def web(headers: Mapping[str, str], status: int, asked: list[Endpoint]) -> Web:
    def connect(endpoint: Endpoint) -> Any:
        asked.append(endpoint)
        return Answering(headers, status)

    return Web(resolver=lambda _host, _port: ["203.0.114.7"], connector=connect)


@BOUNDED
@given(hostile("urls"))
def test_a_link_is_a_place_or_none_and_never_an_exception(text: str) -> None:
    place = locate(text, links=LINKS, source_buckets=SOURCES)
    match place:
        case S3Location():
            assert 0 < len(place.key.encode()) <= MAX_KEY_BYTES
        case HttpLocation():
            parts = urlsplit(place.url)
            assert place.url.isascii()
            assert parts.hostname
            assert parts.username is None
        case BadLocation():
            assert place.reason
        case OwnLocation():
            assert place.key
    if not isinstance(place, BadLocation):
        path_of(place)
    mask(text)


@BOUNDED
@given(hostile("urls"))
def test_whatever_the_link_its_fetch_ends_in_an_answer_or_an_error_of_ours(text: str) -> None:
    place = locate(text, links=LINKS, source_buckets=SOURCES)
    if not isinstance(place, HttpLocation):
        return
    site = web({"Content-Length": "7"}, 200, [])
    parsed(lambda: site.facts(place.url))
    parsed(lambda: _read(site, place.url))


@BOUNDED
@given(hostile("redirects"), st.sampled_from([301, 302, 303, 307, 308]))
def test_a_redirect_leads_to_an_https_address_that_was_checked_or_nowhere(target: str, status: int) -> None:
    asked: list[Endpoint] = []
    parsed(lambda: _read(web({"Location": target}, status, asked), "https://files.example.com/a"))
    assert {endpoint.scheme for endpoint in asked} == {"https"}
    assert {endpoint.address for endpoint in asked} == {"203.0.114.7"}


@BOUNDED
@given(
    st.dictionaries(
        st.sampled_from(["Content-Length", "Content-Type", "ETag", "Last-Modified", "Transfer-Encoding"]), hostile("headers")
    )
)
def test_a_servers_headers_are_facts_or_an_error_of_ours_and_fit_into_s3s_headers(headers: dict[str, str]) -> None:
    site = web(headers, 200, [])
    facts = parsed(lambda: site.facts("https://files.example.com/a"))
    assert facts is None or (0 <= facts.size < 10**18 and len(facts.etag) <= 1_024)
    parsed(lambda: _read(site, "https://files.example.com/a"))


def _read(site: Web, url: str) -> None:
    with site.read(url) as reading:
        content = reading.head.content
        assert all(text.isascii() and text.isprintable() for text in (content.type, content.encoding, content.disposition))
        list(reading.chunks)


@BOUNDED
@given(hostile("texts"), hostile("texts"), hostile("urls"))
def test_every_name_makes_a_key_that_stays_in_its_folder(entry: str, account: str, source: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in entry + account + source):
        return  # Salesforce's JSON cannot carry half a character
    keys = DestinationKeys("", "001Dn00000ZZZZZAAA", account, KeyLimits(link_base_length=len(LINKS.base)))
    name = file_name(entry, source)
    for key in (keys.plain(name), keys.suffixed(name, "a01"), keys.changed(name, "a01", "etag")):
        if key is None:
            continue
        front, identifier, folder, last = key.split("/")
        assert (front, identifier) == ("uploads", "001Dn00000ZZZZZAAA")
        assert all(part.isprintable() and part not in {"", ".", ".."} for part in (folder, last))
        assert len(LINKS.link_for(key)) <= 255
        assert LINKS.key_of(LINKS.link_for(key)) == key
    assert clean(clean(entry, fallback="x"), fallback="x") == clean(entry, fallback="x")
