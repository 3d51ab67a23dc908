"""Sample documents are what their extension says, differ from each other, and are the same every time."""

import csv
import io
import re
import struct
import time
import zipfile

import docx
import openpyxl
import pytest
from PIL import Image

from local.samples import documents
from local.samples.documents import KINDS, ORIGINALS, Generated, document

SIGNATURES = {"pdf": b"%PDF-1.", "docx": b"PK\x03\x04", "xlsx": b"PK\x03\x04", "png": b"\x89PNG\r\n\x1a\n"}


def numbers(kind: str) -> range:
    """Every original once, and the first one twice."""
    return range(ORIGINALS[kind] + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_documents_are_alike_and_none_is_empty(kind: str) -> None:
    made = [document(kind, number, seed=7) for number in range(60)]
    assert len(set(made)) == 60
    assert all(1_000 < len(body) < 400_000 for body in made)
    assert all(body.startswith(SIGNATURES.get(kind, b"")) for body in made)


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_is_the_same_for_the_same_seed_and_another_for_another(kind: str) -> None:
    before = document(kind, 3, seed=7)
    documents._original.cache_clear()
    assert Generated(kind, 3, 7)() == before
    assert document(kind, 3, seed=8) != before


def test_a_pdf_is_one_to_the_last_offset() -> None:
    for number in numbers("pdf"):
        body = document("pdf", number, seed=7)
        assert f"WB-{number:07d}".encode() in body
        start = int(body.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
        table = re.match(rb"xref\n0 (\d+)\n", body[start:])
        assert table
        count = int(table[1])
        entries = body[start + table.end() :][: 20 * count]
        for place in range(1, count):
            offset = int(entries[20 * place : 20 * place + 10])
            assert body[offset:].startswith(b"%d 0 obj" % place)
        for stream in re.finditer(rb"/Length (\d+)\s*>>\s*stream\r?\n", body):
            assert body[stream.end() + int(stream[1]) :].lstrip().startswith(b"endstream")


def test_a_docx_opens_and_has_its_number() -> None:
    for number in numbers("docx"):
        paper = docx.Document(io.BytesIO(document("docx", number, seed=7)))
        assert f"WB-{number:07d}" in paper.paragraphs[1].text
        assert len(paper.tables[0].rows) == 7


def test_an_xlsx_opens_and_has_its_number() -> None:
    for number in numbers("xlsx"):
        book = openpyxl.load_workbook(io.BytesIO(document("xlsx", number, seed=7)))
        sheet = book.worksheets[0]
        assert sheet["B1"].value == f"WB-{number:07d}"
        assert sheet.max_row >= 32
        book.close()


def test_office_files_hold_no_time_of_day() -> None:
    for kind in ("docx", "xlsx"):
        with zipfile.ZipFile(io.BytesIO(document(kind, 1, seed=7))) as archive:
            assert archive.testzip() is None
            assert {part.date_time[0] for part in archive.infolist()} == {2024}
            assert str(time.localtime().tm_year).encode() not in archive.read("docProps/core.xml")


def test_a_png_opens_and_has_its_number() -> None:
    for number in numbers("png"):
        body = document("png", number, seed=7)
        assert struct.unpack(">I", body[16:20])[0] >= 240
        with Image.open(io.BytesIO(body)) as picture:
            picture.verify()
        with Image.open(io.BytesIO(body)) as picture:
            picture.load()
            assert picture.info["Comment"] == f"WB-{number:07d}"


def test_a_csv_has_a_row_for_each_item_and_a_txt_is_text() -> None:
    for number in numbers("csv"):
        rows = list(csv.reader(io.StringIO(document("csv", number, seed=7).decode("utf-8-sig"))))
        assert len(rows) > 40
        assert {len(row) for row in rows} == {7}
    for number in numbers("txt"):
        assert document("txt", number, seed=7).decode().startswith(f"Minutes WB-{number:07d}")
