"""The connections of a stage beside its own org: one item each, without a secret in it."""

import ipaddress
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from waybill.errors import NotFound
from waybill.settings import AuthFlow, SalesforceSettings
from waybill.table import Item, Table

# The stage's own org, which is configured and not saved.
OWN: Final = "default"
_PK: Final = "ORGS"
# Parts of the hosts of orgs that are none of production: `acme--uat.sandbox.my.salesforce.com`.
_TRIALS: Final = (".sandbox.", ".scratch.", ".develop.", ".trailblaze.")


class OrgKind(StrEnum):
    """Whether what is written there is business."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What is known of an org. `organization_id` and what follows: what the org itself said when Waybill last logged in.

    `changes` counts what was done to the item, so that two who save at once do not overwrite each other.
    """

    name: str
    kind: OrgKind
    login_url: str
    auth: AuthFlow
    api_version: str
    saved_at: str
    saved_by: str
    organization_id: str = ""
    organization: str = ""
    tested_at: str = ""
    changes: int = 1

    @property
    def connected(self) -> bool:
        """Whether Waybill has been in."""
        return bool(self.organization_id)

    def settings(self, own: SalesforceSettings) -> SalesforceSettings:
        """How to log in, and for the rest as the stage's own org."""
        return own.model_copy(update={"login_url": self.login_url, "auth": self.auth, "api_version": self.api_version})


class OrgStore:
    """`ORGS` holds a connection under each name."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def all(self) -> Iterator[Connection]:
        """By name."""
        return (_connection(item) for item in self._table.query(_PK))

    def find(self, name: str) -> Connection | None:
        item = self._table.get(_PK, name)
        return _connection(item) if item else None

    def get(self, name: str) -> Connection:
        """Raises NotFound."""
        found = self.find(name)
        if found is None:
            raise NotFound(f"There is no org {name}. `waybill orgs list` shows them.")
        return found

    def put(self, connection: Connection) -> None:
        """Over the one with one change less. Raises ConditionFailed where somebody was faster."""
        known = {name: value for name, value in asdict(connection).items() if name not in {"name", "changes"}}
        self._table.put_together([({"pk": _PK, "sk": connection.name, **known, "v": connection.changes}, connection.changes - 1)])

    def delete(self, name: str) -> None:
        self._table.delete(_PK, name)


def own_org(settings: SalesforceSettings) -> Connection:
    """The stage's own org in the same form."""
    return Connection(
        name=OWN,
        kind=kind_by(settings.login_url),
        login_url=settings.login_url,
        auth=settings.auth,
        api_version=settings.api_version,
        saved_at="",
        saved_by="the stage's configuration",
    )


def kind_by(login_url: str) -> OrgKind:
    """What the address tells. What it does not tell is taken for production: better one question too many."""
    host = (urlsplit(login_url).hostname or "").lower()
    trial = host == "test.salesforce.com" or any(part in host for part in _TRIALS) or is_loopback(host)
    return OrgKind.SANDBOX if trial else OrgKind.PRODUCTION


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _connection(item: Item) -> Connection:
    known: dict[str, Any] = {name: item[name] for name in Connection.__slots__ if name in item}
    kind, auth = OrgKind(item["kind"]), AuthFlow(item["auth"])
    return Connection(**{**known, "name": item["sk"], "kind": kind, "auth": auth, "changes": item["v"]})
