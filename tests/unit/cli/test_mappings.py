"""`waybill mappings` and `waybill load --mapping`: what is asked, and what people and scripts see."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import FakeApi, Run

TABLES: list[dict[str, Any]] = [
    {
        "table": "Items",
        "object": "Product2",
        "rules": [
            {"field": "Code__c", "expression": "UPPER({Code})"},
            {"field": "Status__c", "column": "State", "values": {"on": "Active"}, "default": "Draft"},
            {"field": "Source__c", "constant": "legacy"},
        ],
    }
]
SAVED = {"name": "old-crm", "version": 3, "saved_at": "2026-11-21T14:00:00.000Z", "saved_by": "ana", "tables": TABLES}
HEAD = {name: SAVED[name] for name in ("name", "version", "saved_at", "saved_by")}


def test_mappings_are_listed(run: Run, api: FakeApi) -> None:
    api.on("GET", "/mappings", {"items": [HEAD], "next": None})
    assert run("mappings", "list", "--json").json == {"mappings": [HEAD]}
    assert "old-crm" in run("mappings", "list").out
    api.on("GET", "/mappings", {"items": [], "next": None})
    assert "waybill mappings save" in run("mappings", "list").out


def test_what_is_shown_as_json_can_be_saved(run: Run, api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/mappings/old-crm", SAVED)
    api.on("PUT", "/mappings/copy", {**SAVED, "name": "copy", "version": 1})
    file = tmp_path / "m.json"
    file.write_text(run("mappings", "show", "old-crm", "--version", "3", "--json").out, encoding="utf-8")
    assert api.asked[0].query == {"version": "3"}
    assert run("mappings", "save", "copy", str(file), "--json").json["version"] == 1
    assert api.requests("PUT", "/mappings/copy")[0].body == {"tables": TABLES}


def test_people_see_where_each_field_comes_from(run: Run, api: FakeApi) -> None:
    api.on("GET", "/mappings/old-crm", SAVED)
    page = run("mappings", "show", "old-crm").out
    for text in ("version 3", "Items -> Product2", "UPPER({Code})", "column State", "on: Active", "Draft", "constant legacy"):
        assert text in page


@pytest.mark.parametrize("text", ["{", "[]", '{"tables": 1}', "\x00"])
def test_a_file_that_is_no_mapping_is_not_sent(run: Run, api: FakeApi, tmp_path: Path, text: str) -> None:
    file = tmp_path / "m.json"
    file.write_text(text)
    done = run("mappings", "save", "old-crm", str(file), "--json")
    assert (done.code, done.json["error"]["class"], api.asked) == (2, "NoMapping", [])


def test_a_mapping_is_deleted(run: Run, api: FakeApi) -> None:
    api.on("DELETE", "/mappings/old-crm", {"deleted": "old-crm"})
    assert run("mappings", "delete", "old-crm", "--yes", "--json").json == {"deleted": "old-crm"}


@pytest.mark.parametrize("name", ["a/b", "../runs", "-", "", "old-crm@2"])
def test_a_name_that_leads_elsewhere_is_wrong_use(run: Run, api: FakeApi, name: str) -> None:
    assert (run("mappings", "show", "--json", "--", name).code, api.asked) == (2, [])


@pytest.mark.parametrize(
    ("given", "asked"),
    [("old-crm", {"mapping": "old-crm"}), ("old-crm@2", {"mapping": "old-crm", "mapping_version": 2}), (None, {})],
)
def test_a_load_names_its_mapping(run: Run, api: FakeApi, tmp_path: Path, given: str | None, asked: dict[str, Any]) -> None:
    file = tmp_path / "items.csv"
    file.write_text("1")
    api.on("POST", "/uploads", {"input": "inbox/abcdefgh/items.csv", "url": f"{api.url}/put", "headers": {}})
    api.on("PUT", "/put", {})
    api.on("POST", "/runs", (202, {"run_id": "load-1", "kind": "load", "status": "running"}))
    done = run("load", str(file), "--dry-run", "--json", *(("--mapping", given) if given else ()))
    assert json.loads(done.out)["run_id"] == "load-1"
    body = api.requests("POST", "/runs")[0].body
    assert {name: value for name, value in body.items() if name.startswith("mapping")} == asked


@pytest.mark.parametrize("given", ["old-crm@0", "old-crm@x", "a b"])
def test_a_version_that_cannot_be_is_wrong_use(run: Run, api: FakeApi, tmp_path: Path, given: str) -> None:
    file = tmp_path / "items.csv"
    file.write_text("1")
    assert (run("load", str(file), "--dry-run", "--mapping", given, "--json").code, api.asked) == (2, [])
