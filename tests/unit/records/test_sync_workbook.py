"""A synced workbook: what Salesforce says is written into it, and what is a person's own stays, whatever he does with it."""

import datetime as dt
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.table import Table

from waybill.errors import InvalidInput
from waybill.records.domain import Verdict
from waybill.records.marks import CONFLICTS, STATE, STATUS
from waybill.records.schema import FieldSchema, ObjectSchema
from waybill.records.sync.book import open_book, saved
from waybill.records.sync.changes import Change
from waybill.records.sync.memory import read_memory
from waybill.records.sync.plan import SyncPlan
from waybill.records.sync.planning import plan_objects
from waybill.records.sync.syncing import Synced, sync_workbook
from waybill.salesforce.ids import to18

A, B, D = (f"01t00000000000{n}" for n in (1, 2, 4))
FIELDS = [
    FieldSchema("Id", "id", "Product ID"),
    FieldSchema("Name", "string", "Product Name"),
    FieldSchema("Price__c", "currency", "Price"),
    FieldSchema("Active__c", "boolean", "Active"),
    FieldSchema("Sold__c", "date", "Sold"),
    FieldSchema("SystemModstamp", "datetime", "Stamp", createable=False, updateable=False),
    FieldSchema("IsDeleted", "boolean", "Deleted", createable=False, updateable=False),
]
PRODUCT = ObjectSchema("Product2", {known.name.lower(): known for known in FIELDS}, label="Product")


def id18(number: int) -> str:
    return to18(f"01t00000000000{number}")


@dataclass
class Sheets:
    """A workbook that is synced with an org of one object."""

    data: bytes | None = None
    org: dict[str, dict[str, Any]] = field(default_factory=dict)
    hour: int = 0
    last: Synced = field(default_factory=lambda: Synced(b""))

    def put(self, number: int, name: str = "", price: Any = None, **more: Any) -> None:
        self.org[id18(number)] = {
            "Name": name or f"P{number}",
            "Price__c": price,
            "Active__c": True,
            "Sold__c": "2026-01-31",
            **more,
        }

    def sync(self, *changed: int, gone: tuple[int, ...] = (), full: bool = False) -> Synced:
        """`changed`: what Salesforce tells of; none: all."""
        self.hour += 1
        book = open_book(self.data, "t.xlsx", lossless=True).book if self.data else None
        memory = read_memory(book) if book is not None else None
        objects = plan_objects(book, memory, [PRODUCT], full=full, describe=lambda _: None)
        plan = SyncPlan("t", "t.xlsx", "", "", "", "edition", f"2026-11-21T{self.hour:02}:00:00.000Z", objects)

        def changes(_: int) -> Iterator[Change]:
            for record in [id18(number) for number in changed] or list(self.org):
                told = {**self.org[record], "SystemModstamp": "2026-11-21T00:00:00.000+0000"}
                yield Change(record, tuple(told[place.path] for place in objects[0].places))
            yield from (Change(id18(number), None) for number in gone)

        self.last = sync_workbook(plan, self.data, changes=changes)
        self.data = self.last.data
        return self.last

    def edit(self, change: Callable[[Any], object]) -> None:
        """As a person does, with Excel."""
        book = self.book()
        change(book)
        self.data = saved(book)

    def set(self, number: int, header: str, value: Any) -> None:
        def change(book: Any) -> None:
            sheet = book["Product2"]
            row, column = self.place(book, number, header)
            sheet.cell(row=row, column=column).value = value

        self.edit(change)

    def book(self) -> Any:
        assert self.data is not None
        return openpyxl.load_workbook(io.BytesIO(self.data))

    def place(self, book: Any, number: int, header: str) -> tuple[int, int]:
        sheet = book["Product2"]
        columns = {cell.value: cell.column for row in sheet.iter_rows(max_row=3) for cell in row if isinstance(cell.value, str)}
        row = next(cell.row for cell in sheet[openpyxl.utils.get_column_letter(columns["Id"])] if cell.value == id18(number))
        return row, columns[header]

    def cell(self, number: int, header: str) -> Any:
        book = self.book()
        row, column = self.place(book, number, header)
        return book["Product2"].cell(row=row, column=column)

    def value(self, number: int, header: str) -> Any:
        return self.cell(number, header).value

    @property
    def counts(self) -> dict[str, int]:
        return {name: number for name, number in self.last.objects["Product2"].model_dump().items() if number}

    def conflicts(self) -> list[tuple[Any, ...]]:
        book = self.book()
        return list(book[CONFLICTS].iter_rows(min_row=2, values_only=True)) if CONFLICTS in book.sheetnames else []

    def decide(self, word: str) -> None:
        def change(book: Any) -> None:
            sheet = book[CONFLICTS]
            for row in range(2, sheet.max_row + 1):
                sheet.cell(row=row, column=8).value = word

        self.edit(change)


