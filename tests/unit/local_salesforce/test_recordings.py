"""The simulator's replies beside those that a real org gave: the same keys, JSON types and status codes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "data" / "salesforce-recordings"
pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(),
    reason="the recorded replies of a real org, ../shared/data/salesforce-recordings, are not on this machine",
)
# What simulated objects do not have, because nothing reads it: links to pages of the user interface and to layouts.
LINKS_LEFT_OUT = {"compactLayouts", "approvalLayouts", "listviews", "quickActions", "layouts", "defaultValues"}
LINKS_LEFT_OUT |= {"uiDetailTemplate", "uiEditTemplate", "uiNewRecord", "eventSchema"}


def interactions(name: str) -> list[dict[str, Any]]:
    recorded = yaml.safe_load((RECORDINGS / name).read_text(encoding="utf-8"))
    return [one for one in recorded.get("interactions", [recorded]) if "request" in one]


def recorded(name: str, method: str, part: str) -> tuple[int, Any]:
    """(status, body) of the first recorded call whose address contains `part`."""
    found = next(one for one in interactions(name) if one["request"]["method"] == method and part in one["request"]["uri"])
    return found["response"]["status"]["code"], json.loads(found["response"]["body"]["string"])


def kinds(value: Any) -> Any:
    """The shape: keys, and for each value its JSON type; of a list the shape of its first element; null fits anything."""
    if isinstance(value, dict):
        return {key: kinds(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [kinds(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def types_of(entries: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Key -> JSON types of its values, null apart."""
    return {key: {type(entry[key]).__name__ for entry in entries if entry.get(key) is not None} for key in set().union(*entries)}


@pytest.mark.parametrize("name", ["Account", "Contact", "Custom__c", "Opportunity", "Event"])
def test_describe_has_the_keys_of_the_real_org_for_objects_and_fields(client: Any, name: str) -> None:
    status, real = recorded(f"GET_sobjects_{name}_describe.yaml", "GET", "describe")
    reply = client.call("GET", "sobjects/DocListEntry__c/describe")
    ours = reply.json()
    assert reply.status_code == status
    # Older versions of the API lack a few keys of the newest.
    assert real.keys() - ours.keys() <= LINKS_LEFT_OUT
    assert ours.keys() - real.keys() <= {"associateEntityType", "associateParentEntity", "sobjectDescribeOption"}
    assert ours["fields"][0].keys() == real["fields"][0].keys()
    wrong = {
        key: (mine, theirs)
        for key, mine in types_of(ours["fields"]).items()
        if mine and (theirs := types_of(real["fields"])[key]) and not mine <= theirs
    }
    assert wrong == {}


def test_each_field_of_account_is_described_as_in_the_real_org(client: Any) -> None:
    _, real = recorded("GET_sobjects_Account_describe.yaml", "GET", "describe")
    theirs = {field["name"]: field for field in real["fields"]}
    compared = (
        "type",
        "soapType",
        "length",
        "nillable",
        "createable",
        "updateable",
        "referenceTo",
        "relationshipName",
        "nameField",
        "byteLength",
    )
    # The real one is of an org where the picklist's length differs by edition.
    fields = [field for field in client.call("GET", "sobjects/Account/describe").json()["fields"] if field["name"] in theirs]
    different = [
        (field["name"], key, field[key], theirs[field["name"]][key])
        for field in fields
        for key in compared
        if field["type"] != "picklist" and field[key] != theirs[field["name"]][key]
    ]
    assert len(fields) >= 15
    assert different == []


def test_child_relationships_and_the_list_of_objects_have_the_keys_of_the_real_org(client: Any) -> None:
    _, account = recorded("GET_sobjects_Account_describe.yaml", "GET", "describe")
    ours = client.call("GET", "sobjects/Account/describe").json()
    assert ours["childRelationships"][0].keys() == account["childRelationships"][0].keys()
    _, real = recorded("GET_sobjects_Global_describe.yaml", "GET", "sobjects")
    listed = client.call("GET", "sobjects").json()
    assert listed.keys() == real.keys()
    assert listed["sobjects"][0].keys() == real["sobjects"][0].keys()
    assert real["sobjects"][0]["urls"].keys() - listed["sobjects"][0]["urls"].keys() <= LINKS_LEFT_OUT


