"""Files whose names, wrappings and kinds are not what they seem: read, or refused; and the task that reads them ends with a sentence."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.aws.endpoint import Endpoint
from tests.contract.conftest import create_table
from tests.fakes.inputs import MemoryFiles
from tests.fakes.workbooks import ROWS, TYPES, a_book, dated, header
from waybill import compose
from waybill.errors import InvalidInput, NotReady
from waybill.records.domain import Cell
from waybill.records.reading import guarding, sheetxml
from waybill.records.reading.read import ReadOptions, read_input
from waybill.records.staging import find_job
from waybill.records.tasks.read_input import stage
from waybill.runs.loads import LoadOptions
from waybill.runs.model import RunContext, RunKind
from waybill.runs.store import RunStore
from waybill.runs.task import Status
from waybill.runs.work import WorkBucket

BOOK, CSV = a_book(), b"Name\nx\n"


def read(content: bytes, scratch: Path, name: str) -> list[dict[str, Cell]]:
    job = read_input(MemoryFiles({name: content}), options=ReadOptions(), scratch=scratch)
    return [dict(row.values) for row in job.rows(0)]


def zipped(*files: tuple[str, bytes | str], method: int = zipfile.ZIP_DEFLATED, zip64: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, method  # as it is: ZipInfo would mend slashes
            with archive.open(info, "w", force_zip64=zip64) as file:
                file.write(data.encode() if isinstance(data, str) else data)
    return out.getvalue()


def repacked(*, rename: Any = lambda name: name, without: str = "", zip64: bool = False) -> bytes:
    """The workbook as another program would have packed it."""
    with zipfile.ZipFile(io.BytesIO(BOOK)) as archive:
        files = [(rename(name), archive.read(name)) for name in archive.namelist() if name != without]
    return zipped(*files, zip64=zip64)


READ: dict[str, tuple[str, bytes]] = {
    "a workbook named as an old one": ("t.xls", BOOK),
    "a workbook named as an open document": ("t.ods", BOOK),
    "a workbook named as a binary one": ("t.xlsb", BOOK),
    "a workbook named as a CSV file": ("t.csv", BOOK),
    "a workbook named as a zip": ("t.zip", BOOK),
    "a workbook without an ending": ("t", BOOK),
    "a workbook with something in front": ("t.xlsx", b"junk" * 10 + BOOK),
    "a workbook with something behind": ("t.xlsx", BOOK + b"junk" * 10),
    "a workbook with slashes of Windows": ("t.xlsx", repacked(rename=lambda name: name.replace("/", "\\"))),
    "a workbook in capitals": ("t.xlsx", repacked(rename=lambda name: name if name.startswith("[") else name.upper())),
    "a workbook without a list of its types": ("t.xlsx", repacked(without="[Content_Types].xml")),
    "a workbook in zip64": ("t.xlsx", repacked(zip64=True)),
    "a workbook in a folder of a zip": ("t.zip", zipped(("a/b.xlsx", BOOK))),
    "a CSV file in a zip in a zip": ("t.zip", zipped(("a.zip", zipped(("T.csv", CSV))))),
    "a CSV file in zip64": ("t.zip", zipped(("T.csv", CSV), zip64=True)),
    "a CSV file packed by LZMA": ("t.zip", zipped(("T.csv", CSV), method=zipfile.ZIP_LZMA)),
    "a CSV file in a folder of Windows": ("t.zip", zipped(("a\\T.csv", CSV))),
    "what macOS adds": ("t.zip", zipped(("__MACOSX/._T.csv", b"\0\1"), (".DS_Store", b"\0"), ("T.csv", CSV))),
    "a CSV file named as text": ("t.txt", CSV),
    "tabs": ("t.tsv", b"Name\tB\nx\t\n".replace(b"\tB", b"").replace(b"\t", b"")),
}
REFUSED: dict[str, tuple[str, bytes, str]] = {
    "a text named as a workbook": ("t.xlsx", b"Name,B\n1,2\n", "name it .csv"),
    "a page named as a workbook": ("t.xls", b"<html><table><tr><td>Name</td></tr></table>", "HTML or XML"),
    "XML named as a workbook": ("t.xls", b'<?xml version="1.0"?><Workbook/>', "HTML or XML"),
    "noise named as a workbook": ("t.xlsx", bytes(range(256)) * 20, "damaged"),
    "a document named as a workbook": (
        "t.xlsx",
        zipped(("[Content_Types].xml", TYPES), ("word/document.xml", "<w/>")),
        "something else",
    ),
    "an open document of text": ("t.ods", zipped(("mimetype", "text"), ("content.xml", "<a/>")), "save it as .xlsx"),
    "a workbook cut off": ("t.xlsx", BOOK[:-30], "upload it again"),
    "half a workbook": ("t.xlsx", BOOK[: len(BOOK) // 2], "upload it again"),
    "a PDF named as a CSV file": ("t.csv", b"%PDF-1.4\n", "a PDF"),
    "a picture named as a CSV file": ("t.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "a picture"),
    "a packed CSV file": ("t.csv.gz", b"\x1f\x8b\x08\x00" + b"\0" * 50, "unpack it first"),
    "a page named as a CSV file": ("t.csv", b"<html><table>", "HTML"),
    "a path from the root": ("t.zip", zipped(("/etc/T.csv", CSV)), "leads out"),
    "a path upwards": ("t.zip", zipped(("a/../../T.csv", CSV)), "leads out"),
    "a path upwards with other slashes": ("t.zip", zipped(("..\\T.csv", CSV)), "leads out"),
    "a path of another drive": ("t.zip", zipped(("C:\\T.csv", CSV)), "leads out"),
    "a file twice": ("t.zip", zipped(("T.csv", CSV), ("U.csv", CSV)).replace(b"U.csv", b"T.csv"), "two files of the name T.csv"),
    "a sum that is wrong": ("t.zip", zipped(("T.csv", CSV), method=zipfile.ZIP_STORED).replace(CSV, b"Name\ny\n"), "CRC"),
    "a zip of nothing": ("t.zip", zipped(), "empty archive"),
    "a zip of folders": ("t.zip", zipped(("a/", b"")), "empty archive"),
    "two zips in a zip": ("t.zip", zipped(("a.zip", zipped(("T.csv", CSV))), ("b.zip", zipped(("U.csv", CSV)))), "a zip"),
    "a damaged workbook beside a good one": (
        "t.zip",
        zipped(("a.xlsx", BOOK), ("b.xlsx", BOOK.replace(b"PK\x01\x02", b"PK\x01\x03"))),
        r"b\.xlsx is damaged",
    ),
    "a name that is none of its encoding": (
        "t.zip",
        zipped(("TÄ.csv", CSV)).replace("TÄ".encode(), b"T\xff\xff"),
        "is not a zip that can be opened",
    ),
    "a program": ("t.zip", zipped(("a.exe", b"MZ")), "neither a workbook nor a CSV file"),
    "a workbook that unpacks to very much": ("t.xlsx", a_book(header("N" * 100_000)), "are the most of a workbook"),
}


@pytest.mark.parametrize("kind", READ)
def test_a_file_is_read_for_what_it_is(kind: str, tmp_path: Path) -> None:
    name, content = READ[kind]
    assert read(content, tmp_path, name) == [{"Name": "x"}]


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_that_is_no_table_is_refused_with_what_to_do(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, content, says = REFUSED[kind]
    monkeypatch.setattr(guarding, "LARGEST", 50_000)
    with pytest.raises(InvalidInput, match=says):
        read(content, tmp_path, name)


def test_an_old_workbook_that_is_damaged_ends_another_process_than_this_one(tmp_path: Path) -> None:
    """The header of an .xls that says that its table of sectors has four thousand million entries."""
    start = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16 + b"\x3e\0\x03\0\xfe\xff\x09\0\x06\0" + b"\0" * 3000)
    start[44:48] = start[62:66] = start[72:76] = b"\xff\xff\xff\xff"
    with pytest.raises(InvalidInput, match=r"save it as \.xlsx"):
        read(bytes(start), tmp_path, "t.xls")


@pytest.mark.parametrize(
    ("rows", "most", "found"),
    [
        (ROWS, 10_000, "Z2"),  # nobody looks twice
        (ROWS, 10, "A2"),
        (header() + '<row r="7"><c r="AB7"><v>1</v></c></row>', 10, "AB7"),
        (header() + '<row r="7"><c r="AB7"/><c r="AC7"></c></row>', 10, "A1"),
        ("<row><c><v>1</v></c><c/><c><v>3</v></c></row><row/><row><c><v>1</v></c></row>", 10, "C3"),
        ("", 10, "Z0"),
    ],
)
def test_how_far_a_sheet_reaches(rows: str, most: int, found: str) -> None:
    with zipfile.ZipFile(io.BytesIO(a_book(rows))) as archive:
        part = sheetxml.part_of(archive, "T")
        assert part is not None
        assert str(sheetxml.reach(archive, part, most=most)) == found


def test_cells_that_are_cut_by_the_blocks_they_are_read_in_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(
        f'<row r="{row}"><c r="A{row}" t="str"><v>{"x" * row}</v></c><c r="AB{row}"><v>1</v></c></row>' for row in range(1, 30)
    )
    with zipfile.ZipFile(io.BytesIO(a_book(rows))) as archive:
        part = sheetxml.part_of(archive, "T")
        assert part is not None
        for block in (7, 64, 100, 333):
            monkeypatch.setattr(sheetxml, "_BLOCK", block)
            assert str(sheetxml.reach(archive, part, most=10_000)) == "AB29"
            assert len(list(sheetxml.raw_cells(archive, part))) == 58


# -- the task --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def work() -> Iterator[WorkBucket]:
    endpoint = Endpoint()
    endpoint.start()
    compose.forget()
    try:
        compose.aws("s3").create_bucket(Bucket="work-bucket")
        yield WorkBucket(client=compose.aws("s3"), bucket="work-bucket")
    finally:
        endpoint.stop()
        compose.forget()


def test_the_task_stages_what_can_be_read_and_tells_of_the_rest(work: WorkBucket) -> None:
    store = RunStore(create_table(compose.aws("dynamodb"), "dirty"))
    files: list[tuple[str, bytes]] = [*READ.values(), *((name, content) for name, content, _ in REFUSED.values())]
    files += [
        ("t.xlsx", a_book(header() + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')),
        ("t.xlsx", dated((2, "1e12"))),
    ]
    outcomes = []
    for number, (name, content) in enumerate(files):
        key, run_id = f"inbox/upload{number}/{name}", f"load-{number}"
        work.put(key, content)
        run = RunContext(run_id=run_id, kind=RunKind.LOAD, mode="dry_run", fence=1, started_at="2026-11-21T00:00:00.000Z")

        def nowhere() -> Any:
            raise AssertionError("no org is asked")

        try:
            reply = stage(run, options=LoadOptions(input=key), store=store, work=work, source=nowhere)
        except NotReady as refusal:
            outcomes.append(str(refusal)[:40])
            assert find_job(work, run_id) is None
        else:
            assert (reply.status, find_job(work, run_id) is not None) == (Status.DONE, True)
            outcomes.append("")
    read_as_they_are = len(READ) + 1  # the largest workbook is refused only where less is allowed
    assert outcomes.count("") == read_as_they_are


# -- plans -----------------------------------------------------------------------------------------------------------------

ASKS = '{"query": "SELECT Id, Name FROM Account", "operation": "Upsert"}'


@pytest.mark.parametrize(
    ("plan", "table", "says"),
    [
        ('{"objects": [{"query": "SELECT Id FROM Account WHERE Name = \'\\ud800\'"}]}', CSV, "is not JSON"),
        ("[" * 100_000, CSV, "is not JSON"),
        ('{/* mine */ "objects": []}', CSV, "is not JSON"),
        ("null", CSV, "neither objects nor objectSets"),
        ('{"objects": [1]}', CSV, "objects is"),
        ('{"objects": 5, "objectSets": []}', CSV, "objects is"),
        ('{"objectSets": [{"objects": "Account"}]}', CSV, "objects is"),
        (f'{{"excludedObjects": 5, "objects": [{ASKS}]}}', CSV, "excludedObjects is"),
        ('{"objects": [{"query": "SELECT Id FROM Account", "excludedFields": "Name"}]}', CSV, "excludedFields is"),
        (f'{{"objects": [{ASKS}]}}', BOOK, r"Account\.csv is a workbook or a zip"),
        (f'{{"objects": [{ASKS}]}}', b"%PDF-1.4", r"Account\.csv is a PDF"),
        (f'{{"objects": [{ASKS}]}}', b'Id,Name\n"1,a\n2,b\n', "closed nowhere"),
    ],
)
def test_a_plan_that_cannot_be_read_is_refused(plan: str, table: bytes, says: str, tmp_path: Path) -> None:
    files = MemoryFiles({"export.json": plan, "Account.csv": table})
    with pytest.raises(InvalidInput, match=says):
        list(read_input(files, options=ReadOptions(), scratch=tmp_path).rows(0))


def test_a_plan_in_utf_16_is_read(tmp_path: Path) -> None:
    files = MemoryFiles({"export.json": f'{{"objects": [{ASKS}]}}'.encode("utf-16"), "Account.csv": CSV})
    assert [dict(row.values) for row in read_input(files, options=ReadOptions(), scratch=tmp_path).rows(0)] == [{"Name": "x"}]