@pytest.fixture
def sheets() -> Sheets:
    made = Sheets()
    made.put(1, "One", 1)
    made.put(2, "Two", 2.5)
    made.sync()
    return made


def test_a_new_workbook_has_a_sheet_per_object_and_a_column_per_field(sheets: Sheets) -> None:
    book = sheets.book()
    assert [cell.value for cell in book["Product2"][1]] == [
        "Id",
        STATUS,
        "Name",
        "Active__c",
        "Price__c",
        "Sold__c",
        "SystemModstamp",
    ]
    assert sheets.value(2, "Price__c") == 2.5
    assert sheets.value(1, "Sold__c") == dt.datetime(2026, 1, 31)  # noqa: DTZ001 - Excel knows no zones
    assert sheets.value(1, "Active__c") is True
    assert book[STATE].sheet_state == "veryHidden"
    assert sheets.counts == {"total": 2, "inserted": 2}


def test_what_changed_in_salesforce_is_written_and_told(sheets: Sheets) -> None:
    sheets.put(1, "One", 9)
    sheets.put(3, "Three")
    sheets.sync(1, 3)
    assert (sheets.value(1, "Price__c"), sheets.value(3, "Name")) == (9, "Three")
    assert sheets.counts == {"total": 3, "inserted": 1, "updated": 1, "unchanged": 1}
    changed = next(verdict for verdict in sheets.last.verdicts if verdict.verdict is Verdict.UPDATE)
    assert (changed.changes, changed.origin.row) == ({"Price__c": (1, 9)}, 2)


def test_a_sync_without_changes_changes_nothing(sheets: Sheets) -> None:
    sheets.sync(1, 2)
    assert sheets.counts == {"total": 2, "unchanged": 2}
    assert sheets.last.verdicts == []


def test_a_persons_change_stays_while_salesforce_says_nothing_else(sheets: Sheets) -> None:
    sheets.set(1, "Price__c", 7)
    sheets.put(1, "Uno", 1)
    sheets.sync(1)
    assert (sheets.value(1, "Price__c"), sheets.value(1, "Name")) == (7, "Uno")
    assert sheets.conflicts() == []


def test_a_cell_that_both_have_changed_is_a_conflict_and_keeps_the_persons_value(sheets: Sheets) -> None:
    sheets.set(1, "Price__c", 7)
    sheets.put(1, "One", 9)
    sheets.sync(1)
    assert sheets.value(1, "Price__c") == 7
    comment = sheets.cell(1, "Price__c").comment.text
    assert "here 7, in Salesforce 9" in comment
    assert sheets.value(1, STATUS) == "conflict: Price__c"
    assert [line[:2] + line[3:6] for line in sheets.conflicts()] == [("Product2", id18(1), "Price__c", 7, 9)]
    marked = {str(found.sqref) for found in sheets.book()["Product2"].conditional_formatting}
    assert "E2" in marked
    (verdict,) = sheets.last.verdicts
    assert (verdict.verdict, verdict.code, verdict.field) == (Verdict.REJECTED, "CONFLICT", "Price__c")
    assert sheets.counts == {"total": 2, "unchanged": 1, "rejected": 1}


def test_a_conflict_stands_until_it_is_decided_also_where_nothing_changes_any_more(sheets: Sheets) -> None:
    sheets.set(1, "Price__c", 7)
    sheets.put(1, "One", 9)
    sheets.sync(1)
    sheets.sync(2)
    assert sheets.counts == {"total": 2, "unchanged": 1, "rejected": 1}
    assert len(sheets.conflicts()) == 1
    sheets.put(1, "One", 10)
    sheets.sync(1)
    assert sheets.conflicts()[0][5] == 10
    assert sheets.value(1, "Price__c") == 7


