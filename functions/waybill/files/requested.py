"""What a file that somebody has dropped under `requests/` asks for: a backup of some accounts, or of single entries. Pure."""

import csv
import io
from dataclasses import dataclass

from waybill.errors import InvalidInput
from waybill.files.domain import NO_ACCOUNT
from waybill.salesforce.ids import to18

# Limits of a file: bytes, and ids of either kind. The accounts stand in the run's item, of which DynamoDB takes 400 KB.
LARGEST, MOST_ACCOUNTS, MOST_ENTRIES = 5 * 1024 * 1024, 5_000, 100_000
# Ids that nobody knows, beyond which the file is taken for one of another org.
MOST_UNKNOWN = 1_000
_ACCOUNT = "001"  # what the ids of accounts begin with, in every org


@dataclass(frozen=True, slots=True)
class Requested:
    """Either accounts or entries, by ids of 18 characters, each once and in order."""

    accounts: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()


def requested(body: bytes) -> Requested:
    """Reads a CSV whose first column has ids, with or without a heading. Raises InvalidInput, which says what is wrong in which line."""
    if len(body) > LARGEST:
        raise InvalidInput(f"The file has {len(body):,} bytes, and may have {LARGEST:,}: cut it.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("The file is no text in UTF-8: save it as CSV UTF-8.") from None
    found: dict[str, int] = {}
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), 1):
            cell = row[0].strip() if row else ""
            if not cell or (number == 1 and _is_heading(cell)):
                continue
            found.setdefault(_id(cell, number), number)
    except csv.Error as error:
        raise InvalidInput(f"The file is no CSV: {error}.") from None
    return _of_one_kind(found)


def _is_heading(cell: str) -> bool:
    return cell != NO_ACCOUNT and not any(letter.isdigit() for letter in cell)


def _id(cell: str, number: int) -> str:
    try:
        return cell if cell == NO_ACCOUNT else to18(cell)
    except InvalidInput as error:
        raise InvalidInput(f"Line {number}: {error}") from None


def _of_one_kind(found: dict[str, int]) -> Requested:
    accounts = {one: number for one, number in found.items() if one == NO_ACCOUNT or one.startswith(_ACCOUNT)}
    entries = found.keys() - accounts.keys()
    if not found:
        raise InvalidInput("The file names no id: its first column has ids of accounts, or of entries, one a line.")
    if accounts and entries:
        number = min(found[one] for one in entries)
        raise InvalidInput(f"Line {number} has the id of an entry, others those of accounts: make a file of each.")
    for ids, most, what in ((accounts, MOST_ACCOUNTS, "accounts"), (entries, MOST_ENTRIES, "entries")):
        if len(ids) > most:
            raise InvalidInput(f"The file names {len(ids):,} {what}, and may name {most:,}: cut it into several.")
    return Requested(tuple(sorted(accounts)), tuple(sorted(entries)))
