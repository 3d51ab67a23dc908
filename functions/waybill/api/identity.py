"""Who asks: what API Gateway's JWT authorizer found in the access token, and no header beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from waybill.api.roles import Forbidden, Role, Unauthenticated, role_in

Event = Mapping[str, Any]  # API Gateway's event, payload format 2.0


@dataclass(frozen=True, slots=True)
class Caller:
    """A user of the pool. `role` is the highest of his groups, None where none of them is ours. `source` is his IP address."""

    subject: str
    name: str
    role: Role | None
    source: str = ""

    def require(self, least: Role) -> None:
        """Raises Forbidden."""
        if self.role is None:
            raise Forbidden(
                f"{self.name} is in none of the groups {', '.join(Role)}: an administrator of the user pool adds users."
            )
        if not self.role.includes(least):
            raise Forbidden(f"This takes the role {least}; {self.name} is {self.role}.")


def caller_of(event: Event) -> Caller:
    """Raises Unauthenticated where the event has no claims of an access token: the route was deployed without its authorizer."""
    context = event.get("requestContext") or {}
    claims = ((context.get("authorizer") or {}).get("jwt") or {}).get("claims") or {}
    if claims.get("token_use") != "access" or not claims.get("sub"):
        raise Unauthenticated("Send an access token: `Authorization: Bearer <token>`. `waybill login` gets one.")
    source = str((context.get("http") or {}).get("sourceIp") or "")
    subject = str(claims["sub"])
    return Caller(subject=subject, name=str(claims.get("username") or subject), role=role_in(claims), source=source)
