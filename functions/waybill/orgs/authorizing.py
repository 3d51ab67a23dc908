"""A person lets Waybill into an org by browser: begun and ended by the same user of the API, once, within minutes."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from waybill.clock import iso, parse_iso
from waybill.errors import InvalidInput
from waybill.orgs.connections import Connection
from waybill.orgs.secrets import OrgSecrets
from waybill.salesforce.oauth import authorize_url
from waybill.table import ConditionFailed, Table

_PK: Final = "ORGS#AUTHORIZATION"
LIFETIME: Final = timedelta(minutes=10)
# The other half of PKCE waits beside the credentials, until the browser comes back.
VERIFIER: Final = "verifier"
_OVER = "This authorisation is not, or no longer, under way: begin it anew with `waybill orgs login`."


@dataclass(frozen=True, slots=True)
class Returned:
    """What the code is to be redeemed with."""

    verifier: str
    redirect_uri: str


class Authorizations:
    """One at a time for each org: a new one ends the one before."""

    def __init__(self, table: Table, *, org_secrets: OrgSecrets) -> None:
        self._table = table
        self._secrets = org_secrets

    def begin(self, org: Connection, *, subject: str, redirect_uri: str, now: datetime) -> str:
        """Where to send the browser of the user `subject`."""
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
        credentials = self._secrets.read(org.name)
        self._secrets.write(org.name, {**credentials, VERIFIER: verifier})
        waiting = {"state": _digest(state), "subject": subject, "redirect_uri": redirect_uri, "until": iso(now + LIFETIME)}
        self._table.put({"pk": _PK, "sk": org.name, **waiting, "used": False})
        client_id = credentials["client_id"]
        return authorize_url(org.login_url, client_id=client_id, redirect_uri=redirect_uri, state=state, verifier=verifier)

    def end(self, org: Connection, *, subject: str, state: str, now: datetime) -> Returned:
        """Good once: whoever comes second, comes late, or is another user, is refused with InvalidInput."""
        waiting = self._table.get(_PK, org.name)
        if waiting is None or waiting["used"] or parse_iso(waiting["until"]) < now or waiting["subject"] != subject:
            raise InvalidInput(_OVER)
        if not hmac.compare_digest(waiting["state"], _digest(state)):
            raise InvalidInput(_OVER)
        values = {":yes": True, ":no": False, ":state": waiting["state"]}
        try:
            self._table.update(
                _PK,
                org.name,
                expression="SET used = :yes",
                names={"#state": "state"},
                values=values,
                condition="used = :no AND #state = :state",
            )
        except ConditionFailed:
            raise InvalidInput(_OVER) from None
        verifier = self._secrets.read(org.name).get(VERIFIER, "")
        return Returned(verifier, waiting["redirect_uri"])

    def forget(self, org: str) -> None:
        self._table.delete(_PK, org)


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
