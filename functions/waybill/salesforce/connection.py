"""One authenticated call: quota guard, token, simple-salesforce, and the org's refusals as faults."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from waybill.errors import SalesforceLoginFailed, SalesforceQuotaExhausted, SalesforceUnavailable
from waybill.salesforce.faults import EXPIRED, OrgRefusal, error_of, fault_of
from waybill.salesforce.token_cache import Token, TokenKeeper
from waybill.salesforce.usage import Kind, Meter, Usage

if TYPE_CHECKING:
    from requests import Response

    from waybill.salesforce.transport import Download, SalesforceSession

# A usage older than this many seconds is asked for anew before it parks a run: the 24 hours roll on.
_USAGE_IS_OLD = 60.0
_NO_CONTENT = 204


class Connection:
    """Calls REST resources by their path behind `/services/data/v66.0/`. Thread-safe."""

    def __init__(
        self, *, session: "SalesforceSession", tokens: TokenKeeper, meter: Meter, api_version: str, quota_guard: float
    ) -> None:
        self._session = session
        self._tokens = tokens
        self._version = api_version
        self._guard = quota_guard
        self.meter = meter
        self.base_path = f"/services/data/v{api_version}/"

    def call(
        self,
        method: str,
        path: str,
        *,
        kind: Kind,
        action: str,
        params: Mapping[str, str] | None = None,
        body: object = None,
        repeatable: bool = True,
    ) -> Any:  # Any: JSON
        """The reply's JSON. Raises the SalesforceError that fits; `action` completes "Salesforce refused to ..."."""
        try:
            return self.attempt(method, path, kind=kind, params=params, body=body, repeatable=repeatable)
        except OrgRefusal as refusal:
            raise error_of(refusal.fault, action=action) from None

    def attempt(
        self,
        method: str,
        path: str,
        *,
        kind: Kind,
        params: Mapping[str, str] | None = None,
        body: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
        trail: list[str] | None = None,
    ) -> Any:  # Any: JSON
        """The reply's JSON. Raises OrgRefusal, SalesforceUnavailable, SalesforceLoginFailed, SalesforceQuotaExhausted.

        `content` is sent as it is, in place of JSON; `headers` tell its type.
        """
        options: dict[str, Any] = {"kind": kind, "repeatable": repeatable, "trail": trail}
        options |= {name: value for name, value in (("params", params), ("json", body), ("data", content)) if value is not None}
        return _json_of(self._exchanged(method, path, headers=headers, options=options))

    @contextmanager
    def download(self, path: str, *, kind: Kind, action: str, params: Mapping[str, str] | None = None) -> "Iterator[Download]":
        """A reply in CSV, read as it comes. Raises as `call` does, also while it is read."""
        # It costs a tenth of a second: see transport.py.
        from waybill.salesforce.transport import Download

        options: dict[str, Any] = {"kind": kind, "repeatable": True, "stream": True, "params": dict(params or {})}
        try:
            response = self._exchanged("GET", path, headers={"Accept": "text/csv"}, options=options)
        except OrgRefusal as refusal:
            raise error_of(refusal.fault, action=action) from None
        with response:
            yield Download(response)

    def _exchanged(self, method: str, path: str, *, headers: Mapping[str, str] | None, options: dict[str, Any]) -> "Response":
        self._stay_below_quota(options["kind"])
        token = self._tokens.current()
        try:
            return self._send(token, method, path, headers=headers, options=options)
        except OrgRefusal as refusal:
            if refusal.fault.status != EXPIRED:
                raise
        token = self._tokens.renewed(stale=token)
        try:
            return self._send(token, method, path, headers=headers, options=options)
        except OrgRefusal as refusal:
            if refusal.fault.status != EXPIRED:
                raise
            raise SalesforceLoginFailed(
                f"Salesforce refuses the session of a fresh login: {refusal.fault.code}: {refusal.fault.message}. Check that the user "
                "may use the API, and the login IP ranges and session policy of its profile and of the connected app."
            ) from None

    def _send(
        self, token: Token, method: str, path: str, *, headers: Mapping[str, str] | None, options: dict[str, Any]
    ) -> "Response":
        # A quarter of a second: only who talks to Salesforce pays for it.
        from simple_salesforce.api import Salesforce
        from simple_salesforce.exceptions import SalesforceError as LibraryError
        from simple_salesforce.util import call_salesforce

        # With a session id it never logs in by itself: that is ours to do.
        org = Salesforce(session_id=token.value, instance=token.instance, session=self._session, version=self._version)
        root = f"https://{org.sf_instance}" if path.startswith("/") else org.base_url
        sent = {**org.headers, "X-PrettyPrint": "0", **(headers or {})}
        try:
            return call_salesforce(root + path, method, self._session, sent, **options)
        except LibraryError as error:
            raise OrgRefusal(fault_of(int(error.status), error.content)) from None

    def _stay_below_quota(self, kind: Kind) -> None:
        meter = self.meter
        if kind is Kind.LIMITS or meter.usage.share < self._guard:
            return
        if meter.usage_age > _USAGE_IS_OLD:
            # A container that was refused once would otherwise refuse for as long as it lives.
            self.read_usage()
        usage = meter.usage
        if usage.share >= self._guard:
            raise SalesforceQuotaExhausted(
                f"The org has used {usage.used} of its {usage.limit} API calls of 24 hours; Waybill stops at {self._guard:.0%} "
                "(quota_guard) so that others can work. Resume later, or raise quota_guard."
            )

    def read_usage(self) -> Usage:
        """Asks the org for its quota."""
        reply = self.call("GET", "limits/", kind=Kind.LIMITS, action="tell its limits")
        daily = reply.get("DailyApiRequests") if isinstance(reply, dict) else None
        if not isinstance(daily, dict):
            # The user may not see it; the header of the reply has told as well.
            return self.meter.usage
        usage = Usage(used=int(daily["Max"]) - int(daily["Remaining"]), limit=int(daily["Max"]))
        self.meter.learn(usage)
        return usage


def _json_of(response: "Response") -> Any:  # Any: JSON
    if response.status_code == _NO_CONTENT or not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        raise SalesforceUnavailable("Salesforce's reply was cut off. Try again later.") from None
