"""Bulk API 2.0: with simple-salesforce itself, and call by call."""

import csv
import io
from typing import Any

import pytest
import requests
from simple_salesforce.api import Salesforce

from .test_login import by_client_credentials


@pytest.fixture
def org(salesforce: Any, session: requests.Session, monkeypatch: pytest.MonkeyPatch) -> Any:  # Any: made on demand
    # The library waits between its questions.
    monkeypatch.setattr("simple_salesforce.bulk2.sleep", lambda _: None)
    made: Salesforce = by_client_credentials(salesforce, session)
    return made


def job(client: Any, operation: str, data: str, *, sobject: str = "Account", **settings: Any) -> str:
    """A closed job."""
    body = {"object": sobject, "operation": operation, "contentType": "CSV", **settings}
    created = client.call("POST", "jobs/ingest", json=body)
    assert created.status_code == 200, created.text
    path = f"jobs/ingest/{created.json()['id']}"
    uploaded = client.call("PUT", f"{path}/batches", data=data.encode(), headers={"Content-Type": "text/csv"})
    assert (uploaded.status_code, uploaded.content) == (201, b"")
    closed = client.call("PATCH", path, json={"state": "UploadComplete"})
    assert closed.status_code == 200, closed.text
    return path


def states(client: Any, path: str, most: int = 50) -> list[str]:
    """What it answers until it is done."""
    seen: list[str] = []
    while not seen or seen[-1] not in {"JobComplete", "Failed", "Aborted"}:
        seen.append(client.call("GET", path).json()["state"])
        assert len(seen) < most
    return seen


def results(client: Any, path: str, which: str) -> list[dict[str, str]]:
    reply = client.call("GET", f"{path}/{which}")
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/csv")
    return list(csv.DictReader(io.StringIO(reply.text)))


# -- by the library ---------------------------------------------------------------------------------------------------


def test_simple_salesforce_inserts_updates_upserts_and_deletes(salesforce: Any, org: Any) -> None:
    (inserted,) = org.bulk2.Account.insert(records=[{"Name": f"a{n}", "Legacy_Id__c": f"L{n}"} for n in range(3)])
    assert (inserted["numberRecordsProcessed"], inserted["numberRecordsFailed"]) == (3, 0)
    rows = list(csv.DictReader(io.StringIO(org.bulk2.Account.get_successful_records(inserted["job_id"]))))
    ids = [row["sf__Id"] for row in rows]
    assert sorted(ids) == sorted(row["Id"] for row in salesforce.org.all("Account"))
    org.bulk2.Account.update(records=[{"Id": ids[0], "Phone": "1"}, {"Id": ids[1], "Phone": "2"}])
    assert [(salesforce.org.get("Account", one) or {})["Phone"] for one in ids[:2]] == ["1", "2"]
    (upserted,) = org.bulk2.Account.upsert(
        records=[{"Legacy_Id__c": "L0", "Name": "new"}, {"Legacy_Id__c": "L9", "Name": "more"}], external_id_field="Legacy_Id__c"
    )
    told = list(csv.DictReader(io.StringIO(org.bulk2.Account.get_successful_records(upserted["job_id"]))))
    assert {(row["Legacy_Id__c"], row["sf__Created"]) for row in told} == {("L0", "false"), ("L9", "true")}
    org.bulk2.Account.delete(records=[{"Id": ids[2]}])
    assert salesforce.org.get("Account", ids[2]) is None
    assert list(csv.DictReader(io.StringIO(org.bulk2.Account.get_unprocessed_records(upserted["job_id"])))) == []


def test_simple_salesforce_reads_by_pages(salesforce: Any, org: Any) -> None:
    parent = salesforce.org.insert("Account", {"Name": 'Parent, "Inc"'})
    for number in range(5):
        salesforce.org.insert("Account", {"Name": f"a{number}", "ParentId": parent})
    pages = list(org.bulk2.Account.query("SELECT Name, Parent.Name, NumberOfEmployees FROM Account ORDER BY Name", max_records=4))
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page))]
    assert len(pages) == 2
    assert rows[0] == {"Name": "a0", "Parent.Name": 'Parent, "Inc"', "NumberOfEmployees": ""}
    assert rows[5]["Parent.Name"] == ""


# -- rows -------------------------------------------------------------------------------------------------------------