def test_a_query_answers_in_the_shape_of_the_real_org(client: Any) -> None:
    client.create("Account", Name="Tom", Description="d", Phone="1", AccountNumber="2")
    status, real = recorded("TestSelect.test_select_random_strategy.yaml", "GET", "AccountNumber%20FROM%20Account")
    reply = client.query("SELECT Id, Name, Description, Phone, AccountNumber FROM Account")
    assert (reply.status_code, kinds(reply.json())) == (status, kinds(real))
    assert list(reply.json()["records"][0]) == list(real["records"][0])


def test_aggregates_and_counts_answer_in_the_shape_of_the_real_org(client: Any) -> None:
    _, real = recorded("TestSnowfakery.test_run_until_records_in_org__one_needed.yaml", "GET", "count%28Id%29")
    assert kinds(client.query("select count(Id) from Account").json()) == kinds(real)


def test_creating_one_record_answers_as_the_real_org_does(client: Any) -> None:
    status, real = recorded(
        "TestCompositeParallelSalesforce.test_composite_parallel_salesforce.yaml", "POST", "sobjects/Account/"
    )
    reply = client.call("POST", "sobjects/Account/", json={"Name": "Smith Corp."})
    assert (reply.status_code, kinds(reply.json())) == (status, kinds(real))


def test_collections_answer_as_the_real_org_does(client: Any) -> None:
    name = "TestUpsert.test_upsert_complex_external_id_field_rest__duplicate_error.yaml"
    status, real = recorded("TestUpsert.test_upsert__rest.yaml", "POST", "composite/sobjects")
    record = {"Name": "Sitwell-Bluth", "attributes": {"type": "Account"}}
    reply = client.call("POST", "composite/sobjects", json={"allOrNone": False, "records": [record]})
    assert (reply.status_code, kinds(reply.json())) == (status, kinds(real))
    status, real = recorded(name, "PATCH", "composite/sobjects/Account/Id")
    body = {"allOrNone": False, "records": [{**record, "AccountNumber": "420", "Id": None}]}
    reply = client.call("PATCH", "composite/sobjects/Account/Id", json=body)
    assert (reply.status_code, kinds(reply.json())) == (status, kinds(real))


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        (
            "TestCountSObjects.test_count_sobjects__errors.yaml",
            ["query/?q=select count() from Account", "query/?q=select count() from XYZZY"],
        ),
        ("TestCompositeParallelSalesforce.test_errors.yaml", ["sobjects/Foo"]),
    ],
)
def test_a_composite_answers_as_the_real_org_does_errors_included(client: Any, name: str, paths: list[str]) -> None:
    status, real = recorded(name, "POST", "composite")
    calls = [{"referenceId": f"ref{n}", "method": "GET", "url": f"/services/data/v66.0/{path}"} for n, path in enumerate(paths)]
    reply = client.call("POST", "composite", json={"compositeRequest": calls})
    ours = reply.json()
    assert reply.status_code == status
    for mine, theirs in zip(ours["compositeResponse"], real["compositeResponse"], strict=True):
        assert kinds(mine) == kinds(theirs)
        assert mine["httpStatusCode"] == theirs["httpStatusCode"]
        if theirs["httpStatusCode"] >= 400:
            assert mine["body"][0]["errorCode"] == theirs["body"][0]["errorCode"]
            assert mine["body"][0]["message"].split("\n")[-1] == theirs["body"][0]["message"].split("\n")[-1]


def test_record_counts_and_one_record_answer_in_the_shape_of_the_real_org(salesforce: Any, client: Any) -> None:
    _, real = recorded("TestSelect.test_select_random_strategy.yaml", "GET", "recordCount")
    assert kinds(client.call("GET", "limits/recordCount?sObjects=Account").json()) == kinds(real)
    _, real = recorded("GET_sobjects_Organization.yaml", "GET", "Organization")
    ours = client.call("GET", f"sobjects/Organization/{salesforce.org.organization_id}").json()
    assert ours.keys() <= real.keys()
    both = {key for key in ours if ours[key] is not None and real[key] is not None}
    assert {key: kinds(ours[key]) for key in both} == {key: kinds(real[key]) for key in both}
