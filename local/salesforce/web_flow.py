"""The authorisation flow, by which a browser lets an app in: codes, PKCE and refresh tokens. The simulated user says yes."""

import base64
import hashlib
import secrets
import threading
from dataclasses import dataclass
from urllib.parse import urlencode

from local.salesforce.messages import Reply, Request

Refusal = tuple[str, str]


@dataclass(frozen=True)
class _Code:
    redirect_uri: str
    challenge: str


class WebFlow:
    """What was given out and not used up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes: dict[str, _Code] = {}
        self._refresh_tokens: set[str] = set()

    def authorize(self, request: Request, client_id: str) -> Reply:
        """Sends the browser back with a code."""
        asked = request.query
        if asked.get("client_id") != client_id or asked.get("response_type") != "code" or not asked.get("redirect_uri"):
            return Reply(400, {"error": "invalid_request", "error_description": "client_id, response_type or redirect_uri"})
        if asked.get("code_challenge_method", "S256") != "S256":
            return Reply(400, {"error": "invalid_request", "error_description": "code_challenge_method is S256"})
        code = secrets.token_urlsafe(32)
        with self._lock:
            self._codes[code] = _Code(asked["redirect_uri"], asked.get("code_challenge", ""))
        back = {"code": code} | ({"state": asked["state"]} if "state" in asked else {})
        join = "&" if "?" in asked["redirect_uri"] else "?"
        return Reply(302, "", {"Location": f"{asked['redirect_uri']}{join}{urlencode(back)}"})

    def wrong_code(self, form: dict[str, str]) -> Refusal | None:
        """A code is good once, whatever comes of it."""
        with self._lock:
            code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.redirect_uri != form.get("redirect_uri"):
            return "invalid_grant", "invalid authorization code"
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if code.challenge and base64.urlsafe_b64encode(digest).decode().rstrip("=") != code.challenge:
            return "invalid_grant", "invalid code verifier"
        return None

    def new_refresh_token(self) -> str:
        token = f"5Aep861.{secrets.token_urlsafe(48)}"
        with self._lock:
            self._refresh_tokens.add(token)
        return token

    def wrong_refresh_token(self, token: str) -> Refusal | None:
        with self._lock:
            return None if token in self._refresh_tokens else ("invalid_grant", "expired access/refresh token")

    def revoke(self, request: Request) -> Reply:
        token = request.form.get("token", "")
        with self._lock:
            known = token in self._refresh_tokens
            self._refresh_tokens.discard(token)
        return Reply(200) if known else Reply(400, {"error": "unsupported_token_type", "error_description": "invalid token"})
