"""Our signature is botocore's, byte for byte."""

import hashlib
from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import example, given, settings
from hypothesis import strategies as st

from waybill.aws.signing import EMPTY_SHA256, UNSIGNED_PAYLOAD, Keys, Signer, quoted_path, quoted_query

MOMENT = datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC)
STAMP = "20261121T123456Z"
HOST = "docs.s3.eu-central-1.amazonaws.com"

# What goes wrong in signers: spaces, plus, percent, tilde, doubled and leading slashes, dots, and what is not ASCII.
keys = st.text(
    st.one_of(st.sampled_from(" +%~/.&=?#'\"äß日本🎉()[]*!:@,;"), st.characters(codec="utf-8", exclude_categories=["Cs"])),
    min_size=1,
    max_size=40,
)
secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
tokens = st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80)
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


def botocores(
    auth: type[SigV4Auth], service: str, request: AWSRequest, *, keys: Keys, region: str = "eu-central-1", unsigned: bool = False
) -> dict[str, str]:
    """The headers that botocore would send."""
    if unsigned:
        request.context["payload_signing_enabled"] = False
        request.context["has_streaming_input"] = True
        request.context["checksum"] = {"request_algorithm": {"in": "header", "name": "x-amz-checksum-sha256"}}
        request.headers["x-amz-checksum-sha256"] = "x"
    credentials = Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    with patch("botocore.auth.get_current_datetime", return_value=MOMENT):
        auth(credentials, service, region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def ours(signer: Signer, sent: dict[str, str], method: str, path: str, *, query: str, keys: Keys, payload: str) -> str:
    headers = {name: value for name, value in sent.items() if name != "authorization"}
    return signer.authorization(keys, method, path, query=query, headers=headers, payload=payload, stamp=STAMP)


@settings(deadline=None)
@given(key=keys, source=keys, version=st.none() | keys, secret=secrets, token=tokens)
def test_a_copy_is_signed_as_botocore_signs_it(
    key: str, source: str, version: str | None, secret: str, token: str | None
) -> None:
    mine = Keys("AKIAEXAMPLE", secret, token)
    path = "/" + quoted_path(key)
    copy_source = "old/" + quoted_path(source) + (f"?versionId={quote(version, safe='')}" if version else "")
    headers = {"x-amz-copy-source": copy_source, "x-amz-copy-source-if-match": '"0a-2"', "if-none-match": "*"}
    request = AWSRequest("PUT", f"https://{HOST}{path}", headers=headers)
    sent = botocores(S3SigV4Auth, "s3", request, keys=mine)

    authorization = ours(
        Signer(service="s3", region="eu-central-1"), sent | {"host": HOST}, "PUT", path, query="", keys=mine, payload=EMPTY_SHA256
    )

    assert authorization == sent["authorization"]
    assert sent["x-amz-content-sha256"] == EMPTY_SHA256


@settings(deadline=None)
@example(parameters={"0": "0", "00": "0"}, bucket="docs", token=None)
@given(parameters=st.dictionaries(keys, keys, max_size=5), bucket=st.sampled_from(["docs", "docs.example.com"]), token=tokens)
def test_a_query_is_signed_as_botocore_signs_it(parameters: dict[str, str], bucket: str, token: str | None) -> None:
    mine = Keys("AKIAEXAMPLE", "secret", token)
    query = quoted_query(parameters)
    request = AWSRequest("GET", f"https://s3.eu-central-1.amazonaws.com/{bucket}?{query}")
    sent = botocores(S3SigV4Auth, "s3", request, keys=mine)

    authorization = ours(
        Signer(service="s3", region="eu-central-1"), sent | {"host": "s3.eu-central-1.amazonaws.com"}, "GET", f"/{bucket}",
        query=query, keys=mine, payload=EMPTY_SHA256,
    )  # fmt: skip

    assert authorization == sent["authorization"]


@settings(deadline=None)
@given(key=keys, body=st.binary(max_size=50), value=header_values, unsigned=st.booleans())
def test_a_put_is_signed_as_botocore_signs_it(key: str, body: bytes, value: str, unsigned: bool) -> None:
    mine = Keys("AKIAEXAMPLE", "secret", "token")
    path = "/" + quoted_path(key)
    request = AWSRequest("PUT", f"https://{HOST}{path}", data=body, headers={"x-amz-meta-a": value, "content-type": value})
    sent = botocores(S3SigV4Auth, "s3", request, keys=mine, unsigned=unsigned)

    payload = UNSIGNED_PAYLOAD if unsigned else hashlib.sha256(body).hexdigest()
    signer = Signer(service="s3", region="eu-central-1")

    assert sent["x-amz-content-sha256"] == payload
    assert ours(signer, sent | {"host": HOST}, "PUT", path, query="", keys=mine, payload=payload) == sent["authorization"]


@settings(deadline=None)
@given(body=st.binary(min_size=2, max_size=80), secret=secrets, token=tokens, region=st.sampled_from(["us-east-1", "cn-north-1"]))
def test_a_call_of_dynamodb_is_signed_as_botocore_signs_it(body: bytes, secret: str, token: str | None, region: str) -> None:
    mine = Keys("AKIAEXAMPLE", secret, token)
    host = f"dynamodb.{region}.amazonaws.com"
    headers = {"x-amz-target": "DynamoDB_20120810.PutItem", "content-type": "application/x-amz-json-1.0"}
    sent = botocores(
        SigV4Auth, "dynamodb", AWSRequest("POST", f"https://{host}/", data=body, headers=headers), keys=mine, region=region
    )

    signer = Signer(service="dynamodb", region=region)
    payload = hashlib.sha256(body).hexdigest()

    assert ours(signer, sent | {"host": host}, "POST", "/", query="", keys=mine, payload=payload) == sent["authorization"]


@pytest.mark.parametrize("key", ["a/../b", "//", "/lead", "./a", "a b+c%20d~.pdf", "Übung/日本.pdf"])
def test_a_path_is_quoted_as_botocore_quotes_a_key_and_nothing_of_it_is_folded(key: str) -> None:
    assert quoted_path(key) == quote(key.encode(), safe="/~")


def test_the_days_keys_are_derived_anew_when_the_day_or_the_secret_changes() -> None:
    signer = Signer(service="s3", region="us-east-1")

    def sign(secret: str, stamp: str) -> str:
        headers = {"host": HOST, "x-amz-date": stamp}
        keys = Keys("AKIA", secret)
        return signer.authorization(keys, "GET", "/", query="", headers=headers, payload=EMPTY_SHA256, stamp=stamp)

    first = sign("one", "20261121T000000Z")
    others = [sign(f"secret {n}", f"202611{n:02}T000000Z") for n in range(1, 21)]
    assert len({first, *others}) == 21
    assert sign("one", "20261121T000000Z") == first


def test_keys_do_not_show_their_secret() -> None:
    assert "secret" not in repr(Keys("AKIA", "secret", "secret-token"))
