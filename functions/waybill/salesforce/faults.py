"""What Salesforce refuses: its error codes, which of them pass, and which of Waybill's errors each becomes."""

import json
from dataclasses import dataclass

from waybill.errors import (
    SalesforceDenied,
    SalesforceError,
    SalesforceQueryTooLarge,
    SalesforceQuotaExhausted,
    SalesforceRequestInvalid,
    SalesforceUnavailable,
)

QUOTA = "REQUEST_LIMIT_EXCEEDED"
PRECONDITION_FAILED = "PRECONDITION_FAILED"
EXPIRED = 401
_FORBIDDEN = 403
_PRECONDITION = 412
TRANSIENT_STATUS = frozenset({429, 500, 502, 503, 504})
_LOCK = "UNABLE_TO_LOCK_ROW"
_TRANSIENT = frozenset({_LOCK, "API_TEMPORARILY_UNAVAILABLE", "SERVER_UNAVAILABLE"})
# A trigger or flow that ran into a lock hides the lock's code in its message.
_WRAPPERS = frozenset({"CANNOT_EXECUTE_FLOW_TRIGGER", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"})
_TOO_LARGE = frozenset({"QUERY_TIMEOUT", "QUERY_TOO_COMPLICATED"})
_INVALID = frozenset({"INVALID_FIELD", "INVALID_TYPE", "MALFORMED_QUERY"})
_MESSAGE_LENGTH = 600


@dataclass(frozen=True, slots=True)
class OrgFault:
    """One error of a reply. `code` is empty where the reply named none."""

    code: str
    message: str
    status: int

    @property
    def transient(self) -> bool:
        return is_transient(self.code, self.message) or (self.status in TRANSIENT_STATUS and not self.lasting)

    @property
    def lasting(self) -> bool:
        """The code says that a repeat is of no use, whatever the HTTP status."""
        return self.code == QUOTA or self.code in _TOO_LARGE or self.code in _INVALID


class OrgRefusal(Exception):
    """Carries a fault to the border of this package; it never crosses it."""

    def __init__(self, fault: OrgFault) -> None:
        super().__init__(fault.code)
        self.fault = fault


def is_transient(code: str, message: str) -> bool:
    """True if the same request may well succeed a little later."""
    return code in _TRANSIENT or (code in _WRAPPERS and _LOCK in message)


def fault_of(status: int, content: object) -> OrgFault:
    """The first error of a reply's body: parsed JSON, or the text that it was."""
    if isinstance(content, bytes | str):
        content = _parsed(content)
    first = content[0] if isinstance(content, list) and content else content
    if isinstance(first, dict):
        code = str(first.get("errorCode") or first.get("statusCode") or first.get("error") or "")
        message = str(first.get("message") or first.get("error_description") or "")
    else:
        code, message = "", first if isinstance(first, str) else ""
    # The identity service names an expired token in plain text, and calls it 403.
    if status == _FORBIDDEN and message.startswith(("Bad_OAuth_Token", "Missing_OAuth_Token")):
        status = EXPIRED
    if status == _PRECONDITION:
        code = PRECONDITION_FAILED
    if message.startswith("<"):
        message = "It answered with a page instead of JSON."
    return OrgFault(code, message[:_MESSAGE_LENGTH], status)


def _parsed(content: bytes | str) -> object:
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.strip()


def error_of(fault: OrgFault, *, action: str) -> SalesforceError:
    """Waybill's error for a fault: the org's own words, then what to do. `action` says what was asked, without values."""
    code = fault.code
    told = f"Salesforce refused to {action}: {code or f'HTTP {fault.status}'}"
    told += f": {fault.message}" if fault.message else "."
    told = told if told.endswith((".", "!", "?")) else told + "."
    if code == QUOTA:
        return SalesforceQuotaExhausted(
            f"{told} Wait until calls of the last 24 hours have aged, or have the limit raised; then resume."
        )
    if code in _TOO_LARGE:
        return SalesforceQueryTooLarge(
            f"{told} Ask for less: fewer accounts at a time, or an index on the fields of the condition."
        )
    if code in _INVALID:
        return SalesforceRequestInvalid(
            f"{told} Check the object and field names in the configuration, and that the user may see them (field-level security)."
        )
    if code.startswith(("INSUFFICIENT_ACCESS", "API_DISABLED")):
        return SalesforceDenied(f"{told} Assign Waybill's permission set to the user, and see that API access is enabled for it.")
    if fault.transient:
        return SalesforceUnavailable(f"{told} It was tried several times. Try again later, and look at status.salesforce.com.")
    return SalesforceError(f"{told} Look the code up in Salesforce's list of status codes.")
