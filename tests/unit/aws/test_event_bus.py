"""EventBridge's answers as a task sees them, which fails by none of them."""

import json

import pytest

from tests.fakes.sender import FakeSender
from waybill.aws.caller import Patience
from waybill.aws.credentials import fixed
from waybill.aws.event_bus import EventBus, EventsRefused
from waybill.aws.signing import Keys
from waybill.aws.transport import NoReply, Origin
from waybill.aws.wire import Reply
from waybill.counting import counting
from waybill.errors import ServiceUnavailable

FINE = Reply(200, {}, b'{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}')
ENTRY = {"Source": "waybill.dev", "DetailType": "Run Moved", "Detail": "{}"}


def bus(sender: FakeSender) -> EventBus:
    patience = Patience(2, sleep=lambda _: None, chance=lambda: 0.0)
    origin = Origin("https", "events.us-east-1.amazonaws.com")
    return EventBus(region="us-east-1", credentials=fixed(Keys("A", "s")), sender=sender, patience=patience, origin=origin)


def refusal(code: str, status: int = 400) -> Reply:
    return Reply(status, {}, json.dumps({"__type": f"com.amazonaws.events#{code}", "message": "no"}).encode())


def test_an_event_is_one_signed_request_which_is_counted() -> None:
    sender = FakeSender([FINE])
    with counting() as requests:
        bus(sender).put_events(Entries=[ENTRY])
    (sent,) = sender.sent
    assert (sent.method, sent.target, sent.headers["x-amz-target"]) == ("POST", "/", "AWSEvents.PutEvents")
    assert "/us-east-1/events/aws4_request" in sent.headers["authorization"]
    assert json.loads(sent.body) == {"Entries": [ENTRY]}
    assert requests.counts == {"events PutEvents": 1}


@pytest.mark.parametrize(
    "trouble",
    [
        refusal("ThrottlingException"),
        refusal("InternalException", 500),
        Reply(503, {}, b"<html>busy</html>"),
        Reply(200, {}, b"{"),
        Reply(200, {}, b'{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}'),
        NoReply("silence"),
    ],
)
def test_what_may_pass_is_tried_once_more_and_no_more(trouble: Reply | NoReply) -> None:
    sender = FakeSender([trouble, FINE])
    bus(sender).put_events(Entries=[ENTRY])
    assert len(sender.sent) == 2

    sender = FakeSender([trouble])
    with pytest.raises(ServiceUnavailable):
        bus(sender).put_events(Entries=[ENTRY])
    assert len(sender.sent) == 2


def test_a_refusal_is_told_at_once_with_its_reason() -> None:
    sender = FakeSender([refusal("AccessDeniedException")])
    with pytest.raises(EventsRefused, match="AccessDeniedException: no"):
        bus(sender).put_events(Entries=[ENTRY])
    assert len(sender.sent) == 1
