"""Logging in: client credentials, JWT bearer, codes and refresh tokens at the token endpoint; SOAP while the API still has it."""

import base64
import binascii
import re
import secrets
import threading
from html import escape, unescape
from urllib.parse import urlsplit

import jwt

from local.salesforce.messages import Reply, Request
from local.salesforce.org import Org
from local.salesforce.web_flow import WebFlow

_SOAP_GONE_FROM = 65
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_MOST_TOKENS = 1_000


class Sessions:
    """The connected app, its one user, and the tokens issued."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._lock = threading.Lock()
        self._tokens: dict[str, None] = {}
        self.web = WebFlow()
        self.url = ""
        self.instance_url: str | None = None
        self.client_id = "3MVG9.waybill.simulator"
        # Of a tool on the loopback that holds no data of value.
        self.client_secret = "simulator-secret"
        self.username = "waybill@example.com"
        self.password = "simulator-password"
        self.security_token = "simulatortoken"
        self.public_key: str | None = None

    def issue(self) -> str:
        token = f"{self._org.organization_id[:15]}!AQ.{secrets.token_urlsafe(48)}"
        with self._lock:
            self._tokens[token] = None
            while len(self._tokens) > _MOST_TOKENS:
                del self._tokens[next(iter(self._tokens))]
        return token

    def knows(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        with self._lock:
            return scheme in {"Bearer", "OAuth"} and token in self._tokens

    def expire_all(self) -> None:
        with self._lock:
            self._tokens.clear()

    # -- OAuth --------------------------------------------------------------------------------------------------------

    def token(self, request: Request) -> Reply:
        form = request.form
        given: dict[str, str] = {}
        match form.get("grant_type"):
            case "client_credentials":
                refusal = self._wrong_client(request, form)
            case "authorization_code":
                refusal = self._wrong_app(form) or self.web.wrong_code(form)
                given = {} if refusal else {"refresh_token": self.web.new_refresh_token()}
            case "refresh_token":
                refusal = self._wrong_app(form) or self.web.wrong_refresh_token(form.get("refresh_token", ""))
            case grant if grant == _JWT_GRANT:
                refusal = self._wrong_assertion(form.get("assertion", ""))
            case _:
                refusal = "unsupported_grant_type", "grant type not supported"
        if refusal:
            return Reply(400, {"error": refusal[0], "error_description": refusal[1]})
        instance = self.instance_url or self.url
        return Reply(
            200,
            {
                "access_token": self.issue(),
                **given,
                "signature": base64.b64encode(secrets.token_bytes(32)).decode(),
                "scope": "api id",
                "instance_url": instance,
                "id": f"{instance}/id/{self._org.organization_id}/{self._org.api_user_id}",
                "token_type": "Bearer",
                "issued_at": str(int(self._org.clock().timestamp() * 1000)),
            },
        )

    def _wrong_app(self, form: dict[str, str]) -> tuple[str, str] | None:
        """A public app has no secret to show."""
        if form.get("client_id") != self.client_id:
            return "invalid_client_id", "client identifier invalid"
        wrong = form.get("client_secret", self.client_secret) != self.client_secret
        return ("invalid_client", "invalid client credentials") if wrong else None

    def _wrong_client(self, request: Request, form: dict[str, str]) -> tuple[str, str] | None:
        client_id, secret = form.get("client_id"), form.get("client_secret")
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            try:
                client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return "invalid_client", "invalid client credentials"
        if client_id != self.client_id:
            return "invalid_client_id", "client identifier invalid"
        return None if secret == self.client_secret else ("invalid_client", "invalid client credentials")

    def _wrong_assertion(self, assertion: str) -> tuple[str, str] | None:
        """Its expiry is real time: the caller's library writes it by its own clock."""
        try:
            if self.public_key is None:
                claims = jwt.decode(assertion, options={"verify_signature": False, "verify_exp": True})
            else:
                options = {"verify_aud": False, "verify_iat": False}
                claims = jwt.decode(assertion, self.public_key, algorithms=["RS256"], options=options)  # type: ignore[arg-type]
        except jwt.ExpiredSignatureError:
            return "invalid_grant", "expired authorization code"
        except (jwt.InvalidTokenError, ValueError, TypeError):
            return "invalid_grant", "invalid assertion"
        if claims.get("iss") != self.client_id:
            return "invalid_client_id", "client identifier invalid"
        audience = str(claims.get("aud", ""))
        host = urlsplit(audience).hostname or ""
        if not (host.endswith(".salesforce.com") or audience == self.url):
            return "invalid_grant", "audience is invalid"
        return None if claims.get("sub") == self.username else ("invalid_grant", "user hasn't approved this consumer")

    def userinfo(self) -> Reply:
        user = self._org.get("User", self._org.api_user_id) or {}
        names = {"name": user.get("Name"), "given_name": user.get("FirstName"), "family_name": user.get("LastName")}
        ids = {"user_id": self._org.api_user_id, "organization_id": self._org.organization_id}
        subject = f"{self.url}/id/{self._org.organization_id}/{self._org.api_user_id}"
        rest = {"preferred_username": user.get("Username"), "email": user.get("Email"), "active": True, "user_type": "STANDARD"}
        return Reply(200, {"sub": subject, **ids, **names, **rest})

    # -- SOAP ---------------------------------------------------------------------------------------------------------

    def soap(self, request: Request, version: str) -> Reply:
        if float(version) >= _SOAP_GONE_FROM:
            return _soap_fault("INVALID_OPERATION", f"SOAP API login() is not available in API version {version} or later")
        text = request.body.decode("utf-8", "replace")
        given = {
            name: unescape(found[1]) for name in ("username", "password") if (found := re.search(rf"<\w+:{name}>(.*?)</", text))
        }
        if given.get("username") != self.username or given.get("password") not in {
            self.password,
            self.password + self.security_token,
        }:
            return _soap_fault("INVALID_LOGIN", "Invalid username, password, security token; or user locked out.")
        server = f"{self.instance_url or self.url}/services/Soap/u/{version}/{self._org.organization_id}"
        result = f"<serverUrl>{escape(server)}</serverUrl><sessionId>{escape(self.issue())}</sessionId><userId>{self._org.api_user_id}</userId>"
        return _xml(200, f'<loginResponse xmlns="urn:partner.soap.sforce.com"><result>{result}</result></loginResponse>')


def _xml(status: int, content: str) -> Reply:
    namespaces = 'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="urn:fault.partner.soap.sforce.com"'
    body = f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope {namespaces}><soapenv:Body>{content}</soapenv:Body></soapenv:Envelope>'
    return Reply(status, body, {"Content-Type": "text/xml;charset=UTF-8"})


def _soap_fault(code: str, message: str) -> Reply:
    shown = f"<sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>{escape(message)}</sf:exceptionMessage>"
    detail = f"<detail><sf:LoginFault>{shown}</sf:LoginFault></detail>"
    return _xml(
        500,
        f"<soapenv:Fault><faultcode>{code}</faultcode><faultstring>{code}: {escape(message)}</faultstring>{detail}</soapenv:Fault>",
    )
