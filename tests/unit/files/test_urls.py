"""URLs: all forms that name the same object, our own recognised, and no secret shown."""

import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill.files.domain import BadLocation, HttpLocation, Location, OwnLocation, S3Location
from waybill.files.urls import LinkBuilder, locate, mask, mask_in, path_of

SOURCE = "trackland-doc-storage"
LINKS = LinkBuilder.for_bucket("customer-files", "eu-central-1")
BASES = [
    "https://customer-files.s3.eu-central-1.amazonaws.com",
    "https://files.example.com",
    "https://files.example.com/some/path",
    "http://127.0.0.1:4566/customer-files",
]
SIGNED = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAX%2F20260101%2Fus-east-1&X-Amz-Signature=0a1b2c"

text = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
keys = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda key: 0 < len(key.encode()) <= 1024)
buckets = st.from_regex(r"[a-z0-9][a-z0-9\-]{1,20}(\.[a-z0-9\-]{1,10})?[a-z0-9]", fullmatch=True).filter(
    lambda name: "xn--" not in name and name != LINKS.bucket and "-." not in name and ".-" not in name
)


def found(url: str | None, *, buckets: tuple[str, ...] = (SOURCE,)) -> Location:
    return locate(url, links=LINKS, source_buckets=buckets)


def https_forms(bucket: str, path: str) -> list[str]:
    return [
        f"https://{bucket}.s3.amazonaws.com/{path}",
        f"https://{bucket}.s3.us-east-1.amazonaws.com/{path}",
        f"https://{bucket}.s3-eu-west-1.amazonaws.com/{path}",
        f"https://{bucket}.s3.dualstack.ap-southeast-2.amazonaws.com/{path}",
        f"https://{bucket}.s3-accelerate.amazonaws.com/{path}",
        f"https://{bucket}.s3-accelerate.dualstack.amazonaws.com/{path}",
        f"https://{bucket}.s3-fips.us-gov-west-1.amazonaws.com/{path}",
        f"https://{bucket}.s3.cn-north-1.amazonaws.com.cn/{path}",
        f"https://s3.amazonaws.com/{bucket}/{path}",
        f"https://s3.us-east-1.amazonaws.com/{bucket}/{path}",
        f"https://s3-us-west-2.amazonaws.com/{bucket}/{path}",
        f"https://s3-external-1.amazonaws.com/{bucket}/{path}",
        f"https://s3.dualstack.eu-north-1.amazonaws.com/{bucket}/{path}",
        f"https://s3.cn-northwest-1.amazonaws.com.cn/{bucket}/{path}",
        f"http://{bucket}.s3.amazonaws.com/{path}",
        f"HTTPS://{bucket}.S3.Amazonaws.COM:443/{path}",
        f"  https://{bucket}.s3.amazonaws.com/{path}#page=2\n",
        f"https://{bucket}.s3.amazonaws.com/{path}?response-content-disposition=attachment%3B%20filename%3Dx.pdf",
    ]


@given(buckets, keys)
def test_every_https_form_of_an_object_names_the_same_location(bucket: str, key: str) -> None:
    for url in https_forms(bucket, quote(key)):
        assert found(url) == S3Location(bucket, key), url


@given(buckets, keys)
def test_characters_that_need_no_escape_may_be_raw(bucket: str, key: str) -> None:
    kept = "".join(c for c in key if c.isalnum() or c in "-_.~/ ()&=@:,;'!*$").strip()
    for url in https_forms(bucket, kept) if kept else ():
        assert found(url) == S3Location(bucket, kept), url


@given(keys)
def test_an_s3_uri_is_not_decoded(key: str) -> None:
    kept = "".join(c for c in key if c.isprintable()).strip() + "?a#b%20+c"
    assert found(f" S3://{SOURCE}/{kept} ") == S3Location(SOURCE, kept)


