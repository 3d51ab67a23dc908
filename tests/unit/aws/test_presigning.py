"""URLs that open an object for some minutes: what botocore would sign, for every key and name."""

from collections.abc import Mapping
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.aws.test_signing import MOMENT, keys, secrets, tokens
from waybill.aws.presigning import Presigner
from waybill.aws.signing import Keys, quoted_path, quoted_query


def presigner(mine: Keys, bucket: str = "docs", endpoint: str | None = None) -> Presigner:
    return Presigner(
        bucket=bucket, region="eu-central-1", seconds=300, credentials=lambda: mine, endpoint=endpoint, clock=MOMENT.timestamp
    )


def parameters(url: str) -> Mapping[str, list[str]]:
    return parse_qs(urlsplit(url).query, keep_blank_values=True)


@settings(deadline=None, max_examples=50)
@given(key=keys, name=keys, secret=secrets, token=tokens, method=st.sampled_from(["GET", "HEAD"]))
def test_a_url_is_signed_as_botocore_signs_it(key: str, name: str, secret: str, token: str | None, method: str) -> None:
    url = presigner(Keys("AKIAEXAMPLE", secret, token))(method, key, name)
    plain = f"https://docs.s3.eu-central-1.amazonaws.com/{quoted_path(key)}?" + quoted_query(
        {"response-content-disposition": name}
    )
    request = AWSRequest(method=method, url=plain)
    with patch("botocore.auth.get_current_datetime", return_value=MOMENT):
        S3SigV4QueryAuth(Credentials("AKIAEXAMPLE", secret, token), "s3", "eu-central-1", expires=300).add_auth(request)
    assert parameters(url) == parameters(str(request.url))
    assert urlsplit(url).path == urlsplit(str(request.url)).path


@pytest.mark.parametrize(
    ("bucket", "endpoint", "front"),
    [
        ("docs", None, "https://docs.s3.eu-central-1.amazonaws.com/a/b.pdf?"),
        ("docs.example.com", None, "https://s3.eu-central-1.amazonaws.com/docs.example.com/a/b.pdf?"),
        ("docs", "http://127.0.0.1:4566", "http://127.0.0.1:4566/docs/a/b.pdf?"),
    ],
)
def test_the_address_is_one_that_answers_for_the_bucket(bucket: str, endpoint: str | None, front: str) -> None:
    assert presigner(Keys("AKIAEXAMPLE", "s3cret"), bucket, endpoint)("GET", "a/b.pdf", "inline").startswith(front)
