"""The error workbook: the person's own, with reasons and marked cells; mended and loaded again it is the input that it was."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.styles import Font

from tests.fakes.inputs import MemoryFiles
from waybill.records.marking import BadSheet, Fault, marked
from waybill.records.marks import REASONS
from waybill.records.planning import PlanOptions, plan
from waybill.records.reading.read import ReadOptions, read_input
from waybill.records.reporting import count_rows, report_key, write_reports
from waybill.records.schema import FieldSchema, ObjectSchema
from waybill.records.staging import StagedTables, put_job
from waybill.records.standing import put_plan
from waybill.records.sync.book import saved
from waybill.records.tasks.write_errors import write_errors
from waybill.runs.loads import LoadOptions
from waybill.runs.model import Options, RunKind, RunRecord, RunStatus
from waybill.runs.starting import context_of
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket

FIELDS = [
    FieldSchema("Id", "id"),
    FieldSchema("Name", "string", "Product Name", length=5, nillable=False),
    FieldSchema("Price", "double", "List Price", precision=18, scale=2),
    FieldSchema("OwnerId", "reference", "Owner", reference_to=("User",), relationship="Owner"),
]
OBJECTS = {
    "product2": ObjectSchema("Product2", {known.name.lower(): known for known in FIELDS}),
    "user": ObjectSchema("User", {known.name.lower(): known for known in FIELDS[:2]}),
}


class EmptyOrg:
    def describe(self, sobject: str) -> ObjectSchema | None:
        return OBJECTS.get(sobject.lower())

    def rows(self, sobject: str, fields: Any, among: Any = None) -> Iterator[Any]:
        return iter(())


def a_book() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Product2"
    for line in (
        ["Our products"],
        [],
        ["Product Name", "List Price", "Owner.Name", "Remark"],
        ["good", 1, None, "=B4*2"],
        ["far too long", "many", "Nobody", "x"],
        [None, 2, None, "y"],
    ):
        sheet.append(line)
    sheet["A5"].font = Font(bold=True)
    book.create_sheet("Notes").sheet_state = "hidden"
    return saved(book)


def load(
    data: bytes, world: tuple[RunStore, WorkBucket], scratch: Path, *, run_id: str = "load-1", name: str = "products.xlsx"
) -> RunRecord:
    """A dry run up to the error workbook."""
    store, work = world
    key = f"inbox/{run_id}/{name}"
    work.put(key, data)
    record = RunRecord(
        run_id=run_id,
        kind=RunKind.LOAD,
        options=Options(mode="dry_run", load=LoadOptions(input=key)),
        status=RunStatus.RUNNING,
        execution_arn="arn",
        started_at="2026-11-21T00:00:00.000Z",
    )
    store.claim(record)
    read = read_input(MemoryFiles({name: data}), options=ReadOptions(), scratch=scratch)
    tables = StagedTables(work=work, run_id=run_id)
    for table in read.job.tables:
        tables.put(table.number, read.rows(table.number))
    put_job(work, run_id, read.job)
    planned = plan(read.job, tables=tables, org=EmptyOrg(), options=PlanOptions())
    put_plan(planned, store=store, work=work, run_id=run_id, folder="f", org_time=None, bulk_from=None)
    write_errors(context_of(record), store=store, work=work)
    return record


def error_book(record: RunRecord, work: WorkBucket) -> bytes | None:
    return work.get(report_key(record.run_id, "errors.xlsx"))


def test_bad_rows_have_their_reasons_and_bad_cells_are_marked(world: tuple[RunStore, WorkBucket], tmp_path: Path) -> None:
    data = error_book(load(a_book(), world, tmp_path), world[1])
    assert data is not None
    sheet = openpyxl.load_workbook(io.BytesIO(data))["Product2"]
    assert [cell.value for cell in sheet[3]] == ["Product Name", "List Price", "Owner.Name", "Remark", REASONS]
    assert sheet["E4"].value is None
    for code in ("STRING_TOO_LONG", "INVALID_NUMBER", "MISSING_PARENT"):
        assert code in sheet["E5"].value
    assert "REQUIRED_FIELD_MISSING" in sheet["E6"].value
    marked_cells = {cell.coordinate for row in sheet.iter_rows() for cell in row if cell.comment is not None}
    assert marked_cells == {"A5", "B5", "C5", "A6"}
    assert {sheet[place].fill.fgColor.rgb for place in marked_cells} == {"00FFC7CE"}
    assert sheet["A5"].font.bold
    assert (sheet["A5"].value, sheet["D4"].value, sheet["A1"].value) == ("far too long", "=B4*2", "Our products")


def test_mended_and_loaded_again_it_is_the_same_table_and_what_is_mended_is_marked_no_more(
    world: tuple[RunStore, WorkBucket], tmp_path: Path
) -> None:
    data = error_book(load(a_book(), world, tmp_path), world[1])
    assert data is not None
    book = openpyxl.load_workbook(io.BytesIO(data))
    book["Product2"]["A5"], book["Product2"]["B5"], book["Product2"]["C5"] = "short", 3, None
    record = load(saved(book), world, tmp_path, run_id="load-2")
    counted = count_rows(record, store=world[0], work=world[1])
    assert (counted.rows.inserted, counted.rows.rejected) == (2, 1)
    assert not any("Reasons" in warning for warning in counted.summary["warnings"])
    again = error_book(record, world[1])
    assert again is not None
    sheet = openpyxl.load_workbook(io.BytesIO(again))["Product2"]
    assert [cell.value for cell in sheet[3]].count(REASONS) == 1
    assert {cell.coordinate for row in sheet.iter_rows() for cell in row if cell.comment is not None} == {"A6"}
    assert sheet["E5"].value is None
    assert sheet["A5"].fill.fgColor.rgb != "00FFC7CE"


def test_a_load_without_bad_rows_leaves_none(world: tuple[RunStore, WorkBucket], tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Product2"
    book.active.append(["Name"])
    book.active.append(["good"])
    assert error_book(load(saved(book), world, tmp_path), world[1]) is None


def test_one_that_cannot_be_written_is_told_in_the_report(
    world: tuple[RunStore, WorkBucket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waybill.records.sync.book.LARGEST", 100)
    record = load(a_book(), world, tmp_path)
    assert error_book(record, world[1]) is None
    counted = count_rows(record, store=world[0], work=world[1])
    write_reports(record, counted, store=world[0], work=world[1])
    report = (world[1].get(report_key(record.run_id, "json")) or b"").decode()
    assert "There is no error workbook" in report
    assert "too large to be edited" in report


def test_a_reason_is_no_formula() -> None:
    faults = {2: [Fault("=1+1", "-1", ("A",))]}
    book = openpyxl.Workbook()
    book.active.append(["A"])
    book.active.append(["x"])
    made = openpyxl.load_workbook(io.BytesIO(marked(saved(book), "t.xlsx", [BadSheet("Sheet", 1, faults)])))
    assert (made.active["B2"].data_type, made.active["B2"].value) == ("s", "=1+1: -1")


def test_the_error_csv_can_be_loaded_as_it_is(tmp_path: Path) -> None:
    text = "file,sheet,row,object,outcome,id,field,code,message,Name,Price\nP.csv,,2,P,rejected,,Name,X,Too long,short,3\n"
    read = read_input(MemoryFiles({"Product2.csv": text}), options=ReadOptions(), scratch=tmp_path)
    assert read.job.tables[0].headers == ("Name", "Price")
    assert [dict(row.values) for row in read.rows(0)] == [{"Name": "short", "Price": "3"}]
