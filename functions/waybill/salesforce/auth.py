"""Logging in: JWT bearer, client credentials, a refresh token, and SOAP where an org still has it.

Secrets never reach a message or a log.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

from waybill.errors import (
    ConfigurationError,
    SalesforceError,
    SalesforceLoginFailed,
    SalesforceQuotaExhausted,
    SalesforceUnavailable,
)
from waybill.salesforce import oauth
from waybill.salesforce.faults import QUOTA, fault_of
from waybill.salesforce.token_cache import Token
from waybill.salesforce.usage import Kind
from waybill.settings import AuthFlow, SalesforceSettings
from waybill.telemetry import logger

if TYPE_CHECKING:
    from requests import Response, Session

    from waybill.salesforce.transport import SalesforceSession

_NEEDED = {
    AuthFlow.JWT_BEARER: ("client_id", "username", "private_key"),
    AuthFlow.CLIENT_CREDENTIALS: ("client_id", "client_secret"),
    AuthFlow.REFRESH_TOKEN: ("client_id", "refresh_token"),
    AuthFlow.SOAP_PASSWORD: ("username", "password"),
}
_PUBLIC = frozenset({"client_id", "username"})
# login() exists up to this version of the SOAP API, whatever version the REST calls use.
_LAST_SOAP_VERSION = 64.0
_SHORTEST_SECRET = 4

_ADVICE = {
    "invalid_grant": "A refresh token that was revoked or has expired needs a new authorisation. Else see that the connected app is approved for the user (Manage > Permitted users), that its certificate belongs to "
    "the private key, that the user is active, and that the login URL is that of the org (a sandbox has its own).",
    "invalid_client_id": "Check client_id in the secret: the connected app's consumer key. A new app takes ten minutes to be known.",
    "invalid_client": "Check client_secret in the secret: the connected app's consumer secret.",
    "invalid_app_access": "Assign the connected app to the user by profile or permission set.",
    "unsupported_grant_type": "Enable this flow in the connected app.",
    "INVALID_LOGIN": "Check username, password and security_token in the secret, and that the user is not locked out.",
    "INVALID_OPERATION": "This org has SOAP login switched off: use jwt_bearer or client_credentials.",
    "LOGIN_MUST_USE_SECURITY_TOKEN": "Add security_token to the secret, or allow the address in the profile's login ranges.",
    "PASSWORD_LOCKOUT": "The user is locked out: an administrator must unlock it.",
}
_GENERAL_ADVICE = "Check the secret, the login URL and the connected app."


def fingerprint(settings: SalesforceSettings, secret: Mapping[str, str]) -> str:
    """Says who logs in where, without a secret in it: a token of another org or user must never be taken for ours."""
    who = [settings.login_url, settings.auth.value, *(secret.get(name, "") for name in sorted(_PUBLIC))]
    if settings.auth is AuthFlow.REFRESH_TOKEN:
        # It alone says which user of which org let Waybill in.
        who.append(hashlib.sha256(secret.get("refresh_token", "").encode()).hexdigest())
    return hashlib.sha256(json.dumps(who).encode()).hexdigest()[:32]


def missing(auth: AuthFlow, secret: Mapping[str, str]) -> list[str]:
    """What the flow needs and the secret has not."""
    return [name for name in _NEEDED[auth] if not secret.get(name)]


def login(settings: SalesforceSettings, secret: Mapping[str, str], *, session: "SalesforceSession") -> Token:
    """Logs in by the configured flow. Raises SalesforceLoginFailed, SalesforceUnavailable, ConfigurationError."""
    _require(settings, secret)
    hide = _hider(value for name, value in secret.items() if name not in _PUBLIC)
    if settings.auth is AuthFlow.REFRESH_TOKEN:
        form = oauth.token_request(secret, grant_type="refresh_token", refresh_token=secret["refresh_token"])
        grant = _granted(session, settings.login_url, form, hide=hide, repeatable=True)
        if grant.refresh_token:
            logger.warning(
                "salesforce gave another refresh token: switch rotation off in the connected app, or this one ends soon"
            )
        return Token(value=grant.access_token, instance=grant.instance, identity=fingerprint(settings, secret))
    return _by_library(settings, secret, session=session, hide=hide)


def authorize(
    settings: SalesforceSettings,
    secret: Mapping[str, str],
    *,
    code: str,
    verifier: str,
    redirect_uri: str,
    session: "SalesforceSession",
) -> oauth.Grant:
    """What a code is worth that a browser brought back: a refresh token to keep. Of the secret, client_id and client_secret count.

    Raises SalesforceLoginFailed, SalesforceUnavailable. A code is good once: after a failure the person begins anew.
    """
    hide = _hider([*(value for name, value in secret.items() if name not in _PUBLIC), code, verifier])
    grant_type = {"grant_type": "authorization_code", "redirect_uri": redirect_uri, "code_verifier": verifier}
    form = oauth.token_request(secret, code=code, **grant_type)
    grant = _granted(session, settings.login_url, form, hide=hide, repeatable=False)
    if not grant.refresh_token:
        raise SalesforceLoginFailed("Salesforce gives no refresh token: add the scope refresh_token to the connected app.")
    return grant


def _granted(
    session: "SalesforceSession", login_url: str, form: Mapping[str, str], *, hide: Callable[[str], str], repeatable: bool
) -> oauth.Grant:
    response = oauth.ask(session, login_url, form, repeatable=repeatable)
    _raise_for(response, hide)
    try:
        return oauth.granted(response.json())
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SalesforceLoginFailed(f"Salesforce's reply to the login holds no token. {_GENERAL_ADVICE}") from None


def _by_library(
    settings: SalesforceSettings, secret: Mapping[str, str], *, session: "SalesforceSession", hide: Callable[[str], str]
) -> Token:
    # A quarter of a second: only a container that must log in pays for it.
    from cryptography.exceptions import UnsupportedAlgorithm
    from jwt.exceptions import PyJWTError
    from simple_salesforce.exceptions import SalesforceAuthenticationFailed
    from simple_salesforce.login import SalesforceLogin

    arguments = _arguments(settings, secret)
    try:
        value, instance = SalesforceLogin(session=cast("Session", _LoginSession(session, hide)), **arguments)
    except SalesforceAuthenticationFailed as error:
        raise _refused(str(error.code or ""), hide(error.auth_message)) from None
    except SalesforceError:
        raise
    except (PyJWTError, UnsupportedAlgorithm, ExpatError, ValueError, TypeError, AttributeError, KeyError) as error:
        # Of the key's library or of a reply without the expected fields; their messages may quote the key or the reply.
        if settings.auth is AuthFlow.JWT_BEARER and isinstance(error, PyJWTError | UnsupportedAlgorithm | ValueError | TypeError):
            raise SalesforceLoginFailed(
                "The private_key in the secret cannot be used: it must be an unencrypted RSA key in PEM form, line breaks included."
            ) from None
        raise SalesforceLoginFailed(
            f"Salesforce's reply to the login could not be understood ({type(error).__name__}). {_GENERAL_ADVICE}"
        ) from None
    if not value or not instance:
        raise SalesforceLoginFailed(f"Salesforce's reply to the login holds no token. {_GENERAL_ADVICE}")
    return Token(value=str(value), instance=str(instance).rstrip("/"), identity=fingerprint(settings, secret))


def _require(settings: SalesforceSettings, secret: Mapping[str, str]) -> None:
    lacking = missing(settings.auth, secret)
    if lacking:
        raise ConfigurationError(f"The Salesforce secret lacks {', '.join(lacking)}, which {settings.auth.value} needs.")


def _arguments(settings: SalesforceSettings, secret: Mapping[str, str]) -> dict[str, Any]:  # Any: keyword arguments
    """What simple-salesforce asks for; it knows no refresh token."""
    domain = _domain(settings.login_url)
    match settings.auth:
        case AuthFlow.JWT_BEARER:
            # A secret typed into a form often has its line breaks as \n.
            key = secret["private_key"].replace("\\n", "\n")
            return {
                "username": secret["username"],
                "consumer_key": secret["client_id"],
                "privatekey": key,
                "domain": _audience(domain),
                "instance_url": domain,
            }
        case AuthFlow.CLIENT_CREDENTIALS:
            if domain in {"login", "test"}:
                raise ConfigurationError(
                    "client_credentials needs the org's own address as login_url, e.g. https://example.my.salesforce.com, "
                    f"not {settings.login_url}."
                )
            return {"consumer_key": secret["client_id"], "consumer_secret": secret["client_secret"], "domain": domain}
        case _:
            return {
                "username": secret["username"],
                "password": secret["password"],
                "security_token": escape(secret.get("security_token", "")),
                "domain": domain,
                "sf_version": str(min(float(settings.api_version), _LAST_SOAP_VERSION)),
            }


def _domain(login_url: str) -> str:
    """What simple-salesforce puts before `.salesforce.com`; the transport leads it elsewhere where login_url does."""
    host = urlsplit(login_url).hostname or ""
    return host.removesuffix(".salesforce.com") if host.endswith(".salesforce.com") else "elsewhere.my"


def _audience(domain: str) -> str:
    """A JWT is addressed to the login host of production or of sandboxes, also where it is sent to the org's own address."""
    return "test" if domain == "test" or ".sandbox." in f".{domain}." else "login"


