"""Saved mappings and templates: a file with somebody else's headers is loaded through it, and the run keeps to the version it began with."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest

from tests.e2e.loads import Loads, codes, counts
from tests.e2e.scene import Scene

RULES: list[dict[str, Any]] = [
    {"field": "Name", "expression": "TRIM({Article})"},
    {"field": "Code__c", "expression": 'UPPER({Code}) & "-" & {Year}'},
    {"field": "Status__c", "column": "State", "values": {"on": "Active"}, "default": "Draft"},
    {"field": "Price__c", "expression": "EUROPEAN({Price})"},
    {"field": "Unit__r.Code__c", "column": "Measured in"},
]
TABLE = {"table": "Items", "object": "Part__c", "external_id": "Code__c", "rules": RULES}
ITEMS = (
    "Article,Code,Year,State,Price,Measured in,Remark\n"
    ' Wheel ,w1,2026,on,"1.234,50",M,ours\n'
    'Frame,f1,2026,,"0,75",M,ours\n'
    'Bell,b1,2026,on,"2,00",INCH,ours\n'
)


@pytest.fixture
def loads(scene: Scene) -> Iterator[Loads]:
    made = Loads(scene)
    made.clear()
    length = scene.org.insert("Unit_Class__c", {"Name": "Length", "Code__c": "LEN"})
    scene.org.insert("Unit__c", {"Name": "Metre", "Code__c": "M", "Class__c": length})
    yield made
    scene.settle()
    made.clear()


def test_a_file_with_other_headers_is_loaded_and_a_retry_keeps_to_the_mapping_that_it_had(loads: Loads) -> None:
    scene = loads.scene
    version = scene.call("PUT", "/mappings/parts", {"tables": [TABLE]}, expect=200)["version"]
    dry = loads.load({"Items.csv": ITEMS}, mode="dry_run", mapping="parts")
    run = loads.load({"Items.csv": ITEMS}, mapping="parts")
    assert counts(dry) == counts(run) == {"total": 3, "inserted": 2, "rejected": 1}
    assert codes(run) == [("Items.csv", 4, "MISSING_PARENT")]
    assert run.view["mapping"] == f"parts@{version}"
    wheel = {"Name": "Wheel", "Code__c": "W1-2026", "Status__c": "Active", "Price__c": 1234.5, "Unit__c": "M"}
    frame = {"Name": "Frame", "Code__c": "F1-2026", "Status__c": "Draft", "Price__c": 0.75, "Unit__c": "M"}
    assert loads.rows("Part__c") == {"W1-2026": wheel, "F1-2026": frame}

    scene.org.insert("Unit__c", {"Name": "Inch", "Code__c": "INCH", "Class__c": loads.id_of("Unit_Class__c", "LEN")})
    scene.call("PUT", "/mappings/parts", {"tables": [{**TABLE, "rules": RULES[:1]}]}, expect=200)
    scene.call("DELETE", "/mappings/parts", expect=200)
    assert counts(loads.retry(run)) == {"total": 1, "inserted": 1}
    assert loads.rows("Part__c")["B1-2026"]["Unit__c"] == "INCH"


def test_a_column_that_the_mapping_reads_and_the_file_has_not_refuses_the_run(loads: Loads) -> None:
    loads.scene.call("PUT", "/mappings/parts", {"tables": [TABLE]}, expect=200)
    run = loads.load({"Items.csv": "Article,Code,State,Price\nWheel,w1,on,1\n"}, mapping="parts")
    assert run.status == "refused"
    assert "'Year'" in run.view["message"]
    assert loads.rows("Part__c") == {}


def test_a_template_that_was_filled_in_is_loaded(loads: Loads) -> None:
    scene = loads.scene
    assert "Part__c" in {each["name"] for each in scene.call("GET", "/data/objects", expect=200)["objects"]}
    fields = {each["name"]: each for each in scene.call("GET", "/data/objects/Part__c/fields", expect=200)["fields"]}
    assert fields["Status__c"]["values"] == ["Active", "Draft"]
    made = scene.call("GET", "/data/template?objects=Part__c", expect=200)
    book = openpyxl.load_workbook(io.BytesIO(base64.b64decode(made["content"])))
    sheet = book["Part__c"]
    values = {"Name": "Wheel", "Code__c": "W1", "Status__c": "Active", "Unit__r.Name": "Metre"}
    for cell in sheet[1]:
        sheet.cell(row=2, column=cell.column, value=values.get(cell.value))
    out = io.BytesIO()
    book.save(out)
    run = loads.load({"parts.xlsx": out.getvalue()})
    assert counts(run) == {"total": 1, "inserted": 1}
    assert loads.rows("Part__c") == {"W1": {"Name": "Wheel", "Code__c": "W1", "Status__c": "Active", "Unit__c": "M"}}
