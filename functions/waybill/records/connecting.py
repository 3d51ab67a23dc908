"""The org that a run works on, and what it has said of itself before."""

from collections.abc import Callable
from datetime import datetime

from waybill import compose
from waybill.orgs.connections import OWN
from waybill.records.describes import Describes
from waybill.salesforce.auth import fingerprint
from waybill.salesforce.client import SalesforceClient
from waybill.settings import OrgEnvironment


def org_client(environment: OrgEnvironment, run_id: str) -> SalesforceClient:
    """Raises NotFound where the connection has been removed since."""
    return compose.salesforce_of(environment, _org_of(environment, run_id))


def describes_of(environment: OrgEnvironment, run_id: str, *, now: Callable[[], datetime]) -> Describes:
    """Of this org, as this user sees it."""
    identity = fingerprint(*compose.login_of(environment, _org_of(environment, run_id) or OWN))
    seconds = environment.config.records.describe_seconds
    return Describes(work=compose.work(environment), identity=identity, seconds=seconds, now=now)


def _org_of(environment: OrgEnvironment, run_id: str) -> str | None:
    """The connection that the run's record names; None: the stage's own org."""
    return compose.runs(environment).get(run_id).options.org