def test_a_plus_in_the_path_is_a_space_with_the_literal_plus_as_the_alternative() -> None:
    location = found(f"https://{SOURCE}.s3.amazonaws.com/a+b%2Bc%20d.pdf")
    assert location == S3Location(SOURCE, "a b+c d.pdf", alternate_key="a+b+c d.pdf")


@pytest.mark.parametrize("mark", ["versionId", "versionid"])
def test_a_version_id_is_kept(mark: str) -> None:
    location = found(f"https://{SOURCE}.s3.amazonaws.com/a.pdf?{mark}=3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY")
    assert location == S3Location(SOURCE, "a.pdf", version_id="3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY")


def test_a_presigned_url_of_a_source_bucket_is_an_object_of_it() -> None:
    url = f"https://{SOURCE}.s3.amazonaws.com/a.pdf?{SIGNED}&versionId=v1"
    assert found(url) == S3Location(SOURCE, "a.pdf", version_id="v1")


@pytest.mark.parametrize("query", [SIGNED, "AWSAccessKeyId=AKIAX&Expires=1893456000&Signature=vjbyPxybdZaNmGa%2ByT272YEAiv4%3D"])
def test_a_presigned_url_of_an_unknown_bucket_is_fetched_as_it_is(query: str) -> None:
    url = f"https://someone-elses.s3.amazonaws.com/a%20b.pdf?{query}"
    assert found(url) == HttpLocation(url)


def test_an_unsigned_url_of_an_unknown_bucket_is_left_to_the_caller() -> None:
    assert found("https://someone-elses.s3.amazonaws.com/a.pdf?Signature=only") == S3Location("someone-elses", "a.pdf")


@pytest.mark.parametrize("bucket", ["docs.example.com", "my.s3", "s3.us-east-1", "a.s3.us-east-1.amazonaws.com"])
def test_buckets_with_dots_are_told_from_the_endpoint(bucket: str) -> None:
    for url in https_forms(bucket, "a.pdf"):
        assert found(url) == S3Location(bucket, "a.pdf"), url


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/files/a.pdf?id=3",
        "http://example.com:8080/a.pdf",
        f"http://{SOURCE}.s3-website-us-east-1.amazonaws.com/a.pdf",
        f"http://{SOURCE}.s3-website.eu-central-1.amazonaws.com/a.pdf",
        "https://s3.amazonaws.com.evil.example/bucket/a.pdf",
        "https://evil-s3.amazonaws.com/bucket/a.pdf",
        "https://point-123456789012.s3-accesspoint.us-east-1.amazonaws.com/a.pdf",
        f"https://{SOURCE}.s3.amazonaws.com:8443/a.pdf",
        "http://[2001:db8::1]:9000/a.pdf",
    ],
)
def test_other_https_urls_are_streamed(url: str) -> None:
    assert found(url) == HttpLocation(url)


