"""What an org says of itself: which it is, and whether it is one of production."""

from dataclasses import dataclass, replace
from datetime import datetime

from waybill.errors import SalesforceDenied, SalesforceRequestInvalid
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.ids import to18

_ASKED = "SELECT Id, Name, IsSandbox, OrganizationType FROM Organization"
# What is no sandbox by name, and holds nobody's business.
_TRIAL_TYPES = frozenset({"Developer Edition"})


@dataclass(frozen=True, slots=True)
class Organization:
    """`id` has 18 characters; empty where the user may not see it. `time`: the org's clock when it was asked."""

    id: str
    name: str
    production: bool
    time: datetime | None


def organization(client: SalesforceClient) -> Organization:
    """In one call; in two where the user may not look."""
    try:
        rows = client.query_page(_ASKED)
    except (SalesforceDenied, SalesforceRequestInvalid):
        rows = []
    if not rows:
        client.limits()
        return Organization("", "", production=True, time=client.org_time)
    (row,) = rows
    production = not row["IsSandbox"] and row.get("OrganizationType") not in _TRIAL_TYPES
    return Organization(to18(row["Id"]), str(row.get("Name") or ""), production=production, time=client.org_time)


def identified(client: SalesforceClient) -> Organization:
    """The same, and which org it is, whatever the user may see. Raises SalesforceError where the org does not tell."""
    found = organization(client)
    return found if found.id else replace(found, id=client.user_info().organization_id)