class _LoginSession:
    """What SalesforceLogin uses of a session. Reads refusals itself: the library would warn with the connected app's key."""

    def __init__(self, session: "SalesforceSession", hide: Callable[[str], str]) -> None:
        self._session = session
        self._hide = hide

    def post(self, url: str, data: Any, *, headers: Any = None, proxies: Any = None) -> "Response":  # Any: the library's
        response = self._session.request(
            "POST", url, data=data, headers=headers, proxies=proxies, kind=Kind.LOGIN, repeatable=True
        )
        _raise_for(response, self._hide)
        return response


def _raise_for(response: "Response", hide: Callable[[str], str]) -> None:
    if response.status_code >= 300 and not response.content.lstrip().startswith(b"<"):  # noqa: PLR2004 - not a success
        fault = fault_of(response.status_code, response.content)
        if fault.transient:
            raise SalesforceUnavailable(f"Salesforce could not log in (HTTP {fault.status} {fault.code}). Try again later.")
        raise _refused(fault.code, hide(fault.message))


def _refused(code: str, message: str) -> SalesforceError:
    code = code.removeprefix("sf:")
    told = f"Salesforce refused the login: {code}: {message[:600].rstrip('.')}."
    if code == QUOTA:
        return SalesforceQuotaExhausted(f"{told} Wait until calls of the last 24 hours have aged, then resume.")
    if code in {"SERVER_UNAVAILABLE", "API_TEMPORARILY_UNAVAILABLE"}:
        return SalesforceUnavailable(f"{told} Try again later.")
    return SalesforceLoginFailed(f"{told} {_ADVICE.get(code, _GENERAL_ADVICE)}")


def _hider(secrets: Iterable[str]) -> Callable[[str], str]:
    """Blots the secrets out of a text: an org may quote what it was sent."""
    longest_first = sorted((value for value in secrets if len(value) >= _SHORTEST_SECRET), key=len, reverse=True)

    def hide(text: str) -> str:
        for value in longest_first:
            text = text.replace(value, "***")
        return text

    return hide
