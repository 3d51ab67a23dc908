"""Whether a link opens, and what it leads to. Pure but for what is handed in."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from urllib.parse import quote

from waybill.files.gateway import ticket_of, valid
from waybill.files.ledger import FileItem
from waybill.files.linkstore import Found, Scope
from waybill.files.urls import Ticket

# Accounts that an entry may have moved through since its link was written.
HOPS = 8
_LONGEST_NAME = 200
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff/\\:*?"<>|]+')
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 !#$&+.^_`{}~()\[\]@,=-]")
_EXTENSION = re.compile(r"[A-Za-z0-9]{1,10}")


class Verdict(StrEnum):
    """What becomes of a request. UNKNOWN: it is no link of ours, or was never one; nothing else is told of it."""

    OPENED = "opened"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Admission:
    """A verdict, and as far as the link was proven, what it is about. `why` is for the log."""

    verdict: Verdict
    why: str = ""
    ticket: Ticket | None = None
    file: FileItem | None = None


class Ledger(Protocol):
    """LinkStore, as far as it is used here."""

    def find(self, account_id: str, entry_id: str, *, version: int) -> Found: ...


def admit(path: str, *, key_of: Callable[[int], bytes | None], ledger: Ledger) -> Admission:
    """What a request for `path` comes to. The ledger is asked only about what Waybill itself has written.

    A file opens whatever its state, as long as a proven copy of it is there: before its row is switched, after a rollback, and
    when its record was deleted, for that may be taken back. To stop it is what revoking is for.
    """
    ticket = ticket_of(path)
    if ticket is None:
        return Admission(Verdict.UNKNOWN, "malformed")
    key = key_of(ticket.version)
    if key is None or not valid(ticket, key):
        return Admission(Verdict.UNKNOWN, "forged" if key else "no such version")
    account, seen = ticket.account_id, set[str]()
    while len(seen) < HOPS and account not in seen:
        seen.add(account)
        found = ledger.find(account, ticket.entry_id, version=ticket.version)
        if found.revoked is not None:
            return Admission(Verdict.REVOKED, _REASONS[found.revoked], ticket)
        if found.file is not None:
            if found.file.key is None or found.file.proof is None:
                return Admission(Verdict.GONE, "no proven copy", ticket)
            return Admission(Verdict.OPENED, "", ticket, found.file)
        if found.moved_to is None:
            break
        account = found.moved_to
    return Admission(Verdict.GONE, "not in the ledger", ticket)


_REASONS = {Scope.ENTRY: "file revoked", Scope.ACCOUNT: "account revoked", Scope.VERSION: "version revoked"}


def disposition(file: FileItem) -> str:
    """The header Content-Disposition: shown where the browser can, and saved under the name that the record has (RFC 6266, 5987)."""
    name = shown_name(file)
    plain = _NOT_PLAIN.sub("_", name)
    text = f'inline; filename="{plain}"'
    return text if plain == name else f"{text}; filename*=UTF-8''{quote(name, safe='')}"


def shown_name(file: FileItem) -> str:
    """The record's name, with the copy's extension where it has none. Characters that no file system takes become `_`."""
    last = (file.key or "").rpartition("/")[2]
    name = _NOT_IN_NAMES.sub("_", file.name).strip(" ._") or last or "file"
    stem, _, extension = last.rpartition(".")
    wanted = f".{extension}" if stem and _EXTENSION.fullmatch(extension) else ""
    if wanted and not name.lower().endswith(wanted.lower()):
        name += wanted
    if len(name) <= _LONGEST_NAME:
        return name
    return name[: _LONGEST_NAME - len(wanted)] + wanted
