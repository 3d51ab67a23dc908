"""Saved mappings: versions that are never changed, what is refused, and the loads that go by them."""

import json
from typing import Any

import pytest

from tests.unit.api.conftest import Stack
from waybill.records.mapping import from_json
from waybill.records.mappings import MappingStore
from waybill.table import Item, Table

INPUT = "inbox/0123456789abcdef/items.csv"
RULES: list[dict[str, Any]] = [
    {"field": "Code__c", "expression": 'UPPER(TRIM({Old code})) & "-1"'},
    {"field": "Status__c", "column": "State", "values": {"on": "Active"}, "default": "Draft"},
    {"field": "Count__c", "constant": 0},
]
TABLE = {"table": "Items", "object": "Product2", "external_id": "Code__c", "operation": "", "rest": True, "rules": RULES}


def body(**changed: Any) -> dict[str, Any]:
    return {"tables": [{**TABLE, **changed}]}


def test_a_mapping_that_is_saved_is_shown_as_it_was_sent(stack: Stack) -> None:
    reply = stack.ask("POST", "/api/mappings", {"name": "old-crm", **body()})
    assert (reply.status, reply.headers["Location"]) == (201, "/api/mappings/old-crm")
    shown = stack.ask("GET", "/api/mappings/old-crm", groups="[viewer]").json
    assert shown == reply.json == {
        "name": "old-crm", "version": 1, "saved_at": "2026-11-21T14:00:00.000Z", "saved_by": "ana", "tables": [TABLE],
    }  # fmt: skip


def test_a_new_version_overwrites_none_and_the_same_again_is_none(stack: Stack) -> None:
    versions = [stack.ask("PUT", "/api/mappings/old-crm", body(rest=rest)).json["version"] for rest in (True, False, False)]
    assert versions == [1, 2, 2]
    shown = {n: stack.ask("GET", f"/api/mappings/old-crm?version={n}").json["tables"][0]["rest"] for n in (1, 2)}
    assert shown == {1: True, 2: False}
    assert stack.ask("GET", "/api/mappings/old-crm?version=3").status == 404
    again = stack.ask("POST", "/api/mappings", {"name": "old-crm", **body()})
    assert (again.status, again.json["class"]) == (409, "Conflict")


def test_a_number_and_a_truth_are_not_the_same_constant(stack: Stack) -> None:
    for constant in (1, True, "1"):
        saved = stack.ask("PUT", "/api/mappings/m", body(rules=[{"field": "A", "constant": constant}])).json
        assert saved["tables"][0]["rules"][0]["constant"] is constant or constant == "1"
    assert saved["version"] == 3


def test_a_deleted_mapping_is_gone_and_one_of_its_name_goes_on_with_its_versions(stack: Stack) -> None:
    stack.ask("PUT", "/api/mappings/old-crm", body())
    stack.ask("PUT", "/api/mappings/other", body())
    assert stack.ask("DELETE", "/api/mappings/old-crm").json == {"deleted": "old-crm"}
    assert [each["name"] for each in stack.pages("/api/mappings")] == ["other"]
    gone = [stack.ask(method, "/api/mappings/old-crm").status for method in ("GET", "DELETE")]
    assert gone == [404, 404]
    assert stack.ask("POST", "/api/mappings", {"name": "old-crm", **body(rest=False)}).json["version"] == 2


def test_all_pages_of_mappings_are_given_also_over_deleted_ones(stack: Stack) -> None:
    for n in range(5):
        stack.ask("PUT", f"/api/mappings/m{n}", body())
    for n in (1, 2):
        stack.ask("DELETE", f"/api/mappings/m{n}")
    assert [each["name"] for each in stack.pages("/api/mappings", limit=2)] == ["m0", "m3", "m4"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"rules": [{"field": "A"}]},
        {"rules": [{"field": "A", "column": "x", "constant": 1}]},
        {"rules": [{"field": "A", "constant": ""}]},
        {"rules": [{"field": "A", "expression": "UPPER("}]},
        {"rules": [{"field": "A", "column": "x"}, {"field": "a", "column": "y"}]},
        {"rules": [{"field": "A; DROP", "column": "x"}]},
        {"rules": [{"field": "A", "column": "x", "values": {"a": ["b"]}}]},
        {"rules": [{"field": "A", "column": "x", "colour": "red"}]},
        {"rules": [{"field": f"A{n}", "constant": "x" * 30_000} for n in range(20)]},
        {"rules": "none"},
        {"object": "No object"},
        {"operation": "delete"},
    ],
)
def test_what_is_no_mapping_is_not_saved(stack: Stack, wrong: dict[str, Any]) -> None:
    assert stack.ask("PUT", "/api/mappings/m", body(**wrong)).status == 422
    assert stack.pages("/api/mappings") == []


