"""Workbooks as other programs write them, of the kinds that test files of calamine, openpyxl and others show: read, or refused."""

import io
import zipfile
from pathlib import Path

import pytest

from tests.fakes.inputs import MemoryFiles
from waybill.errors import InvalidInput
from waybill.records.domain import Cell
from waybill.records.reading.read import ReadOptions, read_input

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
ROWS = '<row r="1"><c r="A1" t="inlineStr"><is><t>Name</t></is></c></row><row r="2"><c r="A2" t="inlineStr"><is><t>x</t></is></c></row>'
TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'


def a_book(rows: str = ROWS, **parts: str | None) -> bytes:
    """A minimal .xlsx. `parts`: content of `sheet`, `book`, `links`, `strings`, `styles`, or None to leave it out."""
    files: dict[str, str | None] = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        f'Type="{LINKS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": parts.get(
            "book",
            f'<workbook xmlns="{MAIN}" xmlns:r="{LINKS}"><sheets><sheet name="T" sheetId="1" r:id="rId1"/></sheets></workbook>',
        ),
        "xl/_rels/workbook.xml.rels": parts.get(
            "links",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="rId1" Type="{LINKS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        ),
        "xl/worksheets/sheet1.xml": parts.get("sheet", f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'),
        "xl/sharedStrings.xml": parts.get("strings"),
        "xl/styles.xml": parts.get("styles"),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            if content is not None:
                archive.writestr(name, content)
    return out.getvalue()


def read(content: bytes, scratch: Path, name: str = "t.xlsx") -> list[tuple[int, dict[str, Cell]]]:
    job = read_input(MemoryFiles({name: content}), options=ReadOptions(), scratch=scratch)
    return [(row.row, dict(row.values)) for row in job.rows(0)]


def header(text: str = "Name") -> str:
    return f'<row r="1"><c r="A1" t="inlineStr"><is><t>{text}</t></is></c></row>'


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


def test_an_open_document_sheet_is_read(tmp_path: Path) -> None:
    office = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
    table, text = office.replace("office:1", "table:1"), office.replace("office:1", "text:1")
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    rows = "".join(f"<table:table-row>{cell.format(value)}</table:table-row>" for value in ("Name", "x"))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
        archive.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{manifest}"/>')
        archive.writestr(
            "content.xml",
            f'<office:document-content xmlns:office="{office}" xmlns:table="{table}" xmlns:text="{text}"><office:body><office:spreadsheet>'
            f'<table:table table:name="T">{rows}</table:table></office:spreadsheet></office:body></office:document-content>',
        )
    assert read(out.getvalue(), tmp_path, "t.ods") == [(2, {"Name": "x"})]