@pytest.mark.parametrize(("word", "price"), [("salesforce", 9), ("workbook", 7), ("Sales", 9)])
def test_a_decision_is_carried_out_by_the_next_sync(sheets: Sheets, word: str, price: int) -> None:
    sheets.set(1, "Price__c", 7)
    sheets.put(1, "One", 9)
    sheets.sync(1)
    sheets.decide(word)
    sheets.sync(2)
    assert (sheets.value(1, "Price__c"), sheets.conflicts(), sheets.value(1, STATUS)) == (price, [], None)
    assert sheets.cell(1, "Price__c").comment is None
    assert "rejected" not in sheets.counts
    sheets.put(1, "One", 11)
    sheets.sync(1)
    assert (sheets.value(1, "Price__c"), len(sheets.conflicts())) == ((11, 0) if price == 9 else (7, 1))


def test_a_cell_that_is_made_to_say_what_salesforce_says_is_settled_and_the_persons_comment_comes_back(sheets: Sheets) -> None:
    def remark(book: Any) -> None:
        book["Product2"]["E2"].comment = Comment("Ask Ann.", "Bob")

    sheets.edit(remark)
    sheets.set(1, "Price__c", 7)
    sheets.put(1, "One", 9)
    sheets.sync(1)
    assert sheets.cell(1, "Price__c").comment.text.endswith("Ask Ann.")
    sheets.set(1, "Price__c", 9)
    sheets.sync(2)
    assert sheets.conflicts() == []
    assert sheets.cell(1, "Price__c").comment.text == "Ask Ann."


def test_a_deleted_record_is_marked_and_its_row_stays(sheets: Sheets) -> None:
    sheets.sync(2, gone=(1,))
    assert sheets.value(1, STATUS).startswith("deleted in Salesforce")
    assert sheets.value(1, "Name") == "One"
    assert sheets.counts == {"total": 2, "unchanged": 1, "deleted": 1}
    sheets.sync(2, gone=(1,))
    assert sheets.counts == {"total": 1, "unchanged": 1}
    sheets.sync(1)
    assert sheets.value(1, STATUS) is None


def test_the_persons_columns_formats_and_formulas_stay_and_are_carried_on(sheets: Sheets) -> None:
    def own(book: Any) -> None:
        sheet = book["Product2"]
        sheet["H1"], sheet["H2"], sheet["H3"] = "Gross", "=E2*1.19", "=E3*1.19"
        sheet["I2"] = "mine"
        sheet["E2"].number_format = sheet["E3"].number_format = "#,##0.00 €"
        sheet["C2"].fill = PatternFill("solid", fgColor="FFFF00")
        sheet["E2"].font = Font(bold=True)
        sheet.conditional_formatting.add("E2:E99", CellIsRule(operator="greaterThan", formula=["5"]))
        sheet.column_dimensions["C"].width = 44
        book.create_sheet("Notes")["A1"] = "=SUM(Product2!E:E)"
        sheet.add_table(Table(displayName="Prices", ref="A1:H3"))

    sheets.edit(own)
    sheets.put(1, "One", 9)
    sheets.put(3, "Three", 3)
    sheets.sync(1, 3)
    book = sheets.book()
    sheet = book["Product2"]
    assert [sheet[f"H{row}"].value for row in (2, 3, 4)] == ["=E2*1.19", "=E3*1.19", "=E4*1.19"]
    assert (sheet["I2"].value, sheet["I4"].value) == ("mine", None)
    assert [sheet[f"E{row}"].number_format for row in (2, 3, 4)] == ["#,##0.00 €"] * 3
    assert sheet["C2"].fill.fgColor.rgb == "00FFFF00"
    assert sheet["E2"].font.bold
    assert sheet.column_dimensions["C"].width == 44
    assert book["Notes"]["A1"].value == "=SUM(Product2!E:E)"
    assert sheet.tables["Prices"].ref == "A1:H4"
    assert "E2:E99" in {str(found.sqref) for found in sheet.conditional_formatting}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=HYPERLINK(1)", "#N/A", "\t=1"])
def test_no_text_of_salesforce_is_computed(sheets: Sheets, text: str) -> None:
    sheets.put(1, text, 1)
    sheets.put(4, text, 1)
    sheets.sync(1, 4)
    for number in (1, 4):
        cell = sheets.cell(number, "Name")
        assert (cell.data_type, cell.value) == ("s", text)
        assert cell.quotePrefix is (text[0] in "=+-@\t")
    sheets.sync(1)
    assert sheets.last.verdicts == []