def test_a_table_that_is_mapped_twice_is_refused_by_its_name(stack: Stack) -> None:
    reply = stack.ask("PUT", "/api/mappings/m", {"tables": [TABLE, {**TABLE, "table": " ITEMS"}]})
    assert (reply.status, "the table items twice" in reply.json["detail"]) == (422, True)


@pytest.mark.parametrize("name", ["-m", ".", "a b", "a@2", "x" * 81, "MAPPING%23a"])
def test_a_name_that_could_be_mistaken_is_refused(stack: Stack, name: str) -> None:
    assert stack.ask("POST", "/api/mappings", {"name": name, **body()}).status == 422


def test_two_that_save_at_once_make_two_versions(stack: Stack) -> None:
    """The second comes between the first one's look and its write."""

    class Slow(Table):
        def __init__(self) -> None:
            super().__init__(client=stack.table._client, name=stack.table.name)
            self.others = ["second"]

        def put_together(self, items: Any) -> None:
            if self.others:
                MappingStore(stack.table).save(_of(self.others.pop()), by="ben", at="t")
            super().put_together(items)

    saved = MappingStore(Slow()).save(_of("first"), by="ana", at="t")
    assert saved.mapping.version == 2
    kept = [MappingStore(stack.table).get("m", version) for version in (1, 2)]
    assert [(each.saved_by, each.mapping.tables[0].rules[0].column) for each in kept] == [("ben", "second"), ("ana", "first")]


def test_a_deletion_whose_reply_was_lost_is_done(stack: Stack) -> None:
    class Lossy(Table):
        def __init__(self) -> None:
            super().__init__(client=stack.table._client, name=stack.table.name)
            self.lose = True

        def put_together(self, items: Any) -> None:
            written: list[tuple[Item, int]] = list(items)
            super().put_together(written)
            if self.lose:  # the client sends it once more
                self.lose = False
                super().put_together(written)

    MappingStore(stack.table).save(_of("x"), by="ana", at="t")
    MappingStore(Lossy()).delete("m", by="ana", at="t2")
    assert [head.deleted for head in MappingStore(stack.table).heads()] == [True]


def _of(column: str) -> Any:
    return from_json({"name": "m", "tables": [{"table": "T", "object": "O", "rules": [{"field": "A", "column": column}]}]})


def start(stack: Stack, **more: Any) -> Any:
    return stack.ask("POST", "/api/runs", {"kind": "load", "mode": "dry_run", "input": INPUT, **more})


def test_a_load_keeps_to_the_version_that_was_the_latest_when_it_was_asked_for(stack: Stack) -> None:
    stack.ask("PUT", "/api/mappings/old-crm", body())
    stack.ask("PUT", "/api/mappings/old-crm", body(rest=False))
    for asked, kept in ({}, 2), ({"mapping_version": 1}, 1):
        arn = start(stack, mapping="old-crm", **asked).json["execution_arn"]
        given = json.loads(stack.sfn.describe_execution(executionArn=arn)["input"])["load"]
        assert (given["mapping"], given["mapping_version"]) == ("old-crm", kept)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"mapping": "unknown"}, 404),
        ({"mapping": "old-crm", "mapping_version": 7}, 404),
        ({"mapping_version": 1}, 422),
        ({"mapping": "old-crm", "input": None, "retry_of": "load-1"}, 422),
        ({"mapping": "../x"}, 422),
    ],
)
def test_a_load_by_what_is_not_there_is_not_started(stack: Stack, more: dict[str, Any], status: int) -> None:
    stack.ask("PUT", "/api/mappings/old-crm", body())
    assert start(stack, **more).status == status
    assert stack.sfn.list_executions(stateMachineArn=stack.machines["load"])["executions"] == []
