"""The user pool on this machine: access tokens as Cognito issues them, and claims as API Gateway's JWT authorizer hands them over."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ALGORITHM = "RS256"
# Cognito's tokens last an hour and are renewed; these last as long as anybody leaves a local stack running.
LIFETIME = 7 * 24 * 3600  # seconds
Claims = Mapping[str, Any]  # strings, numbers, lists


@dataclass(frozen=True, slots=True)
class JwtAuthorizer:
    """What the template says of the tokens that a route takes."""

    issuer: str
    audience: tuple[str, ...]


@dataclass(frozen=True)
class LocalPool:
    """Issues and checks tokens with a key of its own, made anew at each start."""

    issuer: str
    client_id: str
    groups: Sequence[str]
    now: Callable[[], float] = time.time
    _key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048), repr=False)

    @cached_property
    def tokens(self) -> Mapping[str, str]:
        """A token for one user of each group, who is called as the group is, and for a second administrator, who approves."""
        named = {group: self.token(group, [group]) for group in self.groups}
        return named | ({"approver": self.token("approver", ["admin"])} if "admin" in self.groups else {})

    def token(self, user: str, groups: Sequence[str], *, lifetime: float = LIFETIME, **claims: object) -> str:
        """An access token of Cognito's form; `claims` in place of its own, for tests."""
        now = self.now()
        given: dict[str, object] = {
            "sub": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.issuer}/{user}")),
            "iss": self.issuer,
            "client_id": self.client_id,
            "token_use": "access",
            "scope": "openid",
            "username": user,
            "auth_time": int(now),
            "iat": int(now),
            "exp": int(now + lifetime),
            "jti": str(uuid.uuid4()),
        }
        if groups:
            given["cognito:groups"] = list(groups)
        return jwt.encode(given | claims, self._key, algorithm=ALGORITHM, headers={"kid": "local"})

    def claims(self, token: str, authorizer: JwtAuthorizer) -> dict[str, str] | None:
        """The claims of a token that the authorizer lets pass, as a function gets them; None for any other."""
        try:
            # Like API Gateway: `aud`, or `client_id` where there is none. The clock is ours, so that a test may turn it.
            given = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=[ALGORITHM],
                issuer=authorizer.issuer,
                options={
                    "require": ["exp", "iss"],
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.InvalidTokenError:
            return None
        times = [given[name] for name in ("exp", "nbf") if name in given]
        if not all(isinstance(at, int) for at in times) or given["exp"] <= self.now() or given.get("nbf", 0) > self.now():
            return None
        audience = given.get("aud", given.get("client_id"))
        named = audience if isinstance(audience, list) else [audience]
        if not set(authorizer.audience) & {str(one) for one in named}:
            return None
        return {name: _as_text(value) for name, value in given.items()}


def _as_text(value: object) -> str:
    """A claim as API Gateway writes it: a list as `[admin operator]`."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{' '.join(str(one) for one in value)}]"
        case _:
            return str(value)
