"""The client on what a real org answered: collections and composites, their rows and their failures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.salesforce.scripted import Answer, ScriptedOrg
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.ids import to18

MakeClient = Callable[..., SalesforceClient]
RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "data" / "salesforce-recordings"
pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(),
    reason="the recorded replies of a real org, ../shared/data/salesforce-recordings, are not on this machine",
)


def recorded(name: str, method: str, part: str) -> list[tuple[int, str]]:
    """(status, body) of the recorded calls whose address ends so."""
    raw = yaml.safe_load((RECORDINGS / name).read_text(encoding="utf-8"))
    calls = [one for one in raw.get("interactions", [raw]) if "request" in one]
    fitting = [one for one in calls if one["request"]["method"] == method and one["request"]["uri"].endswith(part)]
    assert fitting, f"{name} holds no {method} {part}"
    return [(one["response"]["status"]["code"], one["response"]["body"]["string"]) for one in fitting]


def as_composite(status: int, body: Any) -> Answer:  # Any: JSON
    answer = {"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": "rows0"}
    return Answer(body={"compositeResponse": [answer]})


@pytest.mark.parametrize(
    "name",
    [
        "TestUpsert.test_upsert__rest.yaml",
        "TestUpsert.test_simple_upsert__rest.yaml",
        "TestSelect.test_select_similarity_select_and_insert_strategy.yaml",
    ],
)
def test_ids_of_inserted_rows_are_those_that_the_org_gave(name: str, scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    for status, text in recorded(name, "POST", "/composite/sobjects"):
        body = json.loads(text)
        scripted.answers = [as_composite(status, body)]
        results = to_scripted().insert("Account", [{"Name": "a"}] * len(body))
        assert [(result.ok, result.id) for result in results] == [(True, to18(row["id"])) for row in body]


def test_a_real_orgs_updates_are_read(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    for status, text in recorded("TestUpdatesIntegrationTests.test_updates_task.yaml", "PATCH", "/composite/sobjects"):
        body = json.loads(text)
        scripted.answers = [as_composite(status, body)]
        results = to_scripted().update("Account", [{"Id": row["id"], "Name": "a"} for row in body])
        assert all(result.ok for result in results)


def test_a_real_orgs_missing_object_is_none_among_many(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    ((status, text),) = recorded("TestCompositeParallelSalesforce.test_errors.yaml", "POST", "/composite")
    body = json.loads(text)
    body["compositeResponse"][0]["referenceId"] = "object0"
    scripted.answers = [Answer(status, body)]
    assert to_scripted().describe_many(["Foo"]) == [None]


def test_after_a_real_orgs_500_nobody_knows_what_was_inserted(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    ((status, text),) = recorded("ManualEdit_TestCountSObjects.test_count_sobjects__network_errors.yaml", "POST", "/composite")
    scripted.answers = [Answer(status, text.encode() if text else None)]
    (result,) = to_scripted().insert("Account", [{"Name": "a"}])
    assert (status, result.unknown, len(scripted.asked)) == (500, True, 1)
