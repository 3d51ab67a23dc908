"""What encoding and separator a text file has, by looking at its beginning."""

import codecs
import re
from typing import BinaryIO, Final

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What people give the ending .csv though it is none, by how it begins.
_NO_TEXTS = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a workbook or a zip",
    b"\xd0\xcf\x11\xe0": "an old workbook",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\x1f\x8b": "compressed (gzip: unpack it first)",
    b"BZh": "compressed (bzip2: unpack it first)",
    b"\xfd7zXZ": "compressed (xz: unpack it first)",
    b"7z\xbc\xaf": "compressed (7z: unpack it first)",
    b"Rar!": "compressed (rar: unpack it first)",
    b"PAR1": "a Parquet file",
    b"SQLite f": "a database",
    b"{\\rtf": "a document of a word processor",
    b"<!DOCTYP": "a page of HTML",
    b"<!doctyp": "a page of HTML",
    b"<html": "a page of HTML",
    b"<?xml": "XML",
}
_SEPARATORS = (",", ";", "\t", "|")
_SEP_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
_KANA = re.compile("[\u3040-\u30ff]")
_BLOCK = 1 << 20


def no_text(start: bytes) -> str:
    """What a file is by its first eight bytes; empty for what may be a table in text."""
    return next((what for mark, what in _NO_TEXTS.items() if start.startswith(mark)), "")


def encoding_of(file: BinaryIO) -> str:
    """By the byte order mark; else UTF-8 if all of it is; else what its bytes look like. Leaves the file at its beginning."""
    start = file.read(_BLOCK)
    found = next((name for mark, name in _BOMS if start.startswith(mark)), None) or _wide(start) or _narrow(file, start)
    file.seek(0)
    return found


def _wide(start: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of its first line is null."""
    head = start[:200]
    if len(head) < 2 or 0 not in head:  # noqa: PLR2004 - one character
        return None
    odd, even = head[1::2].count(0), head[0::2].count(0)
    if odd > len(head) // 4 and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > len(head) // 4 and odd == 0 else None


def _narrow(file: BinaryIO, start: bytes) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    block = start
    try:
        while block:
            decoder.decode(block)
            block = file.read(_BLOCK)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "utf-8" if _is_mixed(block) else _legacy(block)
    return "utf-8"


def _is_mixed(block: bytes) -> bool:
    """Whether more of its letters are of UTF-8 than are not: of files that were put together, and of a stray byte in a long one."""
    told = [letter for letter in block.decode("utf-8", errors="ignore") if letter > "\x7f"]
    beyond = sum(byte > 0x7F for byte in block)  # noqa: PLR2004 - beyond ASCII
    return bool(told) and len(told) >= beyond - len("".join(told).encode())


def _as_western(error: UnicodeError) -> tuple[str, int]:
    """A byte that is none of UTF-8 is what Excel's Western code page says that it is."""
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


# How bytes that are not of UTF-8 are read among those that are.
MIXED: Final = "waybill-mixed"
codecs.register_error(MIXED, _as_western)


def _legacy(block: bytes) -> str:
    """Of the code pages of Excel: Japanese where it makes sense as that, else Western."""
    try:
        if len(_KANA.findall(block.decode("cp932", errors="strict"))) > 2:  # noqa: PLR2004 - more than chance
            return "cp932"
    except UnicodeDecodeError:
        pass
    try:
        block.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def separator_of(line: str) -> tuple[str, bool]:
    """The separator by the first line, and whether that line is Excel's `sep=;`, which is no header."""
    told = _SEP_LINE.fullmatch(line)
    if told is not None:
        return told[1], True
    outside = "".join(line.split('"')[::2])
    return max(_SEPARATORS, key=outside.count) if any(map(outside.count, _SEPARATORS)) else ",", False