def test_rows_are_found_by_their_ids_wherever_a_person_moves_them_and_his_own_rows_stay(sheets: Sheets) -> None:
    def turn(book: Any) -> None:
        sheet = book["Product2"]
        one, two = [cell.value for cell in sheet[2]], [cell.value for cell in sheet[3]]
        sheet.insert_rows(1, 2)
        sheet["A1"] = "Our prices"
        for column, value in enumerate(two, 1):
            sheet.cell(row=4, column=column).value = value
        for column, value in enumerate(one, 1):
            sheet.cell(row=7, column=column).value = value
            sheet.cell(row=5, column=column).value = None
        sheet["C9"] = "Total"

    sheets.edit(turn)
    sheets.put(1, "Uno", 1)
    sheets.put(3, "Three")
    sheets.sync(1, 3)
    sheet = sheets.book()["Product2"]
    assert (sheet["C7"].value, sheet["C9"].value, sheet["C10"].value) == ("Uno", "Total", "Three")


def test_a_row_that_was_taken_out_comes_back_only_if_its_record_changes(sheets: Sheets) -> None:
    sheets.edit(lambda book: book["Product2"].delete_rows(2))
    sheets.sync(1, 2)
    assert sheets.counts == {"total": 1, "unchanged": 1}
    sheets.put(1, "Uno", 1)
    sheets.sync(1)
    assert sheets.value(1, "Name") == "Uno"
    assert sheets.last.verdicts[0].code == "REMOVED_IN_WORKBOOK"


def a_persons_book(*lines: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Product"
    for line in lines:
        book.active.append(line)
    return saved(book)


def test_a_workbook_that_was_never_synced_is_taken_up_by_its_headers_and_what_differs_is_a_conflict() -> None:
    sheets = Sheets(
        a_persons_book(
            ["Our list"],
            [],
            ["Product ID", "Product Name", "Margin", "Price"],
            [A, "One", "=D4/2", 5],
            [B, "", 1, 2],
            [D, "gone", 1, 1],
            ["", "new one"],
        )
    )
    sheets.put(1, "One", 9)
    sheets.put(2, "Two", 2)
    sheets.sync()
    sheet = sheets.book()["Product"]
    assert [cell.value for cell in sheet[4]] == [A, "One", "=D4/2", 5, "conflict: Price__c"]
    assert [cell.value for cell in sheet[5]][:4] == [B, "Two", 1, 2]
    assert sheet["E6"].value.startswith("deleted")
    assert sheets.counts == {"total": 3, "updated": 1, "rejected": 1, "deleted": 1}


def test_a_column_that_is_added_is_filled_for_all_rows(sheets: Sheets) -> None:
    sheets.data = None
    sheets.data = a_persons_book(["Id", "Name"], [id18(1), "One"], [id18(2), "Two"])
    sheets.sync()
    sheets.edit(lambda book: book["Product"].cell(row=1, column=4).__setattr__("value", "Price"))
    sheets.sync()
    sheet = sheets.book()["Product"]
    assert [sheet.cell(row=row, column=4).value for row in (2, 3)] == [1, 2.5]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("xl/media/image1.png", "pictures"),
        ("xl/threadedComments/threadedComment1.xml", "threaded comments"),
        ("xl/vbaProject.bin", "macros"),
    ],
)
def test_a_workbook_of_which_a_part_would_be_lost_is_refused(name: str, says: str) -> None:
    out = io.BytesIO(a_persons_book(["Id"]))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(InvalidInput, match=says):
        open_book(out.getvalue(), "t.xlsx", lossless=True)


def test_a_sheet_without_ids_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no column Id"):
        Sheets(a_persons_book(["Name"], ["x"])).sync()


def test_a_hidden_sheet_that_was_damaged_is_told(sheets: Sheets) -> None:
    sheets.edit(lambda book: book[STATE].__setitem__("C3", "x"))
    with pytest.raises(InvalidInput, match="damaged"):
        sheets.sync()
    sheets.edit(lambda book: book[STATE].__setitem__("A1", "mine"))
    with pytest.raises(InvalidInput, match="rename it"):
        sheets.sync()


def test_the_memory_holds_no_values(sheets: Sheets) -> None:
    text = [str(cell) for row in sheets.book()[STATE].iter_rows(values_only=True) for cell in row if cell]
    assert not {"One", "Two", "2.5"} & set(text)
