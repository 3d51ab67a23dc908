"""Workbooks as other programs write them, of the kinds that test files of calamine, openpyxl and others show: read, or refused."""

from pathlib import Path

import pytest

from tests.fakes.inputs import MemoryFiles
from tests.fakes.workbooks import LINKS, MAIN, ROWS, STRICT, a_book, an_open_document, dated, header, one_cell, open_cell
from waybill.errors import InvalidInput
from waybill.records.domain import Cell
from waybill.records.reading import guarding
from waybill.records.reading.read import ReadOptions, read_input


def read(content: bytes, scratch: Path, name: str = "t.xlsx") -> list[tuple[int, dict[str, Cell]]]:
    job = read_input(MemoryFiles({name: content}), options=ReadOptions(), scratch=scratch)
    return [(row.row, dict(row.values)) for row in job.rows(0)]


def _book(sheets: str, settings: str = "") -> str:
    return f'<workbook xmlns="{MAIN}" xmlns:r="{LINKS}">{settings}<sheets>{sheets}</sheets></workbook>'


READ: dict[str, tuple[bytes, list[tuple[int, dict[str, Cell]]]]] = {
    "inline texts": (a_book(), [(2, {"Name": "x"})]),
    "another ending": (a_book(), [(2, {"Name": "x"})]),
    "a size of a million rows": (
        a_book(sheet=f'<worksheet xmlns="{MAIN}"><dimension ref="A1:XFD1048576"/><sheetData>{ROWS}</sheetData></worksheet>'),
        [(2, {"Name": "x"})],
    ),
    "a wrong size": (
        a_book(sheet=f'<worksheet xmlns="{MAIN}"><dimension ref="A1"/><sheetData>{ROWS}</sheetData></worksheet>'),
        [(2, {"Name": "x"})],
    ),
    "phantom rows": (
        a_book(ROWS + "".join(f'<row r="{n}"><c r="A{n}" s="0"/></row>' for n in range(3, 3000))),
        [(2, {"Name": "x"})],
    ),
    "rows far below": (
        a_book(header() + '<row r="90000"><c r="A90000" t="str"><v>late</v></c></row>'),
        [(90000, {"Name": "late"})],
    ),
    "rich texts": (
        a_book(
            header()
            + '<row r="2"><c r="A2" t="inlineStr"><is><r><t>a</t></r><r><rPr><b/></rPr><t xml:space="preserve"> b</t></r></is></c></row>'
        ),
        [(2, {"Name": "a b"})],
    ),
    "shared texts": (
        a_book(
            '<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c></row>',
            strings=f'<sst xmlns="{MAIN}" count="9" uniqueCount="9"><si><t>Name</t></si><si><t>x</t><phoneticPr fontId="1"/></si></sst>',
        ),
        [(2, {"Name": "x"})],
    ),
    "a formula with a value": (a_book(header() + '<row r="2"><c r="A2"><f>1+1</f><v>2</v></c></row>'), [(2, {"Name": 2})]),
    "a formula with an empty text": (
        a_book(header() + '<row r="2"><c r="A2" t="str"><f>""</f><v></v></c></row><row r="3"><c r="A3"><v>5</v></c></row>'),
        [(3, {"Name": 5})],
    ),
    "a formula without a value": (
        a_book(header() + '<row r="2"><c r="A2"><f>1+1</f></c></row><row r="3"><c r="A3"><v>5</v></c></row>'),
        [(2, {"Name": "#UNCALCULATED!"}), (3, {"Name": 5})],
    ),
    "a number that is none": (a_book(header() + '<row r="2"><c r="A2"><v>many</v></c></row>'), [(2, {"Name": "many"})]),
    "an error": (a_book(header() + '<row r="2"><c r="A2" t="e"><v>#REF!</v></c></row>'), [(2, {"Name": "#REF!"})]),
    "an ISO date": (a_book(header() + '<row r="2"><c r="A2" t="d"><v>2026-01-31</v></c></row>'), [(2, {"Name": "2026-01-31"})]),
    "control characters and entities": (
        a_book(header() + '<row r="2"><c r="A2" t="inlineStr"><is><t>a &amp; b _x000D_ &#233;</t></is></c></row>'),
        [(2, {"Name": "a & b \r é"})],
    ),
    "strict OOXML": (
        a_book(
            sheet=f'<worksheet xmlns="{STRICT}"><sheetData>{ROWS}</sheetData></worksheet>',
            book=f'<workbook xmlns="{STRICT}" xmlns:r="http://purl.oclc.org/ooxml/officeDocument/relationships"><sheets>'
            '<sheet name="T" sheetId="1" r:id="rId1"/></sheets></workbook>',
            links='<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
            'Type="http://purl.oclc.org/ooxml/officeDocument/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        ),
        [(2, {"Name": "x"})],
    ),
    "an absolute link": (
        a_book(
            links='<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="rId1" Type="{LINKS}/worksheet" Target="/xl/worksheets/sheet1.xml"/></Relationships>'
        ),
        [(2, {"Name": "x"})],
    ),
    "names with a prefix": (
        a_book(
            sheet=f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData><x:row r="1"><x:c r="A1" t="inlineStr"><x:is><x:t>Name</x:t></x:is></x:c>'
            '</x:row><x:row r="2"><x:c r="A2"><x:v>7</x:v></x:c></x:row></x:sheetData></x:worksheet>'
        ),
        [(2, {"Name": 7})],
    ),
    "a far cell that is only formatted": (
        a_book(ROWS + '<row r="1048576"><c r="XFD1048576" s="0"/></row>'),
        [(2, {"Name": "x"})],
    ),
    "far rows that are only formatted, of a wide sheet": (
        a_book(ROWS + '<row r="3"><c r="XFC3" s="0"></c></row><row r="1048576" ht="15"/>'),
        [(2, {"Name": "x"})],
    ),
    "more texts announced than there are": (
        a_book(
            '<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c></row>',
            strings=f'<sst xmlns="{MAIN}" count="4294967295" uniqueCount="4294967295"><si><t>Name</t></si><si><t>x</t></si></sst>',
        ),
        [(2, {"Name": "x"})],
    ),
    "readings of a text": (
        a_book(
            '<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c></row>',
            strings=f'<sst xmlns="{MAIN}"><si><t>Name</t></si><si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh></si></sst>',
        ),
        [(2, {"Name": "東京"})],
    ),
    "texts that are missing": (
        a_book(ROWS + '<row r="3"><c r="A3" t="s"/></row><row r="4"><c r="A4" t="s"><v/></c></row>'),
        [(2, {"Name": "x"})],
    ),
    "checkboxes": (
        a_book(header() + '<row r="2"><c r="A2" t="b"><v>1</v></c></row><row r="3"><c r="A3" t="b"><v>0</v></c></row>'),
        [(2, {"Name": True}), (3, {"Name": False})],
    ),
    "rows in any order": (
        a_book(header() + '<row r="3"><c r="A3"><v>3</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>'),
        [(2, {"Name": 2}), (3, {"Name": 3})],
    ),
    "a cell twice": (a_book(header() + '<row r="2"><c r="A2"><v>1</v></c><c r="A2"><v>2</v></c></row>'), [(2, {"Name": 2})]),
    "places in small letters": (a_book(header() + '<row r="2"><c r="a2"><v>1</v></c></row>'), [(2, {"Name": 1})]),
    "a text in CDATA, with a comment": (
        a_book(header() + '<row r="2"><!-- c --><c r="A2" t="inlineStr"><is><t><![CDATA[a<b]]></t></is></c></row>'),
        [(2, {"Name": "a<b"})],
    ),
    "an error with a prefix": (
        a_book(
            sheet=f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData><x:row r="1"><x:c r="A1" t="inlineStr"><x:is><x:t>Name</x:t></x:is></x:c>'
            '</x:row><x:row r="2"><x:c r="A2" t="e"><x:v>#REF!</x:v></x:c></x:row></x:sheetData></x:worksheet>'
        ),
        [(2, {"Name": "#REF!"})],
    ),
    "an error with its place behind": (
        a_book(header() + '<row r="2"><c s="0" t="e" r="A2"><v>#REF!</v></c></row>'),
        [(2, {"Name": "#REF!"})],
    ),
    "an error without a place": (
        a_book("<row><c t='inlineStr'><is><t>Name</t></is></c></row><row><c t='e'><v>#N/A</v></c></row>"),
        [(2, {"Name": "#N/A"})],
    ),
    "an error behind a cell that is only formatted": (
        a_book(
            '<row r="1"><c r="A1" t="str"><v>A</v></c><c r="B1" t="str"><v>B</v></c><c r="C1" t="str"><v>C</v></c></row>'
            '<row r="2"><c r="A2" s="0"/><c r="B2" t="e"><v>#REF!</v></c><c r="C2"><v>1</v></c></row>'
        ),
        [(2, {"A": "", "B": "#REF!", "C": 1})],
    ),
    "days, moments and times": (
        dated((1, "45000"), (1, "60"), (1, "2958465"), (4, "45000.5"), (3, "0.5"), (1, "45000.999999999")),
        [
            (row, {"Name": said})
            for row, said in enumerate(
                ("2023-03-15", "1900-02-28", "9999-12-31", "2023-03-15T12:00:00", "12:00:00", "2023-03-16T00:00:00"), 2
            )
        ],
    ),
    "days behind the last": (dated((1, "2958466"), (1, "1e10")), [(2, {"Name": 2958466}), (3, {"Name": 10000000000})]),
    "durations beyond a day": (
        dated((2, "1.25"), (2, "0.75"), (2, "-1")),
        [(2, {"Name": "30:00:00"}), (3, {"Name": "18:00:00"}), (4, {"Name": "-24:00:00"})],
    ),
    "numbers in formats with letters of dates": (
        dated((5, "7"), (6, "0.5"), (7, "-3")),
        [(2, {"Name": 7}), (3, {"Name": 0.5}), (4, {"Name": -3})],
    ),
    "days that count from 1904": (
        dated((1, "45000"), book=_book('<sheet name="T" sheetId="1" r:id="rId1"/>', '<workbookPr date1904="1"/>')),
        [(2, {"Name": "2027-03-16"})],
    ),
    "a format that is not there": (
        a_book(header() + '<row r="2"><c r="A2" s="4000000000"><v>5</v></c></row>'),
        [(2, {"Name": 5})],
    ),
    "sheets whose names differ by case": (
        a_book(book=_book('<sheet name="T" sheetId="1" r:id="rId1"/><sheet name="t" sheetId="2" r:id="rId1"/>')),
        [(2, {"Name": "x"})],
    ),
    "a sheet with a chart and no cells": (
        a_book(
            book=_book('<sheet name="Chart" sheetId="2" r:id="rId2"/><sheet name="T" sheetId="1" r:id="rId1"/>'),
            links='<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="rId1" Type="{LINKS}/worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="rId2" Type="{LINKS}/chartsheet" Target="chartsheets/sheet1.xml"/></Relationships>',
        ),
        [(2, {"Name": "x"})],
    ),
    "a header alone": (a_book(header()), []),
    "a header that is an error": (
        a_book(
            '<row r="1"><c r="A1" t="e"><v>#REF!</v></c><c r="B1" t="str"><v>B</v></c></row><row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>2</v></c></row>'
        ),
        [(2, {"B": 2})],
    ),
    "a merged header": (
        a_book(
            sheet=f'<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c r="A1" t="str"><v>Name</v></c></row><row r="2"><c r="A2"><v>1</v></c>'
            '<c r="B2"><v>2</v></c></row></sheetData><mergeCells><mergeCell ref="A1:B1"/></mergeCells></worksheet>'
        ),
        [(2, {"Name": 1})],
    ),
    "cells without their places": (
        a_book("<row><c t='inlineStr'><is><t>Name</t></is></c></row><row><c><v>7</v></c></row>"),
        [(2, {"Name": 7})],
    ),
}

REFUSED: dict[str, bytes] = {
    "no sheets": a_book(book=f'<workbook xmlns="{MAIN}"><sheets/></workbook>'),
    "no sheet behind the link": a_book(sheet=None),
    "no links": a_book(links=None),
    "no workbook": a_book(book=None),
    "broken XML": a_book(sheet=f'<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c'),
    "an empty sheet": a_book(""),
    "text that is missing": a_book('<row r="1"><c r="A1" t="s"><v>99</v></c></row>'),
    "a place that is none": a_book('<row r="1"><c r="A0"><v>1</v></c></row>'),
    "cells of an unknown type": a_book(header() + '<row r="2"><c r="A2" t="zz"><v>1</v></c></row>'),
    "entities that grow": a_book(
        sheet='<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
        f'<worksheet xmlns="{MAIN}"><sheetData>{one_cell("&c;", "str")}</sheetData></worksheet>'
    ),
    "an entity from outside": a_book(
        sheet=f'<!DOCTYPE w [<!ENTITY a SYSTEM "file:///etc/passwd">]><worksheet xmlns="{MAIN}"><sheetData>{one_cell("&a;", "str")}</sheetData></worksheet>'
    ),
    "a merged range that is none": a_book(
        sheet=f'<worksheet xmlns="{MAIN}"><sheetData>{ROWS}</sheetData><mergeCells><mergeCell ref="B"/></mergeCells></worksheet>'
    ),
    "a state that is none": a_book(book=_book('<sheet name="T" sheetId="1" state="odd" r:id="rId1"/>')),
    "sheets that are all hidden": a_book(book=_book('<sheet name="T" sheetId="1" state="veryHidden" r:id="rId1"/>')),
    "two sheets of a name": a_book(
        book=_book('<sheet name="T" sheetId="1" r:id="rId1"/><sheet name="T" sheetId="2" r:id="rId1"/>')
    ),
    "a duration of eons": dated((2, "1e12")),
    # Each of these ends the process that reads them as they are, for want of memory.
    "a cell in the last corner": a_book(header() + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
    "a cell beyond all corners": a_book(header() + '<row r="2"><c r="ZZZZZZZZ2"><v>1</v></c></row>'),
    "a far cell without a row's number": a_book(header() + "<row/>" * 40 + '<row><c r="XFD1048576"><v>1</v></c></row>'),
    "a far cell with its place behind": a_book(header() + '<row spans="1:9" r="9"><c s="0" r="XFD1048576"><v>1</v></c></row>'),
    "a far cell with a prefix": a_book(
        sheet=f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData><x:row r="9"><x:c r="XFD1048576"><x:v>1</x:v></x:c></x:row></x:sheetData></x:worksheet>'
    ),
    "a far cell with a prefix of its own": a_book(header() + '<y:row r="9"><y:c r="XFD1048576"><y:v>1</y:v></y:c></y:row>'),
    "an encrypted workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    + b"\0" * 504
    + "EncryptedPackage".encode("utf-16-le")
    + b"\0" * 2000,
    "half of an old workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 3000,
}


@pytest.mark.parametrize("kind", READ)
def test_it_is_read_as_a_person_sees_it(kind: str, tmp_path: Path) -> None:
    content, expected = READ[kind]
    assert read(content, tmp_path, "t.data" if kind == "another ending" else "t.xlsx") == expected


@pytest.mark.parametrize("kind", REFUSED)
def test_it_is_refused_with_a_reason_and_crashes_nothing(kind: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read(REFUSED[kind], tmp_path)
    assert ("password" in str(refusal.value)) == (kind == "an encrypted workbook")


def test_a_workbook_that_counts_from_1904_is_told(tmp_path: Path) -> None:
    book = _book('<sheet name="T" sheetId="1" r:id="rId1"/>', '<workbookPr codeName="x" date1904="1"/>')
    warned = [
        read_input(MemoryFiles({"t.xlsx": content}), options=ReadOptions(), scratch=tmp_path).job.warnings
        for content in (a_book(book=book), a_book())
    ]
    assert ["from 1904" in " ".join(warnings) for warnings in warned] == [True, False]


def test_an_open_document_sheet_is_read(tmp_path: Path) -> None:
    rows = "".join(f"<table:table-row>{open_cell(value)}</table:table-row>" for value in ("Name", "x"))
    blank = '<table:table-row table:number-rows-repeated="1048574"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    assert read(an_open_document(rows + blank), tmp_path, "t.ods") == [(2, {"Name": "x"})]


@pytest.mark.parametrize("last", ["", f"<table:table-row>{open_cell('far')}</table:table-row>"])
def test_an_open_document_that_repeats_its_cells_for_ever_is_refused(
    last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes more room than a trial is given would end the task: it ends the trial."""
    monkeypatch.setattr(guarding, "_TRIAL_BYTES", 200 * 1024 * 1024)
    many = f'<table:table-row table:number-rows-repeated="1000000">{open_cell("x", columns=90)}</table:table-row>'
    with pytest.raises(InvalidInput, match=r"save it as \.xlsx"):
        read(an_open_document(many + last), tmp_path, "t.ods")
