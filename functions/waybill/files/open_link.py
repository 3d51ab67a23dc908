"""The link gateway's Lambda handler: a link in, a redirection to a short-lived URL of the file out. Behind CloudFront."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from waybill.errors import WaybillError
from waybill.files import linking, pages
from waybill.files.gate import Admission, Ledger, Verdict, admit, disposition
from waybill.files.pages import HEADERS, Page
from waybill.settings import GatewayEnvironment
from waybill.telemetry import emit, logger

# Set by CloudFront, whatever the viewer has sent: address and port of the viewer.
VIEWER = "cloudfront-viewer-address"
_PAGES = {Verdict.UNKNOWN: pages.UNKNOWN, Verdict.REVOKED: pages.REVOKED, Verdict.GONE: pages.GONE}
_METRICS = {Verdict.OPENED: "LinksOpened"}
_LONGEST = 200

Event = Mapping[str, Any]  # of a function URL: payload format 2.0
Reply = dict[str, Any]
# Method, key and disposition -> a URL that carries the right to this one request for some minutes.
Presign = Callable[[str, str, str], str]


def handler(event: dict[str, Any], context: Any) -> Reply:
    """One request."""
    environment = GatewayEnvironment.from_env()
    try:
        gate = Gate(
            key_of=linking.keyring(environment, environment.link_key).key,
            ledger=linking.store(environment),
            presign=linking.presigner(environment.config.destination, environment.destination_bucket),
        )
        reply, admission = gate.answer(event)
    except WaybillError as error:
        logger.error(
            "link not answered", extra={"error": type(error).__name__, "reason": str(error), "request_id": context.aws_request_id}
        )
        emit({"LinksFailed": 1}, kind="links", stage=environment.stage)
        return page(pages.UNAVAILABLE, **{"retry-after": "30"})
    if admission is not None:
        tell(event, admission, request_id=context.aws_request_id)
        emit({_METRICS.get(admission.verdict, "LinksRefused"): 1}, kind="links", stage=environment.stage)
    return reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Answers requests. Everything is handed in."""

    key_of: Callable[[int], bytes | None]
    ledger: Ledger
    presign: Presign

    def answer(self, event: Event) -> tuple[Reply, Admission | None]:
        """The reply, and what there is to tell of it. Raises LinkKeyGone, ServiceUnavailable."""
        method = str(event["requestContext"]["http"]["method"])
        if method not in {"GET", "HEAD"}:
            return page(pages.NOT_ALLOWED, allow="GET, HEAD"), None
        admission = admit(str(event.get("rawPath") or ""), key_of=self.key_of, ledger=self.ledger)
        file = admission.file
        if file is None:
            return page(_PAGES[admission.verdict]), admission
        url = self.presign(method, file.key or "", disposition(file))
        return {"statusCode": 302, "headers": {**HEADERS, "location": url}, "body": ""}, admission


def page(shown: Page, **headers: str) -> Reply:
    return {
        "statusCode": int(shown.status),
        "headers": {**HEADERS, "content-type": "text/html; charset=utf-8", **headers},
        "body": shown.html,
    }


def tell(event: Event, admission: Admission, *, request_id: str) -> None:
    """Logs an opening or a refusal: who, what, and never the link itself."""
    headers = event.get("headers") or {}
    fields: dict[str, object] = {
        "verdict": admission.verdict,
        "why": admission.why,
        "method": event["requestContext"]["http"]["method"],
        "viewer": str(headers.get(VIEWER, ""))[:_LONGEST],
        "agent": str(headers.get("user-agent", ""))[:_LONGEST],
        "request_id": request_id,
    }
    if admission.ticket is not None:
        ticket = admission.ticket
        fields |= {"account_id": ticket.account_id, "entry_id": ticket.entry_id, "version": ticket.version}
    if admission.file is not None:
        fields |= {"file_account_id": admission.file.account_id, "size": admission.file.size}
    logger.info("link opened" if admission.file else "link refused", extra=fields)
