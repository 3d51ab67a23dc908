"""What a file is called at the destination: clean names, keys that fit, and no two entries with the same key. Pure."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import InitVar, dataclass, field
from functools import cached_property, lru_cache
from urllib.parse import quote

from waybill.errors import ConfigurationError
from waybill.files.domain import NO_ACCOUNT

_EXTENSION = re.compile(r"(.*)\.(?=[0-9]*[A-Za-z])([A-Za-z0-9]{1,10})", re.DOTALL)
_SHORT, _LONG = 8, 16  # hex digits of the hash in a suffix: 32 bits collide among a million equal names, 64 do not
_LONGEST_TAIL = len("~") + _LONG + len(".") + 10  # what even a file name cut to nothing keeps


def clean(text: str, *, fallback: str) -> str:
    """`text` as one segment of a key: letters with their marks, digits, `-`, `_` and `.`, all else `_`, in Unicode's NFC.

    Never empty, `.` or `..`: where no letter or digit is left, `fallback` it is. Idempotent.
    """
    return _stripped(_mapped(text)) or fallback


def file_name(entry_name: str | None, source_key: str) -> str:
    """The file's clean name: the entry's, with the source key's extension where it has none; without a name, the source key's.

    An extension has 1 to 10 ASCII letters and digits, a letter among them: `Report v1.2` has none.
    """
    segments = [segment for segment in source_key.split("/") if segment.strip()]
    source_stem, source_extension = _split(_mapped(segments[-1] if segments else ""))
    stem, extension = _split(_mapped(entry_name or ""))
    return (_stripped(stem) or _stripped(source_stem) or "file") + (extension or source_extension)


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """How long keys may be. `max_url` is the length of Salesforce's field, `link_base_length` that of LinkBuilder.base."""

    link_base_length: int
    max_url: int = 255
    max_key_bytes: int = 1024


