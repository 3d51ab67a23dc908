"""A small Salesforce that speaks HTTP: a tool for tests and the local stack."""

from local.salesforce.faults import Faults, Misbehaviour
from local.salesforce.org import Org
from local.salesforce.permissions import Permissions
from local.salesforce.schema import Field, Schema, default_schema
from local.salesforce.simulator import SalesforceSimulator

__all__ = ["Faults", "Field", "Misbehaviour", "Org", "Permissions", "SalesforceSimulator", "Schema", "default_schema"]
