"""Bulk API 2.0: jobs whose rows are written once whatever reply is lost, results told row by row, queries by pages."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from local.salesforce.simulator import SalesforceSimulator
from tests.unit.salesforce.scripted import Answer, ScriptedOrg
from waybill.errors import (
    InvalidInput,
    SalesforceDenied,
    SalesforceError,
    SalesforceQuotaExhausted,
    SalesforceRequestInvalid,
    SalesforceUnavailable,
)
from waybill.salesforce.bulk import BulkJob, BulkOperation, JobState
from waybill.salesforce.bulk_csv import SentRows, csv_parts
from waybill.salesforce.client import SalesforceClient

MakeClient = Callable[..., SalesforceClient]
JOB = "750000000000001AAA"


def started(client: SalesforceClient, rows: list[dict[str, object]], columns: list[str], **settings: str) -> str:
    """A closed job."""
    operation = BulkOperation.UPSERT if settings else BulkOperation.INSERT
    job = client.bulk.create("Account", operation, **settings)
    (part,) = csv_parts(rows, columns)
    client.bulk.upload(job.id, part.data)
    client.bulk.close(job.id)
    return job.id


def finished(client: SalesforceClient, job_id: str, most: int = 40) -> BulkJob:
    for _ in range(most):
        job = client.bulk.job(job_id)
        if job.state.done:
            return job
    raise AssertionError("the job does not end")


def names(simulator: SalesforceSimulator) -> Counter[object]:
    return Counter(row["Name"] for row in simulator.org.all("Account"))


def test_rows_are_inserted_and_each_result_finds_its_row(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    rows: list[dict[str, object]] = [
        {"Name": 'a, "b"\nc', "Phone": None},
        {"Name": "same"},
        {"Name": "x" * 256, "Phone": "1"},
        {"Name": "same"},
        {"Name": "ü\r\nz", "Phone": ""},
    ]
    columns = ["Name", "Phone"]
    job_id = started(client, rows, columns)
    job = finished(client, job_id)
    assert (job.state, job.processed, job.failed, job.error, job.sobject) == (JobState.COMPLETE, 5, 1, "", "Account")
    sent = SentRows(rows, columns)
    found = {sent.take(result.values): result for result in client.bulk.successful(job_id)}
    assert found.keys() == {0, 1, 3, 4}
    assert {n: (simulator.org.get("Account", found[n].id) or {})["Name"] for n in (0, 1, 3)} == {
        0: 'a, "b"\nc',
        1: "same",
        3: "same",
    }
    (bad,) = client.bulk.failed(job_id)
    assert (sent.take(bad.values), bad.ok, bad.code) == (2, False, "STRING_TOO_LONG")
    assert "data value too large" in bad.message
    assert (sent.left(), sent.take(bad.values)) == ([], None)
    assert list(client.bulk.unprocessed(job_id)) == []
    assert client.calls["bulk"] == 9


def test_a_field_that_a_row_does_not_name_is_left_alone_and_none_clears_it(
    simulator: SalesforceSimulator, client: SalesforceClient
) -> None:
    one, two = (simulator.org.insert("Account", {"Name": name, "Phone": "1", "Website": "w"}) for name in "ab")
    job = client.bulk.create("account", BulkOperation.UPDATE)
    rows: list[dict[str, object]] = [{"Id": one, "Phone": None}, {"Id": two, "Website": "v"}]
    (part,) = csv_parts(rows, ["Id", "Phone", "Website"])
    client.bulk.upload(job.id, part.data)
    client.bulk.close(job.id)
    assert finished(client, job.id).failed == 0
    kept = [simulator.org.get("Account", record) or {} for record in (one, two)]
    assert [(row["Phone"], row["Website"]) for row in kept] == [(None, "w"), ("1", "v")]


def test_values_are_written_as_salesforce_reads_them_and_parts_stay_below_their_limit() -> None:
    at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    (part,) = csv_parts([{"a": True, "b": 1.5, "c": at, "d": at.date()}], ["a", "b", "c", "d", "e"])
    assert (part.data, part.rows) == (b"a,b,c,d,e\ntrue,1.5,2026-11-21T12:00:00.000Z,2026-11-21,\n", 1)
    rows = [{"a": "x" * size} for size in (10, 10, 30, 1)]
    parts = list(csv_parts(rows, ["a"], limit=26))
    assert [(found.rows, len(found.data)) for found in parts] == [(2, 24), (1, 33), (1, 4)]
    assert list(csv_parts([], ["a"])) == []


@pytest.mark.parametrize("path", [r"jobs/ingest$", r"jobs/ingest/\w+/batches", r"jobs/ingest/\w+$"])
def test_rows_are_there_once_whichever_reply_is_lost(simulator: SalesforceSimulator, client: SalesforceClient, path: str) -> None:
    simulator.faults.drop_after_commit(path=path)
    job_id = started(client, [{"Name": "a"}, {"Name": "b"}], ["Name"])
    assert finished(client, job_id).state is JobState.COMPLETE
    assert names(simulator) == Counter("ab")


def test_every_call_goes_on_after_a_failure_of_the_server_and_an_expired_session(
    simulator: SalesforceSimulator, client: SalesforceClient
) -> None:
    client.describe("Account")
    simulator.faults.expire_token(1)
    simulator.faults.unavailable(2, path="jobs/ingest")
    simulator.faults.unavailable(1, path="successfulResults")
    job_id = started(client, [{"Name": "a"}], ["Name"])
    finished(client, job_id)
    assert [result.values["Name"] for result in client.bulk.successful(job_id)] == ["a"]
    assert names(simulator) == Counter("a")


def test_a_job_is_aborted_and_tells_what_it_left(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    job_id = started(client, [{"Name": f"a{n}"} for n in range(10_010)], ["Name"])
    for _ in range(3):
        client.bulk.job(job_id)
    assert client.bulk.abort(job_id).state is JobState.ABORTED
    assert len(list(client.bulk.unprocessed(job_id))) == 10
    assert client.bulk.abort(job_id).state is JobState.ABORTED
    assert client.bulk.close(job_id).state is JobState.ABORTED
    client.bulk.delete(job_id)
    client.bulk.delete(job_id)


def test_a_job_that_failed_as_a_whole_says_why(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    job = finished(client, started(client, [{"Nope__c": "a"}], ["Nope__c"]))
    assert (job.state, job.error) == (JobState.FAILED, "InvalidBatch : Field name not found : Nope__c")
    simulator.faults.fail_job(after=1)
    job_id = started(client, [{"Name": "a"}, {"Name": "b"}], ["Name"])
    assert finished(client, job_id).state is JobState.FAILED
    assert [
        [row.values["Name"] for row in rows] for rows in (client.bulk.successful(job_id), client.bulk.unprocessed(job_id))
    ] == [
        ["a"],
        ["b"],
    ]


def test_what_salesforce_refuses_raises_what_a_state_machine_knows(
    simulator: SalesforceSimulator, client: SalesforceClient
) -> None:
    with pytest.raises(SalesforceError, match="INVALIDENTITY"):
        client.bulk.create("Nothing__c", BulkOperation.INSERT)
    with pytest.raises(InvalidInput):
        client.bulk.create("Account", BulkOperation.UPSERT, external_id="a b")
    with pytest.raises(SalesforceError, match="NOT_FOUND"):
        client.bulk.job(JOB)
    with pytest.raises(SalesforceError, match="NOT_FOUND"):
        next(client.bulk.successful(JOB))
    simulator.faults.request_limit()
    with pytest.raises(SalesforceQuotaExhausted):
        client.bulk.create("Account", BulkOperation.INSERT)


def test_a_second_upload_is_refused_unless_it_is_our_own_repeat(client: SalesforceClient) -> None:
    job = client.bulk.create("Account", BulkOperation.INSERT)
    client.bulk.upload(job.id, b"Name\na\n")
    with pytest.raises(SalesforceError, match="multiple contents"):
        client.bulk.upload(job.id, b"Name\na\n")


def test_results_that_break_off_are_no_results(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    text = b'"sf__Id","sf__Created","Name"\n' + b'"001000000000001AAA","true","a"\n' * 5_000
    scripted.answers = [Answer(body=text, headers={"Content-Type": "text/csv"}, cut=10)]
    with pytest.raises(SalesforceUnavailable, match="cut off"):
        list(to_scripted().bulk.successful(JOB))


def test_an_html_page_is_not_taken_for_results(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [Answer(body=b"<html>maintenance</html>", headers={"Content-Type": "text/html"})]
    with pytest.raises(SalesforceUnavailable):
        list(to_scripted(tries=2).bulk.successful(JOB))


def test_a_job_in_words_that_we_do_not_know_is_an_error(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [Answer(body={"id": JOB, "operation": "insert", "state": "Pondering"})]
    with pytest.raises(SalesforceError, match="Pondering"):
        to_scripted().bulk.job(JOB)


# -- queries ----------------------------------------------------------------------------------------------------------


def test_a_query_is_read_by_pages(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    parent = simulator.org.insert("Account", {"Name": "p"})
    for number in range(5):
        simulator.org.insert("Account", {"Name": f"a{number}", "ParentId": parent})
    job = client.bulk_queries.create("SELECT Name, Parent.Name FROM Account ORDER BY Name")
    while not client.bulk_queries.job(job.id).state.done:
        pass
    calls = client.calls["bulk"]
    rows = list(client.bulk_queries.rows(job.id, page=2))
    assert rows == [*({"Name": f"a{n}", "Parent.Name": "p"} for n in range(5)), {"Name": "p", "Parent.Name": ""}]
    assert client.calls["bulk"] - calls == 3
    assert simulator.calls.write_count == 0


def test_a_query_that_is_wrong_is_refused_and_one_under_way_is_aborted(client: SalesforceClient) -> None:
    with pytest.raises(SalesforceRequestInvalid):
        client.bulk_queries.create("SELECT Nope FROM Account")
    job = client.bulk_queries.create("SELECT Id FROM Account", all_rows=True)
    client.bulk_queries.abort(job.id)
    assert client.bulk_queries.job(job.id).state is JobState.ABORTED


def test_a_hundred_thousand_cells_wait_in_no_list(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    rows: list[dict[str, object]] = [{"Name": f"a{n}"} for n in range(2_000)]
    job_id = started(client, rows, ["Name"])
    finished(client, job_id)
    results = client.bulk.successful(job_id)
    assert next(results).ok
    results.close()  # type: ignore[attr-defined]  # a generator
    assert client.limits().limit > 0


@pytest.mark.parametrize("code", ["LIMIT_EXCEEDED", "EXCEEDEDQUOTA", "REQUEST_LIMIT_EXCEEDED"])
def test_a_limit_on_jobs_parks_the_run(code: str, scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [Answer(400, [{"errorCode": code, "message": "Max jobs exceeded"}])]
    with pytest.raises(SalesforceQuotaExhausted, match=code):
        to_scripted().bulk.create("Account", BulkOperation.INSERT)
    with pytest.raises(SalesforceQuotaExhausted, match=code):
        to_scripted().bulk_queries.create("SELECT Id FROM Account")


def test_the_user_may_lack_the_right(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [Answer(403, [{"errorCode": "API_DISABLED_FOR_ORG", "message": "no bulk"}])]
    with pytest.raises(SalesforceDenied):
        to_scripted().bulk.create("Account", BulkOperation.DELETE)