def test_each_row_fails_by_itself_with_its_reason(salesforce: Any, client: Any) -> None:
    data = 'Name,NumberOfEmployees,Phone\n"a, ""b""",5,1\n,1,\n' + "x" * 256 + ",,\nc,many,\n"
    path = job(client, "insert", data)
    assert states(client, path) == ["UploadComplete", "InProgress", "JobComplete"]
    shown = client.call("GET", path).json()
    assert (shown["numberRecordsProcessed"], shown["numberRecordsFailed"], shown["jobType"]) == (4, 3, "V2Ingest")
    (good,) = results(client, path, "successfulResults")
    assert (good["Name"], good["sf__Created"]) == ('a, "b"', "true")
    assert [row["sf__Error"].partition(":")[0] for row in results(client, path, "failedResults")] == [
        "REQUIRED_FIELD_MISSING",
        "STRING_TOO_LONG",
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
    ]
    assert results(client, path, "unprocessedrecords") == []
    (kept,) = salesforce.org.all("Account")
    assert (kept["NumberOfEmployees"], kept["Phone"]) == (5, "1")


def test_an_empty_cell_is_ignored_and_na_clears(salesforce: Any, client: Any) -> None:
    account = salesforce.org.insert("Account", {"Name": "a", "Phone": "1", "Website": "w"})
    states(client, job(client, "update", f"Id,Phone,Website\n{account[:15]},,#N/A\n"))
    kept = salesforce.org.get("Account", account)
    assert (kept["Phone"], kept["Website"]) == ("1", None)


def test_a_parent_is_named_by_its_external_id(salesforce: Any, client: Any) -> None:
    parent = salesforce.org.insert("Account", {"Name": "p", "Legacy_Id__c": "L1"})
    path = job(client, "insert", "Name,Parent.Legacy_Id__c\na,L1\nb,L2\n")
    states(client, path)
    assert [row["ParentId"] for row in salesforce.org.all("Account") if row["Name"] == "a"] == [parent]
    (bad,) = results(client, path, "failedResults")
    assert bad["sf__Error"].startswith("INVALID_FIELD:Foreign key external ID: L2 not found")


def test_booleans_and_dates_are_read_from_text(salesforce: Any, client: Any) -> None:
    states(client, job(client, "insert", "Won__c,Due__c,Amount__c\nTRUE,2026-11-21,2.50\n0,,\n", sobject="Deal__c"))
    assert [(row["Won__c"], row.get("Due__c"), row.get("Amount__c")) for row in salesforce.org.all("Deal__c")] == [
        (True, "2026-11-21", 2.5),
        (False, None, None),
    ]


# -- jobs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "settings", "error"),
    [
        ("Name,Nope__c\na,b\n", {}, "InvalidBatch : Field name not found : Nope__c"),
        ("Name,Parent.Name\na,b\n", {}, "InvalidBatch : Field name not found : Parent.Name"),
        ("Name,name\na,b\n", {}, "InvalidBatch : Duplicate field"),
        ("Name,Phone\na\n", {}, "InvalidBatch : The number of columns"),
        ('Name\n"a', {}, "InvalidBatch : Failed to parse CSV"),
        ("Name\r\na\r\n", {}, "ClientInputError : LineEnding is invalid"),
        ("Name\na\n", {"lineEnding": "CRLF"}, "ClientInputError : LineEnding is invalid"),
        ("", {}, "InvalidBatch : There is no header"),
    ],
)
def test_data_that_cannot_be_read_fails_the_job_and_says_why(
    salesforce: Any, client: Any, data: str, settings: dict[str, Any], error: str
) -> None:
    path = job(client, "insert", data, **settings)
    assert states(client, path) == ["Failed"]
    assert client.call("GET", path).json()["errorMessage"].startswith(error)
    assert salesforce.org.all("Account") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"object": "Nope", "operation": "insert"}, "INVALIDENTITY"),
        ({"object": "Account", "operation": "merge"}, "INVALIDOPERATION"),
        ({"object": "Account", "operation": "upsert"}, "INVALIDJOB"),
        ({"object": "Account", "operation": "upsert", "externalIdFieldName": "Phone"}, "NOT_FOUND"),
        ({"object": "Account", "operation": "insert", "contentType": "XML"}, "INVALIDJOB"),
        ({"object": "Account", "operation": "insert", "columnDelimiter": "DOT"}, "INVALIDJOB"),
        ({"object": "Account", "operation": "insert", "hurry": True}, "JSON_PARSER_ERROR"),
    ],
)
def test_a_job_that_makes_no_sense_is_refused(client: Any, body: dict[str, Any], code: str) -> None:
    assert client.call("POST", "jobs/ingest", json=body).json()[0]["errorCode"] == code


