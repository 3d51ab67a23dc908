"""Salesforce ids: 15 characters that are case sensitive, 18 that are not, and the generator of new ones."""

import itertools

from local.salesforce.errors import Fault

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def to_18(id_15: str) -> str:
    """Appends, for each five characters, the index of the bits that say which of them are A-Z."""
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << n for n, char in enumerate(id_15[start : start + 5]) if "A" <= char <= "Z")
        suffix += _SUFFIX[bits]
    return id_15 + suffix


def key_of(text: object) -> str | None:
    """The 15 characters that identify a record, given either form; None where `text` is no id.

    18 characters carry the case of the first 15 in their suffix, so they match whatever case they are written in.
    """
    if not isinstance(text, str) or not text.isascii() or not text.isalnum():
        return None
    if len(text) == 15:
        return text
    return _restored(text) if len(text) == 18 else None


def _restored(text: str) -> str | None:
    # By far the most common: the case was never changed.
    if to_18(text[:15]) == text:
        return text[:15]
    chars = list(text[:15].lower())
    for group, letter in enumerate(text[15:].upper()):
        bits = _SUFFIX.find(letter)
        if bits < 0:
            return None
        for n in range(5):
            if bits >> n & 1:
                chars[group * 5 + n] = chars[group * 5 + n].upper()
    restored = "".join(chars)
    return restored if to_18(restored)[15:] == text[15:].upper() else None


def require_key(text: object, *, name: str = "Id") -> str:
    key = key_of(text)
    if key is None:
        raise Fault("MALFORMED_ID", f"{name}: id value of incorrect type: {text}", fields=[name])
    return key


class IdGenerator:
    """Counts per key prefix; later ids are greater bytewise, as they are in an org of one instance. `org` tells two orgs apart."""

    def __init__(self, org: int = 0) -> None:
        self._org = f"Dn{org:04d}"
        self._counters: dict[str, itertools.count[int]] = {}

    def next(self, prefix: str) -> str:
        number = next(self._counters.setdefault(prefix, itertools.count(1)))
        tail = ""
        for _ in range(6):
            number, rest = divmod(number, 62)
            tail = _DIGITS[rest] + tail
        return to_18(prefix + self._org + tail)
