"""Routes of what the org holds: objects, fields, templates."""

import base64
import io
import subprocess
import sys
from typing import Any

import openpyxl
import pytest

from tests.unit.api.conftest import Stack


def a_field(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    usual = {"label": name, "length": 80, "nillable": True, "createable": True, "updateable": True, "referenceTo": []}
    return {"name": name, "type": kind, **usual, **more}


STATUS = a_field(
    "Status__c", "picklist", label="State", picklistValues=[{"value": "On"}, {"value": "Off"}], restrictedPicklist=True
)
ALLOWED = {"custom": True, "queryable": True, "createable": True, "updateable": True, "deletable": False}
ITEM = {
    "name": "Item__c",
    "label": "Item",
    **ALLOWED,
    "fields": [STATUS, a_field("Code__c", label="Code", nillable=False, externalId=True)],
}


@pytest.fixture
def org(stack: Stack) -> Stack:
    stack.salesforce.objects_known = {"item__c": ITEM}
    return stack


def test_a_template_is_a_workbook_with_the_fields_that_the_org_has(org: Stack) -> None:
    reply = org.ask("GET", "/api/data/template?objects=item__c,%20Item__c", groups="[viewer]")
    assert (reply.status, reply.json["objects"]) == (200, ["Item__c"])
    book = openpyxl.load_workbook(io.BytesIO(base64.b64decode(reply.json["content"])))
    assert [cell.value for cell in book["Item__c"][1]] == ["Code__c", "Status__c"]
    assert [cell.value for cell in book["Lists"]["A"]] == ["Item__c.Status__c", "Off", "On"]


@pytest.mark.parametrize("objects", ["", ",", ",".join(f"Item{n}__c" for n in range(26)), "x" * 3_000])
def test_a_template_of_nothing_or_of_too_much_is_refused(org: Stack, objects: str) -> None:
    assert org.ask("GET", f"/api/data/template?objects={objects}").status == 422


def test_only_who_asks_for_a_template_waits_for_openpyxl() -> None:
    script = "import sys, waybill.api.app; print(sorted({'openpyxl', 'python_calamine', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_object_that_the_org_does_not_know_is_named(org: Stack) -> None:
    reply = org.ask("GET", "/api/data/template?objects=Item__c,Itme__c")
    assert reply.status == 422
    assert "no object Itme__c," in reply.json["detail"]


def test_objects_are_listed_without_those_that_nothing_can_be_loaded_into(org: Stack) -> None:
    log = {"name": "Log", "custom": False, "queryable": True, "createable": False, "updateable": False, "deletable": False}
    org.salesforce.objects_known |= {"log": log, "event__c": {**ITEM, "name": "Event__c", "queryable": False}}
    org.salesforce.objects_known |= {"area__c": {**ITEM, "name": "area__c", "label": ""}}
    reply = org.ask("GET", "/api/data/objects", groups="[viewer]")
    item = {"name": "Item__c", "label": "Item", "custom": True, "createable": True, "updateable": True, "deletable": False}
    assert (reply.status, reply.json) == (200, {"objects": [{**item, "name": "area__c", "label": "area__c"}, item]})


def test_fields_say_what_a_load_may_write_into_them(org: Stack) -> None:
    reply = org.ask("GET", "/api/data/objects/item__c/fields", groups="[viewer]")
    code, status = reply.json["fields"]
    assert (reply.status, reply.json["object"], reply.json["label"]) == (200, "Item__c", "Item")
    assert (code["name"], code["label"], code["required"], code["external_id"], code["values"]) == (
        "Code__c",
        "Code",
        True,
        True,
        [],
    )
    assert (status["type"], status["required"], status["restricted"], status["values"]) == (
        "picklist",
        False,
        True,
        ["Off", "On"],
    )


@pytest.mark.parametrize(("name", "status"), [("Unknown__c", 404), ("Item__c%20", 422), ("1", 422)])
def test_fields_of_what_is_no_object_are_not_shown(org: Stack, name: str, status: int) -> None:
    assert org.ask("GET", f"/api/data/objects/{name}/fields").status == status
