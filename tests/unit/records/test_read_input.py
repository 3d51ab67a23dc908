"""Inputs of any kind: workbooks, folders, archives, and what is refused."""

import datetime as dt
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.fakes.inputs import MemoryFiles
from waybill.errors import InvalidInput
from waybill.records.domain import Cell, Operation
from waybill.records.reading.files import ReadJob
from waybill.records.reading.read import ReadOptions, read_input
from waybill.records.schema import FieldSchema
from waybill.records.values import converter


def read(content: Mapping[str, bytes | str], scratch: Path, **options: Any) -> ReadJob:
    return read_input(MemoryFiles(content), options=ReadOptions(**options), scratch=scratch)


def rows(job: ReadJob, number: int = 0) -> list[tuple[int, dict[str, Cell]]]:
    return [(row.row, dict(row.values)) for row in job.rows(number)]


def zipped(content: Mapping[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return out.getvalue()


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def a_book(**sheets: list[list[Any]]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, lines in sheets.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(line)
    return book


def test_a_sheet_is_an_object_and_its_rows_have_their_own_numbers(tmp_path: Path) -> None:
    book = a_book(Account=[], Contact=[["Name"], ["c"]])
    sheet = book["Account"]
    for place, value in {"C4": "Name", "D4": "Number", "C5": "A", "D5": 1.0, "C9": "B", "D9": 2.5, "C10": None}.items():
        sheet[place] = value
    sheet["Z2000"].font = openpyxl.styles.Font(bold=True)
    job = read({"data.xlsx": saved(book)}, tmp_path)
    assert [(each.object, each.operation, each.external_id) for each in job.job.objects] == [
        ("Account", Operation.UPSERT, ()),
        ("Contact", Operation.UPSERT, ()),
    ]
    assert rows(job) == [(5, {"Name": "A", "Number": 1}), (9, {"Name": "B", "Number": 2.5})]
    assert rows(job) == rows(job)
    assert (job.job.tables[0].file, job.job.tables[0].sheet) == ("data.xlsx", "Account")


def test_a_title_above_the_header_is_no_header(tmp_path: Path) -> None:
    book = a_book(Account=[["Our accounts, as of May"], [], ["Name", "City", "Phone"], ["A", "B", "C"]])
    assert rows(read({"data.xlsx": saved(book)}, tmp_path)) == [(4, {"Name": "A", "City": "B", "Phone": "C"})]


def test_cells_are_what_they_say(tmp_path: Path) -> None:
    values = [dt.date(2026, 1, 31), dt.datetime(2026, 1, 31, 9, 30), dt.time(9, 30), True, 12, 0.5, "  text ", "   "]  # noqa: DTZ001
    book = a_book(T=[list("ABCDEFGH"), values])
    [(_, cells)] = rows(read({"t.xlsx": saved(book)}, tmp_path))
    assert list(cells.values()) == ["2026-01-31", "2026-01-31T09:30:00", "09:30:00", True, 12, 0.5, "  text ", "   "]


def test_errors_and_formulas_that_were_never_calculated_do_not_pass_for_blanks(tmp_path: Path) -> None:
    book = a_book(T=[["A", "B", "C"], ["#DIV/0!", "=1+1", "#N/A"], ["x", "y", "z"]])
    assert rows(read({"t.xlsx": saved(book)}, tmp_path))[0] == (2, {"A": "#DIV/0!", "B": "#UNCALCULATED!", "C": "#N/A"})


def test_hidden_sheets_are_left_out_and_told(tmp_path: Path) -> None:
    book = a_book(Account=[["Name"], ["A"]], Secret=[["Name"], ["B"]], Empty=[])
    book["Secret"].sheet_state = "veryHidden"
    job = read({"t.xlsx": saved(book)}, tmp_path)
    assert [each.object for each in job.job.objects] == ["Account"]
    assert ["hidden" in job.job.warnings[0], "empty" in job.job.warnings[1]] == [True, True]


def test_a_merged_cell_holds_for_all_its_rows(tmp_path: Path) -> None:
    book = a_book(T=[["Parent", "Name"], ["P", "a"], [None, "b"], [None, "c"]])
    book["T"].merge_cells("A2:A3")
    assert [cells["Parent"] or None for _, cells in rows(read({"t.xlsx": saved(book)}, tmp_path))] == ["P", "P", None]


def test_a_folder_and_an_archive_of_csv_files_are_read_alike(tmp_path: Path) -> None:
    content = {"Account.csv": "Name\nA\n", "sub/Contact.csv": "LastName\nB\n", "README.md": "no table", "Empty.csv": ""}
    folder = read(content, tmp_path)
    packed = read({"data.zip": zipped({**content, "__MACOSX/._Account.csv": b"\0\1"})}, tmp_path)
    for job in (folder, packed):
        assert [each.object for each in job.job.objects] == ["Account", "Contact"]
        assert [rows(job, 0), rows(job, 1)] == [[(2, {"Name": "A"})], [(2, {"LastName": "B"})]]
        assert any("README.md" in warning for warning in job.job.warnings)


def test_a_plan_in_an_archive_is_a_plan(tmp_path: Path) -> None:
    plan = '{"objects": [{"query": "SELECT Name FROM Account", "operation": "Insert"}]}'
    job = read({"p.zip": zipped({"my plan/export.json": plan, "my plan/Account.csv": "Name\nA\n"})}, tmp_path)
    assert [(each.object, each.operation, each.external_id) for each in job.job.objects] == [
        ("Account", Operation.INSERT, ("Name",))
    ]
    assert rows(job) == [(2, {"Name": "A"})]


def test_object_and_key_can_be_given(tmp_path: Path) -> None:
    [each] = read({"x.csv": "Code\nA\n"}, tmp_path, object="Product2", external_id="Code; Name").job.objects
    assert (each.object, each.external_id) == ("Product2", ("Code", "Name"))


REFUSED: dict[str, tuple[Mapping[str, bytes | str], str]] = {
    "zero bytes": ({"a.xlsx": b""}, "empty"),
    "no table": ({"a.csv": "\n\n"}, "no header"),
    "not a workbook": ({"a.xlsx": b"hello"}, "not a workbook"),
    "a cut off workbook": ({"a.xlsx": saved(a_book(T=[["A"], ["b"]]))[:900]}, "cannot be opened|can be opened"),
    "a cut off zip": ({"a.zip": zipped({"a.csv": "A\n1\n"})[:-30]}, "can be opened"),
    "an empty zip": ({"a.zip": zipped({})}, "empty archive"),
    "a picture": ({"a.png": b"\x89PNG....."}, "neither a workbook nor a CSV"),
    "a bomb": ({"a.zip": zipped({"a.csv": b"0" * (60 * 1024 * 1024)})}, "bomb"),
    "a way out": ({"a.zip": zipped({"../../etc/passwd": "A\n1\n"})}, "leads out"),
    "nothing": ({}, "no table"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_with_a_reason(case: str, tmp_path: Path) -> None:
    content, reason = REFUSED[case]
    with pytest.raises(InvalidInput, match=reason):
        read(content, tmp_path)


def test_an_archive_with_a_password_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.csv": "A\n1\n"}))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + place] |= 1
    with pytest.raises(InvalidInput, match="password"):
        read({"a.zip": bytes(data)}, tmp_path)


def test_a_damaged_member_is_refused_when_it_is_read(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.csv": "Name\n" + "".join(f"row {n}\n" for n in range(1000))}))
    data[60] ^= 0xFF
    with pytest.raises(InvalidInput, match="cannot be unpacked"):
        list(read({"a.zip": bytes(data)}, tmp_path).rows(0))


def test_a_date_that_is_formatted_as_a_number_is_a_date_of_its_field() -> None:
    known = FieldSchema("Since__c", "date")
    assert converter(known)(46053, known) == "2026-01-31"
    moment = FieldSchema("Seen__c", "datetime")
    assert converter(moment)(46053.5, moment) == "2026-01-31T12:00:00.000Z"