def test_a_streamed_url_is_made_fit_for_a_request() -> None:
    assert found("HTTPS://Bücher.example:443/Größe 1.pdf?x=ü&y=%20#top") == HttpLocation(
        "https://xn--bcher-kva.example/Gr%C3%B6%C3%9Fe%201.pdf?x=%C3%BC&y=%20"
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "empty"),
        ("", "empty"),
        (" \n\t\ufeff", "empty"),
        ("not a url", "scheme"),
        ("www.example.com/a.pdf", "scheme"),
        ("localhost:4566/bucket/a.pdf", "scheme"),
        ("//example.com/a.pdf", "scheme"),
        ("ftp://example.com/a.pdf", "ftp"),
        ("file:///etc/passwd", "file"),
        ("javascript:alert(1)", "javascript"),
        ("https:/example.com/a.pdf", "malformed"),
        ("https:///a.pdf", "no host"),
        ("https://:443/a.pdf", "host"),
        ("https://exa mple.com/a.pdf", "host"),
        ("https://a..b/a.pdf", "host"),
        ("https://example.com:99999/a.pdf", "host"),
        ("https://example.com:port/a.pdf", "host"),
        ("https://evil.example\\@example.com/a.pdf", "user name"),
        ("https://user:hunter2@example.com/a.pdf", "user name"),
        ("s3://key:hunter2@bucket/a.pdf", "user name"),
        ("https://example.com", "no file"),
        ("https://example.com/#a.pdf", "no file"),
        (f"https://{SOURCE}.s3.amazonaws.com", "no key"),
        (f"https://{SOURCE}.s3.amazonaws.com/?x=hunter2", "no key"),
        (f"https://s3.amazonaws.com/{SOURCE}/", "no key"),
        (f"s3://{SOURCE}", "no key"),
        (f"s3://{SOURCE}/", "no key"),
        ("s3:///a.pdf", "no bucket"),
        ("s3://ab/a.pdf", "no bucket"),
        ("https://s3.amazonaws.com/", "no bucket"),
        ("https://s3.amazonaws.com/%2F/a.pdf", "no bucket"),
        ("https://s3-accelerate.amazonaws.com/bucket/a.pdf", "no bucket"),
        (f"https://{SOURCE}.s3.amazonaws.com/a%FF.pdf?x=hunter2", "UTF-8"),
        (f"https://{SOURCE}.s3.amazonaws.com/a\nb.pdf", "control"),
        (f"s3://{SOURCE}/a\x00b.pdf", "control"),
        (f"s3://{SOURCE}/a\ud800b.pdf", "Unicode"),
        (f"https://{SOURCE}.s3.amazonaws.com/{'a' * 1025}", "1024"),
        (f"s3://{SOURCE}/{'ü' * 513}", "1024"),
        ("https://example.com/" + "a" * 8192, "8192"),
    ],
)
def test_what_names_no_file_says_why(url: str | None, reason: str) -> None:
    location = found(url)
    assert isinstance(location, BadLocation)
    assert reason in location.reason
    assert "hunter2" not in location.reason


@given(st.one_of(st.text(), text.map(lambda tail: "https://" + tail), text.map(lambda tail: "s3://" + tail)))
def test_any_text_has_a_location(url: str) -> None:
    location = found(url)
    assert isinstance(location, S3Location | HttpLocation | OwnLocation | BadLocation)
    if isinstance(location, HttpLocation):
        assert location.url.isascii()
        assert found(location.url) == location


@given(st.sampled_from(BASES), keys)
def test_a_link_gives_its_key_back_and_is_never_a_source(base: str, key: str) -> None:
    links = LinkBuilder(base, "customer-files")
    url = links.link_for(key)
    assert set(url.removeprefix(base)) <= set(string.ascii_letters + string.digits + "-._~/%")
    assert links.key_of(url) == key
    assert locate(url, links=links, source_buckets=[SOURCE]) == OwnLocation(key)


@given(st.sampled_from(BASES), keys)
def test_every_s3_form_of_the_destination_is_our_own(base: str, key: str) -> None:
    links = LinkBuilder(base, "customer-files")
    for url in [*https_forms("customer-files", quote(key)), f"https://s3.amazonaws.com/customer-files/{quote(key)}?{SIGNED}"]:
        assert locate(url, links=links, source_buckets=[SOURCE]) == OwnLocation(key), url
    assert links.key_of("s3://customer-files/a%20b?c") == "a%20b?c"


@given(st.sampled_from(BASES), buckets, keys)
def test_an_object_of_another_bucket_is_not_our_own(base: str, bucket: str, key: str) -> None:
    links = LinkBuilder(base, "customer-files")
    assert not any(links.key_of(url) for url in https_forms(bucket, quote(key)))


@pytest.mark.parametrize(
    "url", ["https://files.example.com", "https://files.example.com/", "https://files.example.com.evil.example/a", "nonsense", ""]
)
def test_a_url_without_our_key_is_not_our_own(url: str) -> None:
    assert LinkBuilder("https://files.example.com", "customer-files").key_of(url) is None