@dataclass(frozen=True)
class DestinationKeys:
    """The keys of one account's files, `<prefix>uploads/<account id>/<account name>/<file name>`, all within `limits`.

    `prefix` is empty or ends in a slash; NO_ACCOUNT as account id gives `uploads/no-account/no-account/`. The account's name takes
    at most half of the room, whatever the file, so that an account has one folder; then the file's name is cut, keeps its
    extension, and always carries a hash. Raises ConfigurationError where `limits` leave no room for a name.
    """

    prefix: str
    account_id: str
    account_name: str
    limits: KeyLimits

    def __post_init__(self) -> None:
        _ = self.folder

    @cached_property
    def folder(self) -> str:
        """All of the key in front of the file's name."""
        front = f"{self.prefix}uploads/{self.account_id}/"
        name = NO_ACCOUNT if self.account_id == NO_ACCOUNT else clean(self.account_name, fallback="account")
        room = self._room_behind(front + "/")
        half = _Room(*(min(part // 2, part - _LONGEST_TAIL) for part in (room.encoded, room.raw)))
        name = _stripped(_cut(name, half)) or _cut("account", half)
        if not name:
            raise ConfigurationError(
                f"Links of {self.limits.max_url} characters leave no room for a file's name behind the link base "
                f"({self.limits.link_base_length} characters) and {front!r}: shorten the base or the prefix."
            )
        return f"{front}{name}/"

    def plain(self, name: str) -> str | None:
        """The key of a file under its own name, or None where that does not fit."""
        return self.folder + name if self._room.holds(name) else None

    def suffixed(self, name: str, entry_id: str, *, long: bool = False) -> str:
        """The key with `~` and a hash of the entry's id before the extension: 8 hex digits, or 16 if `long`."""
        return self._with(name, _digest(entry_id), _LONG if long else _SHORT)

    def changed(self, name: str, entry_id: str, etag: str) -> str:
        """The key for the new content of a file whose source changed after it was copied."""
        return self._with(name, _digest(f"{entry_id}\n{etag}"), _LONG)

    @cached_property
    def _room(self) -> "_Room":
        return self._room_behind(self.folder)

    def _room_behind(self, front: str) -> "_Room":
        encoded = self.limits.max_url - self.limits.link_base_length - 1 - len(quote(front, safe="/"))
        return _Room(encoded, self.limits.max_key_bytes - len(front.encode()))

    def _with(self, name: str, digest: str, digits: int) -> str:
        stem, extension = _split(name)
        tail = f"~{digest[:digits]}{extension}"
        room = _Room(self._room.encoded - len(tail), self._room.raw - len(tail))
        return self.folder + _cut(stem, room) + tail


@dataclass(slots=True)
class NameAllocator:
    """Gives the new entries of one account their keys, none twice. Entries come in order of their id.

    `taken` are the keys that the ledger knows in the account. A `large` account's keys all carry a long hash: nothing is
    remembered, so that no task needs all names at once.
    """

    keys: DestinationKeys
    taken: InitVar[Iterable[str]] = ()
    large: bool = False
    _used: set[str] = field(init=False, default_factory=set)

    def __post_init__(self, taken: Iterable[str]) -> None:
        if not self.large:
            self._used.update(taken)

    def assign(self, entry_id: str, name: str) -> str:
        """The key of an entry whose file is called `name` (see file_name)."""
        if self.large:
            return self.keys.suffixed(name, entry_id, long=True)
        key = self.keys.plain(name)
        if key is None or key in self._used:
            key = self.keys.suffixed(name, entry_id)
        attempt = 0
        while key in self._used:
            key = self.keys.suffixed(name, f"{entry_id}#{attempt}" if attempt else entry_id, long=True)
            attempt += 1
        self._used.add(key)
        return key


@dataclass(frozen=True, slots=True)
class _Room:
    """Characters left in the percent-encoded URL, and bytes left in the key."""

    encoded: int
    raw: int

    def holds(self, text: str) -> bool:
        if _UNQUOTED.fullmatch(text):  # as nearly all names
            return len(text) <= min(self.encoded, self.raw)
        return len(quote(text, safe="")) <= self.encoded and len(text.encode()) <= self.raw


_UNQUOTED = re.compile(r"[A-Za-z0-9_.~\-]*")
_NO_PLACE = re.compile(r"[^A-Za-z0-9.\-]+")


def _mapped(text: str) -> str:
    """NFC, with `_` for whatever has no place in a name. Keeps underscores and dots at the ends."""
    if text.isascii():  # as nearly all names are: by character it would be the dearest step of listing
        return _NO_PLACE.sub("_", text)
    return _mapped_by_character(text)


def _mapped_by_character(text: str) -> str:
    visible = "".join(character for character in text if not _invisible(character))
    kept: list[str] = []
    after_letter = False
    for character in unicodedata.normalize("NFC", visible):
        kind = unicodedata.category(character)[0]
        after_letter = kind in "LN" or (kind == "M" and after_letter)
        if after_letter or character in "-.":
            kept.append(character)
        elif not kept or kept[-1] != "_":
            kept.append("_")
    return "".join(kept)


def _invisible(character: str) -> bool:
    """Variation selectors, which only choose a glyph, and letters and marks that show nothing."""
    return (
        "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
        or character in "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
    )


def _stripped(name: str) -> str:
    return name.strip("._")


@lru_cache(maxsize=16)  # each name is asked for several times in a row
def _split(name: str) -> tuple[str, str]:
    """Stem and extension, the latter with its dot, or empty."""
    match = _EXTENSION.fullmatch(name.rstrip("._"))
    return (match[1], f".{match[2]}") if match else (name, "")


def _cut(text: str, room: _Room) -> str:
    """The longest beginning of `text` that fits, not parting a letter from its marks."""
    if room.holds(text):
        return text
    encoded = raw = end = 0
    for position, character in enumerate(text):
        encoded += len(quote(character, safe=""))
        raw += len(character.encode())
        if encoded > room.encoded or raw > room.raw:
            return text[:end]
        following = text[position + 1 : position + 2]
        if not following or unicodedata.category(following)[0] != "M":
            end = position + 1
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
