"""A workbook looked at before calamine opens it: calamine makes room for what a file says that it holds, and where there is no room, the whole process ends."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

from waybill.errors import InvalidInput
from waybill.records.reading.archives import check_sizes
from waybill.records.reading.sheetxml import UNREADABLE, Reach, part_of, reach

# Cells of a sheet, the blank ones between included: each takes calamine 32 bytes.
MOST_CELLS: Final = 30_000_000
# Of a workbook, unpacked, in bytes: it is held in memory whole.
LARGEST: Final = 512 * 1024 * 1024
AS_CSV: Final = "Give it as CSV files, which may be of any size."
SAVE: Final = "Open it in a spreadsheet program and save it as .xlsx."

_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_DIRECTORY: Final = 4 * 1024 * 1024
_START: Final = 64 * 1024
_STRINGS: Final = re.compile(rb"""(<(?:[\w.-]+:)?sst\s[^>]*?)uniqueCount\s*=\s*["'](\d+)["']""")
_SINCE_1904: Final = re.compile(rb"""<(?:[\w.-]+:)?workbookPr\s[^>]*date1904\s*=\s*["'](?:1|true)["']""")
_SHORTEST_STRING: Final = len("<si/>")

# Opening in a process of its own what nobody here can look at beforehand: old formats, which are rare and small.
_TRIAL_SECONDS, _TRIAL_BYTES = 120, 1536 * 1024 * 1024
_TRIAL: Final = """
import resource, sys
from python_calamine import CalamineWorkbook, PasswordError
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
try:
    book = CalamineWorkbook.from_path(sys.argv[1])
except PasswordError:
    sys.exit(0)
for sheet in book.sheets_metadata:
    try:
        book.get_sheet_by_name(sheet.name)
    except Exception as error:
        print(error)
"""


def ending_of(path: Path) -> str:
    """The ending by what the file is, for calamine goes by the name; empty for what is no workbook."""
    with path.open("rb") as file:
        start = file.read(len(_OLE))
    if start == _OLE:
        return ".xls"
    if not zipfile.is_zipfile(path):
        return ""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.replace("\\", "/").lower() for name in archive.namelist()}
    except UNREADABLE:
        return ""
    kinds = {"xl/workbook.xml": ".xlsx", "xl/workbook.bin": ".xlsb", "content.xml": ".ods"}
    return next((ending for name, ending in kinds.items() if name in names), ".xlsx" if "_rels/.rels" in names else "")


def is_encrypted(path: Path) -> bool:
    """An encrypted .xlsx is an old container with a stream of this name, of which calamine says only that it is no workbook."""
    with path.open("rb") as file:
        return _ENCRYPTED in file.read(_DIRECTORY)


def opened_safely(path: Path, name: str) -> Path:
    """The path under which calamine may open it. Raises InvalidInput for a bomb, and for what calamine would not survive."""
    ending = ending_of(path)
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                infos = archive.infolist()
        except UNREADABLE as error:
            raise InvalidInput(f"{name} is damaged: {error}. {SAVE}") from error
        check_sizes(infos, name)
        size = sum(info.file_size for info in infos)
        if size > LARGEST:
            raise InvalidInput(f"{name} unpacks to {size >> 20} MB; {LARGEST >> 20} are the most of a workbook. {AS_CSV}")
    if not ending:
        raise InvalidInput(f"{name} is not a workbook, whatever its name says: {_what_it_is(path)}")
    if path.suffix.lower() != ending:
        path = path.rename(path.with_name(f"{path.stem}-workbook{ending}"))
    if ending != ".xlsx":
        _try(path, name)
    else:
        _count_strings_right(path)
    return path


def counts_from_1904(path: Path) -> bool:
    """Whether the days of an .xlsx are counted as on old Macs: calamine knows, but whoever meets a day as a plain number does not."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _SINCE_1904.search(archive.read("xl/workbook.xml")) is not None
    except UNREADABLE:
        return False


def check_reach(path: Path, sheet: str, name: str) -> None:
    """Raises InvalidInput for a sheet of an .xlsx with so much between its cells that there would be no room for it: one cell in the last row will do."""
    if path.suffix.lower() != ".xlsx":
        return
    try:
        with zipfile.ZipFile(path) as archive:
            found = _reach(archive, sheet)
    except UNREADABLE:
        return
    if found.cells > MOST_CELLS:
        raise InvalidInput(
            f"{name}: the sheet {sheet} reaches to the cell {found}, which makes {found.cells:,} cells with all that lies between; "
            f"{MOST_CELLS:,} are the most. Delete the rows below your data and the columns beside it, and save. {AS_CSV}"
        )


def _reach(archive: zipfile.ZipFile, sheet: str) -> Reach:
    """Where nobody knows which part is the sheet's, it may be any."""
    try:
        part = part_of(archive, sheet)
    except KeyError:
        part = None
    parts = [part] if part is not None else [name for name in archive.namelist() if name.lower().endswith(".xml")]
    return max((reach(archive, each, most=MOST_CELLS) for each in parts), key=lambda each: each.cells)


def _count_strings_right(path: Path) -> None:
    """Makes the file say nothing of how many texts it has where it says more than there can be."""
    try:
        with zipfile.ZipFile(path) as archive:
            wrong = {info.filename for info in archive.infolist() if _lies(archive, info)}
            if not wrong:
                return
            mended = path.with_name(f"{path.stem}-mended{path.suffix}")
            with zipfile.ZipFile(mended, "w", zipfile.ZIP_DEFLATED) as out:
                for info in archive.infolist():
                    with archive.open(info) as part, out.open(info.filename, "w", force_zip64=True) as copy:
                        if info.filename in wrong:
                            copy.write(_STRINGS.sub(rb"\1", part.read(_START), count=1))
                        shutil.copyfileobj(part, copy, 1 << 20)
        mended.replace(path)
    except UNREADABLE:
        return


def _lies(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bool:
    if info.is_dir():
        return False
    with archive.open(info) as part:
        found = _STRINGS.search(part.read(_START))
    return found is not None and int(found[2]) * _SHORTEST_STRING > info.file_size


def _try(path: Path, name: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "RUST_BACKTRACE": "0"}
    command = [sys.executable, "-c", _TRIAL, str(path), str(_TRIAL_BYTES)]
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=_TRIAL_SECONDS, check=False)  # noqa: S603 - our own
    except subprocess.TimeoutExpired:
        raise InvalidInput(f"{name} is damaged: nobody comes to an end with it. {SAVE}") from None
    if done.returncode < 0:
        raise InvalidInput(f"{name} is damaged, or has so many blank cells that there is no room for them. {SAVE}")


def _what_it_is(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(_START).lstrip()
    if start[:1] == b"<":
        return f"it is a page of HTML or XML. {SAVE}"
    if zipfile.is_zipfile(path):
        return "it is a zip of something else, or of a workbook of another make. " + SAVE
    if b"\0" not in start and start:
        return "it is a text. If it holds a table with separators, name it .csv."
    return f"it is damaged, or of a kind that Waybill does not know. {SAVE}"
