"""EventBridge by signed requests of our own, under boto3's name: each task puts events, and few would load boto3 but for that."""

import json
from collections.abc import Mapping, Sequence

from waybill.aws.json_service import JsonService, Protocol, Refusal, document_of
from waybill.aws.wire import Reply
from waybill.errors import ServiceUnavailable

_THROTTLED = frozenset({"ThrottlingException"})


class EventsRefused(Exception):
    """EventBridge will not take the events, however often it is asked."""


class EventBus(JsonService):
    """The default bus. Thread-safe. What it is told is worth little: it is asked twice, no more."""

    PROTOCOL = Protocol("events", "AWSEvents", "1.1", endpoint="eventbridge")
    ATTEMPTS = 2

    def put_events(self, *, Entries: Sequence[Mapping[str, str]]) -> None:  # noqa: N803 - boto3's name
        """Raises ServiceUnavailable, also where an entry was not taken, and EventsRefused."""
        self._send("PutEvents", json.dumps({"Entries": Entries}).encode(), judge=_fault)


def _fault(reply: Reply) -> Exception | None:
    if reply.status == 200:  # noqa: PLR2004 - HTTP's own number
        document = document_of(reply)
        if document is None:
            return ServiceUnavailable("EventBridge: the reply is no JSON object")
        left = document.get("FailedEntryCount", 0)
        return ServiceUnavailable(f"EventBridge: {left} events were not taken") if left else None
    refusal = Refusal.of(reply)
    said = f"EventBridge: {refusal.code}: {refusal.message}"
    return refusal.passing(said, throttled=_THROTTLED) or EventsRefused(f"{said} ({reply.status})")
