"""Who may do what: every route of the API with the role that it takes, in one table."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from waybill.errors import WaybillError


class Unauthenticated(WaybillError):
    """Nobody has said, in a way that can be trusted, who asks."""


class Forbidden(WaybillError):
    """Who asks may not do this. The message names the role that may."""


class Role(StrEnum):
    """From the least to the most; each may do what those before it may. The names are those of the user pool's groups."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return tuple(Role).index(self)

    def includes(self, other: "Role") -> bool:
        return self.rank >= other.rank


# `<name>` stands for one part of a path, as in the routers. What is not in here is answered by nobody.
ROUTES: Mapping[str, Role] = {
    "GET /api/me": Role.VIEWER,
    "GET /api/audit": Role.VIEWER,
    "GET /api/audit/head": Role.VIEWER,
    # Who starts what is told by `role_to_start`: this is the least that any start takes.
    "POST /api/runs": Role.OPERATOR,
    "GET /api/runs": Role.VIEWER,
    "DELETE /api/runs": Role.ADMIN,
    "GET /api/runs/<run_id>": Role.VIEWER,
    "GET /api/runs/<run_id>/accounts": Role.VIEWER,
    "GET /api/runs/<run_id>/errors": Role.VIEWER,
    "GET /api/runs/<run_id>/report": Role.VIEWER,
    "GET /api/runs/<run_id>/throughput": Role.VIEWER,
    "GET /api/runs/<run_id>/logs": Role.VIEWER,
    "GET /api/runs/<run_id>/events": Role.VIEWER,
    "POST /api/runs/<run_id>/pause": Role.OPERATOR,
    "POST /api/runs/<run_id>/resume": Role.OPERATOR,
    "POST /api/runs/<run_id>/cancel": Role.OPERATOR,
    # Of files; of rows, which are written to Salesforce, it takes what `role_to_start` says.
    "POST /api/runs/<run_id>/retry": Role.OPERATOR,
    # Another one than who has asked for the run.
    "POST /api/runs/<run_id>/approve": Role.ADMIN,
    "POST /api/runs/<run_id>/reject": Role.ADMIN,
    "GET /api/events": Role.VIEWER,
    "POST /api/live/tickets": Role.VIEWER,
    "GET /api/status": Role.VIEWER,
    "GET /api/readiness": Role.VIEWER,
    "GET /api/accounts": Role.VIEWER,
    "GET /api/accounts/<account_id>/files": Role.VIEWER,
    "GET /api/files/<entry_id>": Role.VIEWER,
    "GET /api/errors": Role.VIEWER,
    "GET /api/settings": Role.VIEWER,
    "GET /api/plan": Role.VIEWER,
    "POST /api/verify": Role.VIEWER,
    "GET /api/runs/<run_id>/workbook": Role.VIEWER,
    "POST /api/data/sync": Role.OPERATOR,
    "POST /api/data/download": Role.VIEWER,
    "POST /api/uploads": Role.OPERATOR,
    "GET /api/data/objects": Role.VIEWER,
    "GET /api/data/objects/<name>/fields": Role.VIEWER,
    "GET /api/data/template": Role.VIEWER,
    "GET /api/mappings": Role.VIEWER,
    "POST /api/mappings": Role.ADMIN,
    "GET /api/mappings/<name>": Role.VIEWER,
    "PUT /api/mappings/<name>": Role.ADMIN,
    "DELETE /api/mappings/<name>": Role.ADMIN,
    "GET /api/migrations": Role.VIEWER,
    "POST /api/migrations": Role.OPERATOR,
    "GET /api/migrations/<migration_id>": Role.VIEWER,
    "PUT /api/migrations/<migration_id>": Role.OPERATOR,
    "DELETE /api/migrations/<migration_id>": Role.ADMIN,
    "POST /api/migrations/<migration_id>/runs": Role.OPERATOR,
    "GET /api/config/orgs": Role.VIEWER,
    "POST /api/config/orgs": Role.ADMIN,
    "GET /api/config/orgs/<name>": Role.VIEWER,
    "PUT /api/config/orgs/<name>": Role.ADMIN,
    "DELETE /api/config/orgs/<name>": Role.ADMIN,
    # It logs in, and notes which org it is.
    "POST /api/config/orgs/<name>/test": Role.ADMIN,
    "POST /api/config/orgs/<name>/authorize": Role.ADMIN,
    "POST /api/config/orgs/<name>/callback": Role.ADMIN,
    "GET /api/links": Role.VIEWER,
    "POST /api/links/rotate": Role.ADMIN,
    "POST /api/links/revoke": Role.ADMIN,
    "DELETE /api/links/revocations/<scope>/<of>": Role.ADMIN,
    # A link opens the file for whoever has it.
    "POST /api/links/open": Role.ADMIN,
    "POST /api/rebuild": Role.ADMIN,
    # It updates one record of the org, to the value that it has.
    "POST /api/check": Role.OPERATOR,
}

# Answered to anybody: how to log in.
PUBLIC = frozenset({"GET /api/sign-in"})

# Kinds of runs that write nothing to Salesforce, whatever their mode.
_READS_ONLY = frozenset({"backup", "sync"})
_GROUPS = re.compile(r"\[([A-Za-z0-9_.:-]+(?: [A-Za-z0-9_.:-]+)*)?\]")
_PATTERNS = [
    (method, re.compile(re.sub(r"<\w+>", "[^/]+", path)), route) for route in ROUTES for method, _, path in [route.partition(" ")]
]


def asked(event: Mapping[str, Any]) -> tuple[str, str]:  # Any: API Gateway's event
    """Method and path of a request."""
    return str(((event.get("requestContext") or {}).get("http") or {}).get("method")), str(event.get("rawPath"))


def route_of(method: str, path: str) -> str | None:
    """The route as `ROUTES` names it; None where there is none."""
    return next((route for verb, pattern, route in _PATTERNS if verb == method and pattern.fullmatch(path)), None)


def methods_of(path: str) -> list[str]:
    """The methods that a path can be asked with; none where there is no such path."""
    return sorted({verb for verb, pattern, _ in _PATTERNS if pattern.fullmatch(path)})


def needed(method: str, path: str) -> Role | None:
    """The least role that may ask this; None where there is no such route."""
    route = route_of(method, path)
    return ROUTES[route] if route else None


def role_to_start(kind: str, *, dry_run: bool) -> Role:
    """Copying and looking is an operator's; whatever writes to Salesforce an admin's."""
    return Role.OPERATOR if dry_run or kind in _READS_ONLY else Role.ADMIN


def roles_of(groups: object) -> frozenset[Role]:
    """The roles in `cognito:groups` as API Gateway's JWT authorizer hands it over: `[admin operator]`. Groups of others are left out.

    Anything of another form gives no role at all: a claim that is read wrongly must not open a door.
    """
    found = _GROUPS.fullmatch(groups) if isinstance(groups, str) else None
    names = (found.group(1) or "").split(" ") if found else []
    return frozenset(Role(name) for name in names if name in set(Role))


def highest(roles: frozenset[Role]) -> Role | None:
    return max(roles, key=lambda role: role.rank, default=None)


def role_in(claims: Mapping[str, Any]) -> Role | None:  # Any: claims are strings, or whatever a stranger sends
    return highest(roles_of(claims.get("cognito:groups")))
