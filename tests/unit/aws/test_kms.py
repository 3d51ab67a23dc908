"""Data keys of KMS: made wrapped, unwrapped under the same context alone, and every refusal told as ours."""

import json
from collections.abc import Iterator

import boto3
import pytest

from local.aws.endpoint import Endpoint
from local.aws.transport import InProcess
from tests.fakes.sender import FakeSender
from waybill.aws.caller import Patience
from waybill.aws.kms import KeyManagement
from waybill.aws.signing import Keys
from waybill.aws.wire import Reply
from waybill.errors import LinkKeyGone, ServiceUnavailable

CONTEXT = {"waybill:stage": "test", "waybill:link-key": "1"}
MINE = Keys("AKIAEXAMPLE", "s3cret")
AT_ONCE = Patience(3, sleep=lambda _: None)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    made.start()
    yield made
    made.stop()


def test_a_key_is_unwrapped_under_its_own_context_alone(endpoint: Endpoint) -> None:
    arn = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    kms = KeyManagement(region="us-east-1", credentials=lambda: MINE, sender=InProcess(endpoint.dispatcher))
    wrapped = kms.new_key(arn, context=CONTEXT)
    assert len(kms.unwrapped(wrapped, key_arn=arn, context=CONTEXT)) == 32
    with pytest.raises(LinkKeyGone):
        kms.unwrapped(wrapped, key_arn=arn, context={**CONTEXT, "waybill:link-key": "2"})


def answered(*answers: tuple[int, str]) -> tuple[KeyManagement, FakeSender]:
    replies = [
        Reply(status, {}, json.dumps({"__type": f"com.amazonaws.kms#{code}"} if code else {"Plaintext": "a2V5"}).encode())
        for status, code in answers
    ]
    sender = FakeSender(list(replies))
    return KeyManagement(region="us-east-1", credentials=lambda: MINE, sender=sender, patience=AT_ONCE), sender


def test_a_busy_kms_is_asked_again_and_one_that_refuses_is_not() -> None:
    busy, sent = answered((400, "ThrottlingException"), (500, ""), (200, ""))
    assert busy.unwrapped("d3JhcHBlZA==", key_arn="arn:1", context=CONTEXT) == b"key"
    assert len(sent.sent) == 3
    assert sent.sent[0].headers["x-amz-target"] == "TrentService.Decrypt"
    for code in ("DisabledException", "KMSInvalidStateException", "AccessDeniedException", "InvalidCiphertextException"):
        gone, sent = answered((400, code))
        with pytest.raises(LinkKeyGone, match=code):
            gone.unwrapped("d3JhcHBlZA==", key_arn="arn:1", context=CONTEXT)
        assert len(sent.sent) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"Plaintext": 7}', b'{"Plaintext": "?"}'])
def test_a_reply_without_a_key_is_none(body: bytes) -> None:
    kms = KeyManagement(region="us-east-1", credentials=lambda: MINE, sender=FakeSender([Reply(200, {}, body)]), patience=AT_ONCE)
    with pytest.raises(ServiceUnavailable):
        kms.unwrapped("d3JhcHBlZA==", key_arn="arn:1", context=CONTEXT)
