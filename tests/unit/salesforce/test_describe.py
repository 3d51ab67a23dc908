"""Describes: what a strict check needs to know, of the simulator and of a real org's recorded replies."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.salesforce.simulator import SalesforceSimulator
from tests.unit.salesforce.scripted import Answer, ScriptedOrg
from waybill.errors import SalesforceDenied, SalesforceQuotaExhausted, SalesforceUnavailable
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.describe import object_describe, object_summary

MakeClient = Callable[..., SalesforceClient]
RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "data" / "salesforce-recordings"
recorded_only = pytest.mark.skipif(
    not RECORDINGS.is_dir(),
    reason="the recorded replies of a real org, ../shared/data/salesforce-recordings, are not on this machine",
)


def recorded(name: str) -> Any:
    raw = yaml.safe_load((RECORDINGS / f"GET_sobjects_{name}_describe.yaml").read_text(encoding="utf-8"))
    interaction = next(one for one in raw.get("interactions", [raw]) if "request" in one)
    return json.loads(interaction["response"]["body"]["string"])


def test_a_field_tells_what_may_be_written_to_it(client: SalesforceClient) -> None:
    described = client.describe("account")
    name, kind, parent = (described.field(field) for field in ("name", "TYPE", "ParentId"))
    assert name is not None
    assert kind is not None
    assert parent is not None
    assert (name.label, name.length, name.required, name.name_field) == ("Account Name", 255, True, True)
    assert (kind.type, kind.picklist, kind.restricted) == ("picklist", ("Prospect", "Customer", "Partner", "Other"), False)
    assert (parent.referenceTo, parent.relationship, parent.polymorphic) == (("Account",), "Parent", False)
    created = described.field("CreatedDate")
    assert created is not None
    assert (created.createable, created.updateable, created.required) == (False, False, False)
    assert (described.name, described.createable, described.deletable, described.key_prefix) == ("Account", True, True, "001")


def test_the_raw_describe_can_be_kept_and_read_later(client: SalesforceClient) -> None:
    raw = json.loads(json.dumps(client.describe_raw("Account")))
    assert object_describe(raw) == client.describe("Account")
    with pytest.raises(SalesforceDenied):
        client.describe_raw("Nothing__c")


def test_many_objects_are_described_by_few_calls(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    simulator.org.permissions.hidden_objects.add("Profile")
    names = ["account", "Nothing__c", "Profile", *["User"] * 30]
    found = client.describe_many(names)
    assert [None if raw is None else raw["name"] for raw in found] == ["Account", None, None, *["User"] * 30]
    assert found[0] == client.describe_raw("Account")
    assert client.calls["describe"] == 3
    simulator.faults.request_limit()
    with pytest.raises(SalesforceQuotaExhausted):
        client.describe_many(["Account"])
    assert client.describe_many([]) == []


def test_a_describe_that_failed_among_others_is_no_missing_object(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    busy = {"httpStatusCode": 503, "body": [{"errorCode": "SERVER_UNAVAILABLE", "message": "busy"}], "referenceId": "object0"}
    scripted.answers = [Answer(body={"compositeResponse": [busy]})]
    with pytest.raises(SalesforceUnavailable):
        to_scripted().describe_many(["Account"])


def test_all_objects_that_the_user_sees_are_listed(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    simulator.org.permissions.hidden_objects.add("Profile")
    listed = {entry.name: entry for entry in client.objects()}
    assert {"Account", "DocListEntry__c", "User"} <= listed.keys()
    assert "Profile" not in listed
    entry = listed["DocListEntry__c"]
    assert (entry.custom, entry.createable, entry.key_prefix, entry.plural) == (True, True, "a0X", "Document List Entries")


@recorded_only
@pytest.mark.parametrize(
    "name", ["Account", "Case", "Contact", "Custom__c", "Event", "Lead", "Opportunity", "OpportunityContactRole"]
)
def test_a_real_orgs_describe_is_read_field_by_field(name: str) -> None:
    raw = recorded(name)
    described = object_describe(raw)
    assert (described.name, len(described.fields)) == (raw["name"], len(raw["fields"]))
    for theirs in raw["fields"]:
        ours = described.field(theirs["name"])
        assert ours is not None
        assert (ours.type, ours.length, ours.nillable, ours.unique) == tuple(
            theirs[key] for key in ("type", "length", "nillable", "unique")
        )
        assert list(ours.picklist) == [value["value"] for value in theirs["picklistValues"] if value["active"]]
        assert ours.relationship == (theirs["relationshipName"] or "")
        assert ours.polymorphic == (theirs["polymorphicForeignKey"] or len(theirs["referenceTo"]) > 1)


@recorded_only
def test_a_real_org_requires_of_a_contact_its_last_name_only() -> None:
    assert [field.name for field in object_describe(recorded("Contact")).fields.values() if field.required] == ["LastName"]
    who = object_describe(recorded("Event")).field("WhoId")
    assert who is not None
    assert (who.polymorphic, set(who.referenceTo)) == (True, {"Contact", "Lead"})
    street = object_describe(recorded("Account")).field("BillingStreet")
    assert street is not None
    assert street.compound == "BillingAddress"


@recorded_only
def test_a_real_orgs_list_of_objects_is_read() -> None:
    listed = [object_summary(entry) for entry in recorded("Global")["sobjects"]]
    account = next(entry for entry in listed if entry.name == "Account")
    assert (account.plural, account.key_prefix, account.createable, account.custom) == ("Accounts", "001", True, False)
    assert len(listed) > 100
