"""The REST endpoints, as any client sees them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

ENTRY = "DocListEntry__c"


def errors(reply: Any) -> tuple[int, str]:
    return reply.status_code, reply.json()[0]["errorCode"]


def collection(client: Any, method: str, rows: list[dict[str, Any]], *, sobject: str = ENTRY, all_or_none: bool = False) -> Any:
    records = [{"attributes": {"type": sobject}, **row} for row in rows]
    return client.call(method, "composite/sobjects", json={"allOrNone": all_or_none, "records": records})


def codes(reply: Any) -> list[str]:
    assert reply.status_code == 200, reply.text
    return ["ok" if row["success"] else row["errors"][0]["statusCode"] for row in reply.json()]


# -- single records ---------------------------------------------------------------------------------------------------


def test_a_record_is_created_read_updated_and_deleted(client: Any) -> None:
    created = client.call("POST", "sobjects/Account/", json={"Name": "  Acme  ", "Phone": " "})
    assert created.status_code == 201
    assert created.json() == {"id": created.json()["id"], "success": True, "errors": []}
    path = f"sobjects/Account/{created.json()['id']}"
    assert client.call("PATCH", path, json={"Phone": "1"}).status_code == 204
    read = client.call("GET", path).json()
    assert (read["Name"], read["Phone"]) == ("Acme", "1")
    assert client.call("GET", path, params={"fields": "Name"}).json() == {"attributes": read["attributes"], "Name": "Acme"}
    assert client.call("DELETE", path).status_code == 204
    assert errors(client.call("GET", path)) == (404, "NOT_FOUND")
    assert errors(client.call("DELETE", path)) == (404, "ENTITY_IS_DELETED")
    assert errors(client.call("PATCH", path, json={"Phone": "2"})) == (404, "ENTITY_IS_DELETED")


@pytest.mark.parametrize(
    ("sobject", "values", "code", "fields"),
    [
        ("Account", {}, "REQUIRED_FIELD_MISSING", ["Name"]),
        ("Account", {"Name": "   "}, "REQUIRED_FIELD_MISSING", ["Name"]),
        ("Account", {"Name": "x" * 256}, "STRING_TOO_LONG", ["Name"]),
        (ENTRY, {"URL__c": "x" * 256}, "STRING_TOO_LONG", ["URL__c"]),
        (ENTRY, {"Account__c": "001000000000001AAA"}, "INVALID_CROSS_REFERENCE_KEY", ["Account__c"]),
        (ENTRY, {"Account__c": "nonsense"}, "MALFORMED_ID", ["Account__c"]),
        ("Account", {"Name": "a", "CreatedDate": "2020-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["CreatedDate"]),
        ("Account", {"Name": "a", "Nope__c": 1}, "INVALID_FIELD", None),
        ("Account", {"Name": 5}, "JSON_PARSER_ERROR", None),
    ],
)
def test_a_wrong_record_is_refused_with_the_code_of_the_real_org(
    client: Any, sobject: str, values: dict[str, Any], code: str, fields: list[str] | None
) -> None:
    reply = client.call("POST", f"sobjects/{sobject}", json=values)
    assert errors(reply) == (400, code)
    assert reply.json()[0].get("fields") == fields


def test_a_url_of_255_characters_is_kept_to_the_letter(client: Any) -> None:
    url = "s3://bucket/" + "ü%20+" * 48 + "end"
    assert len(url) == 255
    entry = client.create(ENTRY, URL__c=url)
    assert client.call("GET", f"sobjects/{ENTRY}/{entry}").json()["URL__c"] == url


def test_an_account_named_by_a_dot_among_blanks_is_kept(client: Any) -> None:
    client.create("Account", Name="   .   ")
    assert client.rows("SELECT Name FROM Account") == [{"Name": "."}]


def test_a_deleted_record_is_seen_by_query_all_only_and_its_children_lose_their_lookup(client: Any) -> None:
    account = client.create("Account", Name="Acme")
    entry = client.create(ENTRY, Account__c=account)
    client.call("DELETE", f"sobjects/Account/{account}")
    assert client.rows("SELECT Id FROM Account") == []
    assert client.query("SELECT Id, IsDeleted FROM Account", resource="queryAll/").json()["records"][0]["IsDeleted"] is True
    assert client.rows("SELECT Id, Account__c FROM DocListEntry__c") == [{"Id": entry, "Account__c": None}]
    assert errors(client.call("POST", f"sobjects/{ENTRY}", json={"Account__c": account})) == (404, "ENTITY_IS_DELETED")


def test_a_change_moves_the_stamps_by_the_orgs_own_clock(client: Any, clock: Any) -> None:
    entry = client.create(ENTRY, Name="a")
    clock.advance(minutes=5)
    reply = client.call("PATCH", f"sobjects/{ENTRY}/{entry}", json={"URL__c": "https://example.com"})
    assert reply.headers["Date"] == "Fri, 20 Nov 2026 12:05:00 GMT"
    row = client.rows("SELECT CreatedDate, SystemModstamp FROM DocListEntry__c")[0]
    assert row == {"CreatedDate": "2026-11-20T12:00:00.000+0000", "SystemModstamp": "2026-11-20T12:05:00.000+0000"}


def test_an_update_can_be_bound_to_an_unmodified_record(client: Any, clock: Any) -> None:
    path = f"sobjects/{ENTRY}/{client.create(ENTRY, Name='a')}"
    clock.advance(minutes=1)
    since = {"If-Unmodified-Since": "Fri, 20 Nov 2026 12:00:00 GMT"}
    assert client.call("PATCH", path, json={"Name": "b"}, headers=since).status_code == 204
    refused = client.call("PATCH", path, json={"Name": "c"}, headers=since)
    assert errors(refused) == (412, "PRECONDITION_FAILED")
    part = {
        "method": "PATCH",
        "url": f"/services/data/v66.0/{path}",
        "referenceId": "a",
        "httpHeaders": since,
        "body": {"Name": "d"},
    }
    reply = client.call("POST", "composite", json={"compositeRequest": [part]})
    assert reply.json()["compositeResponse"][0]["httpStatusCode"] == 412
    assert client.call("GET", path).json()["Name"] == "b"


def test_upsert_by_external_id_creates_updates_and_names_several_matches(client: Any) -> None:
    path = "sobjects/Account/Legacy_Id__c/a%2F1"
    assert client.call("PATCH", path, json={"Name": "one"}).status_code == 201
    again = client.call("PATCH", path, json={"Name": "two"})
    assert (again.status_code, again.json()["created"]) == (200, False)
    assert client.call("GET", path).json()["Legacy_Id__c"] == "a/1"
    for _ in range(2):
        client.create("Account", Name="twin", Region__c="north")
    several = client.call("PATCH", "sobjects/Account/Region__c/north", json={"Name": "three"})
    assert (several.status_code, len(several.json())) == (300, 2)
    assert errors(client.call("PATCH", "sobjects/Account/Phone/1", json={"Name": "x"})) == (404, "NOT_FOUND")


def test_a_unique_value_is_taken_once(client: Any) -> None:
    first = client.create("Account", Name="a", Legacy_Id__c="7")
    assert errors(client.call("POST", "sobjects/Account", json={"Name": "b", "Legacy_Id__c": "7"})) == (400, "DUPLICATE_VALUE")
    client.call("DELETE", f"sobjects/Account/{first}")
    client.create("Account", Name="b", Legacy_Id__c="7")


def test_updated_and_deleted_name_what_changed_in_a_span(client: Any, clock: Any) -> None:
    kept, gone = client.create(ENTRY, Name="kept"), client.create(ENTRY, Name="gone")
    clock.advance(hours=1)
    client.call("DELETE", f"sobjects/{ENTRY}/{gone}")
    span = {"start": "2026-11-20T11:00:00+00:00", "end": "2026-11-20T14:00:00+00:00"}
    assert client.call("GET", f"sobjects/{ENTRY}/updated/", params=span).json()["ids"] == [kept]
    assert client.call("GET", f"sobjects/{ENTRY}/deleted/", params=span).json()["deletedRecords"] == [
        {"id": gone, "deletedDate": "2026-11-20T13:00:00.000+0000"}
    ]
    assert client.call("GET", f"sobjects/{ENTRY}/updated/", params={"start": "x", "end": "y"}).status_code == 400


# -- queries ----------------------------------------------------------------------------------------------------------


def test_a_long_result_comes_in_pages_of_2000_as_it_was_when_asked(salesforce: Any, client: Any) -> None:
    ids = [salesforce.org.insert(ENTRY, {"Name": f"n{n}"}) for n in range(4_001)]
    first = client.query("SELECT Id, Name FROM DocListEntry__c").json()
    assert (first["totalSize"], first["done"], len(first["records"])) == (4_001, False, 2_000)
    salesforce.org.update(ENTRY, ids[3_000], {"Name": "changed since"})
    second = client.call("GET", first["nextRecordsUrl"]).json()
    third = client.call("GET", second["nextRecordsUrl"]).json()
    assert (third["done"], "nextRecordsUrl" in third) == (True, False)
    rows = first["records"] + second["records"] + third["records"]
    assert [row["Id"] for row in rows] == ids
    assert rows[3_000]["Name"] == "n3000"
    assert errors(client.call("GET", "query/01g000000000001AAA-999999")) == (400, "INVALID_QUERY_LOCATOR")


def test_a_statement_that_makes_the_address_too_long_is_refused(client: Any) -> None:
    many = ",".join(["'a0X000000000001AAA'"] * 900)
    assert client.query(f"SELECT Id FROM DocListEntry__c WHERE Id IN ({many})").status_code == 414
    assert client.call("GET", "limits/", headers={"X-Long": "x" * 16_384}).status_code == 431


def test_metadata_shows_the_automation_and_the_permissions(salesforce: Any, client: Any) -> None:
    salesforce.org.add_trigger(ENTRY, "StampUrl", lambda old, new: None)
    salesforce.org.add_validation_rule(ENTRY, "UrlMustBeHttps", lambda record: None)
    salesforce.org.add_flow(ENTRY, "NotifyOwner", lambda old, new: None)

    def tooling(soql: str) -> Any:
        return client.query(soql, resource="tooling/query/").json()

    assert (
        tooling("SELECT Name FROM ApexTrigger WHERE TableEnumOrId = 'DocListEntry__c' AND Status = 'Active'")["records"][0][
            "Name"
        ]
        == "StampUrl"
    )
    rules = "SELECT ValidationName, EntityDefinition.QualifiedApiName FROM ValidationRule WHERE EntityDefinition.QualifiedApiName = '{}' AND Active = true"
    assert tooling(rules.format(ENTRY))["records"][0]["EntityDefinition"]["QualifiedApiName"] == ENTRY
    assert tooling(rules.format("Account"))["size"] == 0
    assert client.rows("SELECT Label FROM FlowDefinitionView WHERE IsActive = true") == [{"Label": "NotifyOwner"}]
    assert client.rows("SELECT PermissionsViewAllData FROM UserPermissionAccess") == [{"PermissionsViewAllData": True}]
    salesforce.org.permissions.read_only_fields.add("DocListEntry__c.URL__c")
    user = salesforce.org.api_user_id
    granted = f"SELECT PermissionsEdit FROM FieldPermissions WHERE Field = 'DocListEntry__c.URL__c' AND ParentId IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '{user}')"
    assert client.rows(granted) == [{"PermissionsEdit": False}]


# -- permissions ------------------------------------------------------------------------------------------------------


def test_who_lacks_view_all_silently_sees_his_own_records_only(salesforce: Any, client: Any) -> None:
    other = salesforce.org.insert(ENTRY, {"Name": "another's"})
    client.create(ENTRY, Name="mine")
    salesforce.org.permissions.view_all = False
    assert client.rows("SELECT Name FROM DocListEntry__c") == [{"Name": "mine"}]
    assert client.query("SELECT COUNT() FROM DocListEntry__c").json()["totalSize"] == 1
    assert codes(collection(client, "PATCH", [{"id": other, "Name": "x"}])) == ["INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"]


def test_a_field_that_is_hidden_or_read_only_shows_in_describe_and_in_errors(client: Any) -> None:
    entry = client.create(ENTRY, URL__c="https://example.com/a")

    def described() -> dict[str, Any]:
        return {field["name"]: field for field in client.call("GET", f"sobjects/{ENTRY}/describe").json()["fields"]}

    assert described()["URL__c"]["updateable"] is True
    client.call("PATCH", "/_simulator/permissions", json={"read_only_fields": ["DocListEntry__c.URL__c"]})
    assert described()["URL__c"]["updateable"] is False
    reply = client.call("PATCH", f"sobjects/{ENTRY}/{entry}", json={"URL__c": "https://example.com/b"})
    assert errors(reply) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    client.call("PATCH", "/_simulator/permissions", json={"hidden_fields": ["DocListEntry__c.URL__c"]})
    assert "URL__c" not in described()
    assert client.refusal("SELECT URL__c FROM DocListEntry__c") == "INVALID_FIELD"
    client.call("PATCH", "/_simulator/permissions", json={"hidden_objects": [ENTRY]})
    assert client.refusal("SELECT Id FROM DocListEntry__c") == "INVALID_TYPE"


# -- collections and composite ----------------------------------------------------------------------------------------


def test_a_collection_answers_row_by_row_in_the_order_of_the_request(client: Any) -> None:
    gone, kept = client.create(ENTRY, Name="gone"), client.create(ENTRY, Name="kept")
    account = client.create("Account", Name="Acme")
    client.call("DELETE", f"sobjects/{ENTRY}/{gone}")
    rows = [
        {"id": gone, "Name": "x"},
        {"id": kept, "Name": "new"},
        {"id": account, "Name": "x"},
        {"id": kept, "URL__c": "u" * 256},
    ]
    rows += [{"id": "a0XDn0000zzzzzz", "Name": "x"}, {"Name": "no id"}]
    reply = collection(client, "PATCH", rows)
    assert codes(reply) == [
        "ENTITY_IS_DELETED",
        "ok",
        "MALFORMED_ID",
        "STRING_TOO_LONG",
        "INVALID_CROSS_REFERENCE_KEY",
        "MISSING_ARGUMENT",
    ]
    assert reply.json()[1] == {"id": kept, "success": True, "errors": []}
    assert client.rows("SELECT Name FROM DocListEntry__c") == [{"Name": "new"}]


def test_all_or_none_takes_every_row_back(client: Any) -> None:
    kept = client.create(ENTRY, Name="kept")
    rows = [{"id": kept, "Name": "new"}, {"id": kept, "URL__c": "u" * 256}]
    assert codes(collection(client, "PATCH", rows, all_or_none=True)) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "STRING_TOO_LONG"]
    assert (
        codes(collection(client, "POST", [{"Name": "a"}, {"Account__c": "x"}], all_or_none=True))[0]
        == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    )
    assert client.rows("SELECT Name FROM DocListEntry__c") == [{"Name": "kept"}]


def test_a_collection_takes_200_rows_and_a_retrieval_2000_ids(client: Any) -> None:
    created = collection(client, "POST", [{"Name": f"n{n}"} for n in range(200)])
    assert codes(created) == ["ok"] * 200
    ids = [row["id"] for row in created.json()]
    assert errors(collection(client, "POST", [{"Name": "x"}] * 201)) == (400, "EXCEEDED_MAX_SIZE_REQUEST")
    path = f"composite/sobjects/{ENTRY}"
    read = client.call("POST", path, json={"ids": [ids[5], "a0XDn0000zzzzzzAAA", ids[1]], "fields": ["Name"]}).json()
    assert [row and row["Name"] for row in read] == ["n5", None, "n1"]
    assert client.call("POST", path, json={"ids": ids[:1] * 2_000, "fields": ["Id"]}).status_code == 200
    assert client.call("POST", path, json={"ids": ids[:1] * 2_001, "fields": ["Id"]}).status_code == 400
    assert errors(client.call("POST", path, json={"ids": ids, "fields": ["Nope"]})) == (400, "INVALID_FIELD")
    assert codes(client.call("DELETE", f"composite/sobjects?ids={','.join(ids[:2])}")) == ["ok", "ok"]
    assert client.query("SELECT COUNT() FROM DocListEntry__c").json()["totalSize"] == 198


def test_an_unknown_field_fails_the_whole_collection(client: Any) -> None:
    assert errors(collection(client, "POST", [{"Name": "a"}, {"Nope__c": 1}])) == (400, "INVALID_FIELD")
    assert client.rows("SELECT Id FROM DocListEntry__c") == []


def test_a_collection_upserts_by_external_id(client: Any) -> None:
    rows = [{"attributes": {"type": "Account"}, "Legacy_Id__c": key, "Name": key} for key in ("a", "b", "A")]
    reply = client.call("PATCH", "composite/sobjects/Account/Legacy_Id__c", json={"records": rows})
    assert [row["created"] for row in reply.json()] == [True, True, False]
    assert [row["Name"] for row in client.rows("SELECT Name FROM Account ORDER BY Id")] == ["A", "b"]


def composite(client: Any, *calls: tuple[str, str, Any], all_or_none: bool = False) -> Any:
    requests = []
    for number, (method, path, body) in enumerate(calls):
        request = {"method": method, "url": f"/services/data/v66.0/{path}", "referenceId": f"r{number}"}
        requests.append(request if body is None else {**request, "body": body})
    return client.call("POST", "composite", json={"allOrNone": all_or_none, "compositeRequest": requests})


def test_a_composite_runs_its_calls_in_order_and_hands_answers_on(client: Any) -> None:
    reply = composite(
        client,
        ("POST", "sobjects/Account", {"Name": "Acme"}),
        ("POST", f"sobjects/{ENTRY}", {"Account__c": "@{r0.id}"}),
        ("GET", "query/?q=SELECT COUNT() FROM DocListEntry__c WHERE Account__c = '@{r0.id}'", None),
        ("GET", "sobjects/Account/001000000000000AAA", None),
        ("GET", "sobjects/Account/@{r3.Id}", None),
    ).json()["compositeResponse"]
    assert [part["httpStatusCode"] for part in reply] == [201, 201, 200, 404, 400]
    assert [part["referenceId"] for part in reply] == ["r0", "r1", "r2", "r3", "r4"]
    assert reply[2]["body"]["totalSize"] == 1
    assert reply[4]["body"][0]["errorCode"] == "PROCESSING_HALTED"


def test_a_composite_that_must_succeed_as_a_whole_is_taken_back(client: Any) -> None:
    reply = composite(client, ("POST", "sobjects/Account", {"Name": "a"}), ("POST", "sobjects/Account", {}), all_or_none=True)
    assert [part["body"][0]["errorCode"] for part in reply.json()["compositeResponse"]] == [
        "PROCESSING_HALTED",
        "REQUIRED_FIELD_MISSING",
    ]
    assert client.rows("SELECT Id FROM Account") == []


def test_a_composite_is_limited_to_25_calls_of_which_5_are_collections_or_queries(client: Any) -> None:
    light, heavy = ("GET", "limits", None), ("GET", "query/?q=SELECT Id FROM Account", None)
    assert composite(client, *[light] * 20, *[heavy] * 5).status_code == 200
    assert composite(client, *[light] * 26).status_code == 400
    assert composite(client, *[heavy] * 6).status_code == 400


# -- automation -------------------------------------------------------------------------------------------------------


def test_automation_may_change_a_value_or_reject_a_record(salesforce: Any, client: Any) -> None:
    entry = client.create(ENTRY, URL__c="https://example.com/A")
    salesforce.org.add_trigger(ENTRY, "Lower", lambda old, new: {"URL__c": str(new["URL__c"]).lower()} if old else None)
    salesforce.org.add_validation_rule(
        ENTRY, "NoFtp", lambda new: "No FTP, please" if str(new["URL__c"]).startswith("ftp:") else None
    )
    reply = collection(client, "PATCH", [{"id": entry, "URL__c": "https://example.com/B"}, {"id": entry, "URL__c": "ftp://x"}])
    assert codes(reply) == ["ok", "FIELD_CUSTOM_VALIDATION_EXCEPTION"]
    assert reply.json()[1]["errors"][0]["message"] == "No FTP, please"
    assert client.rows("SELECT URL__c FROM DocListEntry__c") == [{"URL__c": "https://example.com/b"}]


# -- the rest ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/services/data/v12.0/limits", 404),
        ("GET", "/services/data/v99.0/limits", 404),
        ("GET", "/nowhere", 404),
        ("GET", "sobjects/Nope", 404),
        ("GET", "sobjects/Nope/describe", 404),
        ("PUT", "sobjects/Account", 405),
        ("GET", "jobs/unknown", 404),
    ],
)
def test_what_is_not_there_is_said_so(client: Any, method: str, path: str, status: int) -> None:
    reply = client.call(method, path)
    assert reply.status_code == status
    assert isinstance(reply.json()[0]["errorCode"], str)


def test_a_body_that_is_no_json_is_refused(client: Any) -> None:
    assert errors(client.call("POST", "sobjects/Account", data=b"{")) == (400, "JSON_PARSER_ERROR")


def test_every_reply_tells_the_usage_until_the_allowance_is_used_up(salesforce: Any, client: Any) -> None:
    salesforce.api_limit = 2
    assert client.call("GET", "limits/").headers["Sforce-Limit-Info"] == "api-usage=1/2"
    assert client.call("GET", "limits/").json()["DailyApiRequests"] == {"Max": 2, "Remaining": 0}
    assert errors(client.call("GET", "limits/")) == (403, "REQUEST_LIMIT_EXCEEDED")


def test_many_clients_at_once_get_ids_of_their_own(salesforce: Any, client: Any) -> None:
    token = client.http.headers["Authorization"]

    def create(number: int) -> str:
        url = f"{client.url}/services/data/v66.0/sobjects/Account"
        with requests.Session() as http:
            http.trust_env = False
            reply = http.post(url, json={"Name": f"a{number}"}, headers={"Authorization": token}, timeout=20)
            return str(reply.json()["id"])

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(create, range(64)))
    assert {row["Id"] for row in client.rows("SELECT Id FROM Account")} == ids
    assert len(ids) == 64
