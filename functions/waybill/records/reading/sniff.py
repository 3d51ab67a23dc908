"""What encoding and separator a text file has, by looking at its beginning."""

import codecs
import re
from typing import BinaryIO

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS = (",", ";", "\t", "|")
_SEP_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
_KANA = re.compile("[\u3040-\u30ff]")
_BLOCK = 1 << 20


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
        return _legacy(start if block is start else block)
    return "utf-8"


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