def test_our_own_domain_is_recognised_however_it_is_written() -> None:
    links = LinkBuilder("https://files.example.com", "customer-files")
    for url in ["HTTPS://FILES.example.com:443/a%20b", " https://files.example.com/a b?x=1#y ", "http://files.example.com/a+b"]:
        assert links.key_of(url) == "a b", url


@pytest.mark.parametrize(
    ("bucket", "region", "base"),
    [
        ("files", "us-east-1", "https://files.s3.us-east-1.amazonaws.com"),
        ("files", "cn-north-1", "https://files.s3.cn-north-1.amazonaws.com.cn"),
        ("my.files", "eu-west-1", "https://s3.eu-west-1.amazonaws.com/my.files"),
    ],
)
def test_a_bucket_has_its_regional_link(bucket: str, region: str, base: str) -> None:
    assert LinkBuilder.for_bucket(bucket, region).base == base


def test_the_path_of_a_location_is_decoded() -> None:
    assert path_of(S3Location("b", "docs/a b.pdf")) == "docs/a b.pdf"
    assert path_of(HttpLocation("https://example.com/docs/a%20b.pdf?x=/y")) == "docs/a b.pdf"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://b.s3.amazonaws.com/a.pdf?versionId=3", "https://b.s3.amazonaws.com/a.pdf?versionId=3"),
        ("https://h/a?x-amz-signature=abc&x=1", "https://h/a?x-amz-signature=***&x=1"),
        ("https://h/a?AWSAccessKeyId=AKIA&Expires=1&Signature=s", "https://h/a?AWSAccessKeyId=***&Expires=1&Signature=***"),
        ("https://h/a?X%2DAmz%2DSecurity%2DToken=abc", "https://h/a?X%2DAmz%2DSecurity%2DToken=***"),
        ("https://h/a?sig=abc;code=abc", "https://h/a?sig=***;code=***"),
        ("https://h/a?next=https%3A%2F%2Fh%3FX-Amz-Signature%3Dabc", "https://h/a?next=***"),
        ("https://h/a%3FX-Amz-Signature%3Dabc", "https://h/a%3FX-Amz-Signature%3D***"),
        ("https://h/a?" + "z" * 60, "https://h/a?***"),
        ("https://h/a#access_token=abc", "https://h/a#***"),
        ("https://u:p@h/a@b", "https://***@h/a@b"),
        ("//u:p@h/a", "//***@h/a"),
        ("u:p@h/a", "***@h/a"),
        ("https://h/a#top", "https://h/a#top"),
        ("", ""),
    ],
)
def test_a_masked_url_shows_what_it_names_and_no_secret(url: str, shown: str) -> None:
    assert mask(url) == shown


SECRETS = ["X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "Signature", "AWSAccessKeyId", "sig", "api_token"]


@given(st.text(alphabet=st.characters(exclude_characters="#")), st.sampled_from(SECRETS), st.uuids(), st.text())
def test_no_signature_survives_masking(front: str, name: str, secret: object, tail: str) -> None:
    assert str(secret) not in mask(f"{front}?{name}={secret}&{tail}")
    assert str(secret) not in mask(f"https://user:{secret}@example.com/{front}")


@given(st.text())
def test_masking_takes_any_text_and_once_is_enough(anything: str) -> None:
    assert mask(mask(anything)) == mask(anything)


def test_links_within_a_message_are_masked_and_the_rest_of_it_stays() -> None:
    told = mask_in(
        f"Link: data value too large: https://h/a?{SIGNED} (max length=255). See s3://bucket/key and user@example.com."
    )
    assert "0a1b2c" not in told
    assert "AKIAX" not in told
    assert told.startswith("Link: data value too large: https://h/a?")
    assert told.endswith("(max length=255). See s3://bucket/key and user@example.com.")
