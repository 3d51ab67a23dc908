"""EventBridge by signed requests of our own, under boto3's name: each task puts events, and few would load boto3 but for that."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from waybill.aws.caller import Caller, Patience
from waybill.aws.places import elsewhere, regional
from waybill.aws.signing import Keys, Signer
from waybill.aws.transport import Origin, Sender
from waybill.aws.wire import Reply
from waybill.counting import count
from waybill.errors import ServiceUnavailable

ATTEMPTS = 2
_HEADERS = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AWSEvents.PutEvents"}


class EventsRefused(Exception):
    """EventBridge will not take the events, however often it is asked."""


class EventBus:
    """The default bus. Thread-safe. What it is told is worth little: it is asked twice, no more."""

    def __init__(
        self,
        *,
        region: str,
        credentials: Callable[[], Keys],
        sender: Sender,
        patience: Patience | None = None,
        origin: Origin | None = None,
    ) -> None:
        self._origin = origin or elsewhere("eventbridge") or regional("events", region)
        self._caller = Caller(
            signer=Signer(service="events", region=region),
            credentials=credentials,
            sender=sender,
            patience=patience or Patience(ATTEMPTS),
        )

    def put_events(self, *, Entries: Sequence[Mapping[str, str]]) -> None:  # noqa: N803 - boto3's name
        """Raises ServiceUnavailable, also where an entry was not taken, and EventsRefused."""
        body = json.dumps({"Entries": Entries}).encode()
        self._caller.call(
            self._origin,
            "POST",
            "/",
            headers=_HEADERS,
            body=body,
            payload=hashlib.sha256(body).hexdigest(),
            judge=_fault,
            each=lambda: count("events PutEvents"),
        )


def _fault(reply: Reply) -> Exception | None:
    document: Any
    try:
        document = json.loads(reply.body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return ServiceUnavailable(f"EventBridge: the reply is no JSON object ({reply.status})")
    if reply.status == 200:  # noqa: PLR2004 - HTTP's own number
        left = document.get("FailedEntryCount", 0)
        return ServiceUnavailable(f"EventBridge: {left} events were not taken") if left else None
    code = str(document.get("__type", "")).rpartition("#")[2]
    if reply.status >= 500 or reply.status == 429 or "Throttling" in code:  # noqa: PLR2004
        return ServiceUnavailable(f"EventBridge: {code} ({reply.status})")
    return EventsRefused(f"EventBridge: {code}: {document.get('message') or document.get('Message') or ''} ({reply.status})")
