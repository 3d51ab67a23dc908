"""A template can be filled in and loaded."""

import io
from pathlib import Path

import openpyxl
import pytest

from tests.fakes.inputs import MemoryFiles
from tests.fakes.org import FakeOrg, an_object, lookup
from waybill.errors import InvalidInput
from waybill.records.planning import PlanOptions, plan
from waybill.records.reading.read import ReadOptions, read_input
from waybill.records.schema import FieldSchema
from waybill.records.templates import headers, template

STATUS = FieldSchema("Status", "picklist", label="State", restricted=True, picklist=frozenset({"On", "Off"}))
ITEM = an_object(
    "Item",
    FieldSchema("Code__c", label="Code", nillable=False, external_id=True, length=20),
    STATUS,
    FieldSchema("Open", "boolean"),
    FieldSchema("Total", "double", calculated=True, createable=False),
    FieldSchema("CreatedDate", "datetime", createable=False),
    lookup("FamilyId", "Family"),
    lookup("OwnerId", "Group", "User"),
)
FAMILY = an_object("Family")


def test_what_can_be_written_has_a_column_and_what_is_required_comes_first() -> None:
    assert [header for header, _ in headers(ITEM)] == ["Code__c", "Name", "Family.Name", "Open", "Owner$User.Name", "Status"]


def test_a_template_that_was_filled_in_is_loaded(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(template([ITEM, FAMILY])))
    assert book.sheetnames == ["Item", "Family", "Lists"]
    assert book["Lists"].sheet_state == "hidden"
    [state] = [rule for rule in book["Item"].data_validations.dataValidation if "F2" in rule.sqref]
    assert (state.type, state.showErrorMessage) == ("list", True)
    assert [cell.value for cell in book["Lists"]["B"]] == ["Item.Status", "Off", "On"]
    assert "required" in book["Item"]["A1"].comment.text
    book["Item"].append(["c1", "One", "F", True, None, "On"])
    book["Family"].append(["F"])
    out = io.BytesIO()
    book.save(out)
    org = FakeOrg(ITEM, FAMILY, an_object("User"), an_object("Group"))
    read = read_input(MemoryFiles({"filled.xlsx": out.getvalue()}), options=ReadOptions(), scratch=tmp_path)
    made = plan(read.job, tables=read, org=org, options=PlanOptions())
    assert made.summary.problems == []
    assert org.carry_out(made) == []
    [family] = org.data["family"]
    assert org.all("Item", "Code__c", "Name", "FamilyId", "Open", "Status") == [("c1", "One", family, True, "On")]


def test_a_name_that_no_sheet_can_have_is_refused() -> None:
    with pytest.raises(InvalidInput, match="too long"):
        template([an_object("A" * 32)])
