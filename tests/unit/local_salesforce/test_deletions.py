"""What becomes of the records that refer to one that is deleted, and what may not be deleted."""

from collections.abc import Iterator

import pytest

from local.salesforce import Field, SalesforceSimulator, default_schema
from local.salesforce.schema import OnDelete

from .conftest import Client


@pytest.fixture
def simulator() -> Iterator[SalesforceSimulator]:
    def reference(on_delete: OnDelete) -> Field:
        name = f"{on_delete}__c".capitalize()
        return Field(
            name=name,
            type="reference",
            references=("Account",),
            relationship=name.replace("__c", "__r"),
            length=18,
            on_delete=on_delete,
        )

    schema = default_schema()
    for kind in ("restrict", "cascade"):
        schema = schema.with_field("DocListEntry__c", reference(kind))
    with SalesforceSimulator(schema=schema) as running:
        yield running


@pytest.fixture
def client(simulator: SalesforceSimulator) -> Client:
    return Client(simulator)


def test_a_record_that_others_depend_on_stays_until_they_are_gone(client: Client) -> None:
    account = client.create("Account", Name="a")
    entry = client.create("DocListEntry__c", Restrict__c=account)
    refused = client.call("DELETE", f"sobjects/Account/{account}")
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "DELETE_FAILED")
    assert client.rows("SELECT Name FROM Account") == [{"Name": "a"}]
    client.call("DELETE", f"sobjects/DocListEntry__c/{entry}")
    assert client.call("DELETE", f"sobjects/Account/{account}").status_code == 204


def test_a_detail_goes_with_its_master(client: Client) -> None:
    account = client.create("Account", Name="a")
    client.create("DocListEntry__c", Cascade__c=account)
    kept = client.create("DocListEntry__c", Account__c=account)
    assert client.call("DELETE", f"sobjects/Account/{account}").status_code == 204
    assert client.rows("SELECT Id, Account__c FROM DocListEntry__c") == [{"Id": kept, "Account__c": None}]


def test_a_refused_deletion_of_a_detail_takes_back_that_of_its_master(simulator: SalesforceSimulator, client: Client) -> None:
    simulator.org.keep("doclistentry__c", lambda record: "it is active" if record["Name"] == "active" else None)
    account = client.create("Account", Name="a")
    client.create("DocListEntry__c", Name="active", Cascade__c=account)
    refused = client.call("DELETE", f"composite/sobjects?ids={account}").json()[0]
    assert refused["errors"] == [{"statusCode": "DELETE_FAILED", "message": "it is active", "fields": []}]
    assert len(client.rows("SELECT Id FROM Account")) == 1


def test_describe_says_what_becomes_of_a_child(client: Client) -> None:
    described = client.call("GET", "sobjects/DocListEntry__c/describe").json()
    found = {field["name"]: (field["cascadeDelete"], field["restrictedDelete"]) for field in described["fields"]}
    assert (found["Restrict__c"], found["Cascade__c"], found["Account__c"]) == ((False, True), (True, False), (False, False))
    children = client.call("GET", "sobjects/Account/describe").json()["childRelationships"]
    told = {child["field"]: (child["cascadeDelete"], child["restrictedDelete"]) for child in children}
    assert (told["Restrict__c"], told["Cascade__c"]) == ((False, True), (True, False))
