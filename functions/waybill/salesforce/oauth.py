"""The authorisation flow: a person lets Waybill into an org by browser, and a refresh token is what Waybill keeps of it.

RFC 6749 with PKCE (RFC 7636). The token is a secret as much as a password is: it never reaches a message or a log.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from waybill.errors import InvalidInput
from waybill.salesforce.usage import Kind

if TYPE_CHECKING:
    from requests import Response

    from waybill.salesforce.transport import SalesforceSession

# What Waybill asks for: the API, and to come back without the person.
SCOPES = "api refresh_token openid"
_SHORTEST_VERIFIER = 43


@dataclass(frozen=True, slots=True)
class Grant:
    """What the org gives for a code or a refresh token. `refresh_token` is empty where the one that was sent stays good."""

    access_token: str = field(repr=False)
    # The org's host.
    instance: str
    refresh_token: str = field(default="", repr=False)


def authorize_url(login_url: str, *, client_id: str, redirect_uri: str, state: str, verifier: str) -> str:
    """Where to send the person's browser. `state` comes back with the code: compare it. `verifier`: 43 random characters or more."""
    if len(verifier) < _SHORTEST_VERIFIER or not state:
        raise InvalidInput("An authorisation needs a state, and a verifier of at least 43 characters.")
    wanted = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": SCOPES,
        "state": state,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    return f"{login_url.rstrip('/')}/services/oauth2/authorize?{urlencode(wanted)}"


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def token_request(secret: Mapping[str, str], **grant: str) -> dict[str, str]:
    """The form of a call to the token endpoint. A public app has no client_secret."""
    client = {name: secret[name] for name in ("client_id", "client_secret") if secret.get(name)}
    return {**grant, **client}


def ask(session: "SalesforceSession", login_url: str, form: Mapping[str, str], *, repeatable: bool) -> "Response":
    """One call to the token endpoint. A code is good for one try only."""
    url = f"{login_url.rstrip('/')}/services/oauth2/token"
    return session.request("POST", url, data=dict(form), kind=Kind.LOGIN, repeatable=repeatable)


def granted(reply: Any) -> Grant:  # Any: JSON
    """Raises KeyError, TypeError for a reply that is no grant."""
    return Grant(
        access_token=str(reply["access_token"]),
        instance=urlsplit(str(reply["instance_url"])).netloc,
        refresh_token=str(reply.get("refresh_token") or ""),
    )
