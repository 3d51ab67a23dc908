"""AWS's services that take and give JSON: each call a signed POST, and what their refusals have in common."""

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from waybill.aws.caller import Caller, ClockSkewed, Patience
from waybill.aws.places import elsewhere, regional
from waybill.aws.signing import Keys, Signer
from waybill.aws.transport import Origin, Sender
from waybill.aws.wire import Reply
from waybill.counting import count
from waybill.errors import ServiceUnavailable

Judge = Callable[[Reply], Exception | None]
_SKEWED = ("Signature expired", "Signature not yet current")


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a service is spoken to. `service`: as signatures and counts name it; `target`: before the operation, in the header;
    `endpoint`: how AWS_ENDPOINT_URL_... calls it."""

    service: str
    target: str
    version: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a reply says that is no success. `code` and `message` are empty where it does not say."""

    status: int
    code: str
    message: str
    document: dict[str, Any]

    @classmethod
    def of(cls, reply: Reply) -> Self:
        document = document_of(reply) or {}
        code = str(document.get("__type", "")).rpartition("#")[2]
        return cls(reply.status, code, str(document.get("message") or document.get("Message") or ""), document)

    def passing(self, said: str, *, throttled: Collection[str]) -> Exception | None:
        """The error of what may be tried again, in the words `said`; None for what may not. `throttled`: codes of a busy service."""
        if self.code in throttled or self.status >= 500 or self.status == 429:  # noqa: PLR2004 - HTTP's own numbers
            return ServiceUnavailable(f"{said} ({self.status})")
        if self.code == "RequestTimeTooSkewed" or self.message.startswith(_SKEWED):
            return ClockSkewed(said)
        return None


class JsonService:
    """One service in one region; each is a class of its own. A call is tried ATTEMPTS times, where `patience` says nothing else. Thread-safe."""

    PROTOCOL: ClassVar[Protocol]
    ATTEMPTS: ClassVar[int]

    def __init__(
        self,
        *,
        region: str,
        credentials: Callable[[], Keys],
        sender: Sender,
        patience: Patience | None = None,
        origin: Origin | None = None,
    ) -> None:
        protocol = self.PROTOCOL
        self._origin = origin or elsewhere(protocol.endpoint) or regional(protocol.service, region)
        self._caller = Caller(
            signer=Signer(service=protocol.service, region=region),
            credentials=credentials,
            sender=sender,
            patience=patience or Patience(self.ATTEMPTS),
        )

    def _send(self, operation: str, body: bytes, *, judge: Judge) -> Reply:
        """The reply, which `judge` finds no fault with. Raises what it finds, and ServiceUnavailable."""
        protocol, kind = self.PROTOCOL, f"{self.PROTOCOL.service} {operation}"
        return self._caller.call(
            self._origin,
            "POST",
            "/",
            headers={
                "content-type": f"application/x-amz-json-{protocol.version}",
                "x-amz-target": f"{protocol.target}.{operation}",
            },
            body=body,
            payload=hashlib.sha256(body).hexdigest(),
            judge=judge,
            each=lambda: count(kind),
        )


def document_of(reply: Reply) -> dict[str, Any] | None:
    """The reply's JSON object; None where it is none."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
