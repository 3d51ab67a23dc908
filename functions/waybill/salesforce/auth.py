"""Logging in: JWT bearer, client credentials, and SOAP where an org still has it. Secrets never reach a message or a log."""

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
from waybill.salesforce.faults import QUOTA, fault_of
from waybill.salesforce.token_cache import Token
from waybill.salesforce.usage import Kind
from waybill.settings import AuthFlow, SalesforceSettings

if TYPE_CHECKING:
    from requests import Response, Session

    from waybill.salesforce.transport import SalesforceSession

_NEEDED = {
    AuthFlow.JWT_BEARER: ("client_id", "username", "private_key"),
    AuthFlow.CLIENT_CREDENTIALS: ("client_id", "client_secret"),
    AuthFlow.SOAP_PASSWORD: ("username", "password"),
}
_PUBLIC = frozenset({"client_id", "username"})
# login() exists up to this version of the SOAP API, whatever version the REST calls use.
_LAST_SOAP_VERSION = 64.0
_SHORTEST_SECRET = 4

_ADVICE = {
    "invalid_grant": "See that the connected app is approved for the user (Manage > Permitted users), that its certificate belongs to "
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
    return hashlib.sha256(json.dumps(who).encode()).hexdigest()[:32]


def login(settings: SalesforceSettings, secret: Mapping[str, str], *, session: "SalesforceSession") -> Token:
    """Logs in by the configured flow. Raises SalesforceLoginFailed, SalesforceUnavailable, ConfigurationError."""
    # A quarter of a second: only a container that must log in pays for it.
    from cryptography.exceptions import UnsupportedAlgorithm
    from jwt.exceptions import PyJWTError
    from simple_salesforce.exceptions import SalesforceAuthenticationFailed
    from simple_salesforce.login import SalesforceLogin

    arguments = _arguments(settings, secret)
    hide = _hider(value for name, value in secret.items() if name not in _PUBLIC)
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


def _arguments(settings: SalesforceSettings, secret: Mapping[str, str]) -> dict[str, Any]:  # Any: keyword arguments
    missing = [name for name in _NEEDED[settings.auth] if not secret.get(name)]
    if missing:
        raise ConfigurationError(f"The Salesforce secret lacks {', '.join(missing)}, which {settings.auth.value} needs.")
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
        case AuthFlow.SOAP_PASSWORD:
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
        if response.status_code >= 300 and not response.content.lstrip().startswith(b"<"):  # noqa: PLR2004 - not a success
            fault = fault_of(response.status_code, response.content)
            if fault.transient:
                raise SalesforceUnavailable(f"Salesforce could not log in (HTTP {fault.status} {fault.code}). Try again later.")
            raise _refused(fault.code, self._hide(fault.message))
        return response


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