def test_a_job_takes_its_data_once_and_only_while_it_is_open(client: Any) -> None:
    path = "jobs/ingest/" + client.call("POST", "jobs/ingest", json={"object": "Account", "operation": "insert"}).json()["id"]
    csv_type = {"Content-Type": "text/csv"}
    wrong = client.call("PUT", f"{path}/batches", data=b"Name\na\n", headers={"Content-Type": "application/json"})
    assert wrong.json()[0]["errorCode"] == "INVALIDCONTENTTYPE"
    assert client.call("DELETE", path).json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert client.call("PUT", f"{path}/batches", data=b"Name\na\n", headers=csv_type).status_code == 201
    again = client.call("PUT", f"{path}/batches", data=b"Name\na\n", headers=csv_type)
    assert "multiple contents" in again.json()[0]["message"]
    client.call("PATCH", path, json={"state": "UploadComplete"})
    assert client.call("PATCH", path, json={"state": "UploadComplete"}).json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert client.call("PUT", f"{path}/batches", data=b"Name\na\n", headers=csv_type).json()[0]["errorCode"] == "INVALIDJOBSTATE"
    states(client, path)
    assert client.call("PATCH", path, json={"state": "Aborted"}).json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert [one["state"] for one in client.call("GET", "jobs/ingest").json()["records"]] == ["JobComplete"]
    assert client.call("DELETE", path).status_code == 204
    assert client.call("GET", path).json()[0]["errorCode"] == "NOT_FOUND"


def test_a_long_job_is_done_by_batches_and_what_an_abort_leaves_is_told(salesforce: Any, client: Any) -> None:
    path = job(client, "insert", "Name\n" + "".join(f"a{n}\n" for n in range(10_500)))
    shown = [client.call("GET", path).json() for _ in range(3)]
    assert [(one["state"], one["numberRecordsProcessed"]) for one in shown] == [
        ("UploadComplete", 0),
        ("InProgress", 0),
        ("InProgress", 10_000),
    ]
    assert client.call("PATCH", path, json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert len(results(client, path, "unprocessedRecords")) == 500
    assert client.query("SELECT COUNT() FROM Account").json()["totalSize"] == 10_000


# -- misbehaviour -----------------------------------------------------------------------------------------------------


def test_rows_are_locked_dropped_and_failed_as_the_switches_say(salesforce: Any, client: Any) -> None:
    parent = salesforce.org.insert("Account", {"Name": "p"})
    salesforce.faults.lock_rows(None, ids=[parent], path="jobs/ingest", sobject="Account")
    salesforce.faults.drop_rows(1, path="jobs/ingest")
    path = job(client, "insert", f"Name,ParentId\na,\nb,{parent}\nc,\n")
    states(client, path)
    assert [row["Name"] for row in results(client, path, "successfulResults")] == ["a", "c"]
    (bad,) = results(client, path, "failedResults")
    assert bad["sf__Error"].startswith("UNABLE_TO_LOCK_ROW:")
    assert sorted(row["Name"] for row in salesforce.org.all("Account")) == ["c", "p"]


def test_a_job_may_be_given_up_half_way(salesforce: Any, client: Any) -> None:
    salesforce.faults.fail_job(after=2)
    path = job(client, "insert", "Name\na\nb\nc\nd\n")
    assert states(client, path)[-1] == "Failed"
    assert client.call("GET", path).json()["errorMessage"].startswith("InternalServerError")
    assert [row["Name"] for row in results(client, path, "successfulResults")] == ["a", "b"]
    assert [row["Name"] for row in results(client, path, "unprocessedrecords")] == ["c", "d"]


def test_calls_are_logged_by_what_they_are_for_and_reading_is_no_write(salesforce: Any, client: Any) -> None:
    states(client, job(client, "insert", "Name\na\n"))
    assert salesforce.calls.count("GET", "jobs/ingest/{id}") == 3
    assert salesforce.calls.write_count == 3
    query = client.call("POST", "jobs/query", json={"operation": "query", "query": "SELECT Id FROM Account"}).json()
    assert salesforce.calls.write_count == 3
    path = f"jobs/query/{query['id']}"
    assert client.call("GET", f"{path}/results").json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert client.call("PATCH", path, json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert client.call("DELETE", path).status_code == 204


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"operation": "query", "query": "SELECT COUNT(Id) FROM Account"}, "API_ERROR"),
        ({"operation": "query", "query": "SELECT Nope FROM Account"}, "INVALID_FIELD"),
        ({"operation": "query", "query": "SELEC"}, "MALFORMED_QUERY"),
        ({"operation": "query"}, "JSON_PARSER_ERROR"),
    ],
)
def test_a_query_that_cannot_be_run_in_bulk_is_refused(client: Any, body: dict[str, Any], code: str) -> None:
    assert client.call("POST", "jobs/query", json=body).json()[0]["errorCode"] == code
