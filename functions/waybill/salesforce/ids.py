"""Salesforce ids: 15 characters that are case sensitive, 18 that are not. Waybill stores and compares 18."""

import re
import string

from waybill.errors import InvalidInput

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", re.ASCII)
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_GROUP = 5


def to18(text: str) -> str:
    """The 18-character form of an id of 15 or 18 characters.

    The last three characters say which of the first 15 are upper case, so an 18-character id that some other program has turned
    into all upper or all lower case gets its case back. Raises InvalidInput for anything else, a wrong suffix included: a
    mistyped id must not become another record's.
    """
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise InvalidInput(f"{_shown(text)} is not a Salesforce id: 15 or 18 letters and digits are.")
    start = text[:15]
    suffix = _suffix(start)
    if len(text) == len(start) or suffix == text[15:].upper():
        return start + suffix
    if text in {text.upper(), text.lower()}:
        restored = _restore(start, text[15:].upper())
        if restored is not None:
            return restored
    raise InvalidInput(f"{_shown(text)} is not a Salesforce id: its last three characters do not fit the others. Is it mistyped?")


# Which of five characters are upper case, as ones and noughts -> the suffix's character. Ids are read by the million.
_CASES = str.maketrans({char: "1" if char.isupper() else "0" for char in string.ascii_letters + string.digits})
_BY_CASES = {f"{bits:05b}"[::-1]: char for bits, char in enumerate(_SUFFIX)}


def _suffix(start: str) -> str:
    cases = start.translate(_CASES)
    return _BY_CASES[cases[:5]] + _BY_CASES[cases[5:10]] + _BY_CASES[cases[10:]]


def _restore(start: str, suffix: str) -> str | None:
    """The id whose case was lost, or None where the suffix asks for an upper-case digit."""
    chars = list(start.lower())
    for group, letter in enumerate(suffix):
        bits = _SUFFIX.find(letter)
        if bits < 0:
            return None
        for bit in range(_GROUP):
            if bits >> bit & 1:
                chars[group * _GROUP + bit] = chars[group * _GROUP + bit].upper()
    restored = "".join(chars)
    return restored + suffix if _suffix(restored) == suffix else None


def _shown(text: object) -> str:
    return repr(text if not isinstance(text, str) else text[:40])
