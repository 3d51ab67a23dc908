"""What a synced workbook remembers, on a hidden sheet of its own: how far it is, and digests of what its cells said when that was Salesforce's word.

It travels with the workbook, so that the two cannot part; and it holds no values, so that what a person deletes from a sheet is gone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from openpyxl import Workbook

from waybill.errors import InvalidInput
from waybill.records.marks import STATE

_MAGIC, _FORMAT = "waybill sync", 1
_WIDTH = 8
_OBJECT, _ROW, _DELETED = "object", "row", "deleted"


@dataclass(slots=True)
class Remembered:
    """An object. `watermark`: changes before it, by the org's clock, are in the sheet. `rows`: id -> a digest for each of `fields`, one after another."""

    object: str
    sheet: str
    watermark: str = ""
    fields: tuple[str, ...] = ()
    rows: dict[str, str] = field(default_factory=dict)
    # Ids whose rows are marked as deleted.
    deleted: set[str] = field(default_factory=set)

    def live(self) -> Iterator[str]:
        return (record for record in self.rows if record not in self.deleted)

    def digests(self, record: str) -> dict[str, str]:
        """Field -> what its cell said; empty for a record that is not remembered."""
        text = self.rows.get(record, "")
        return {name: text[at * _WIDTH : (at + 1) * _WIDTH] for at, name in enumerate(self.fields)} if text else {}


@dataclass(slots=True)
class Memory:
    """A workbook's. `edition` changes whenever a person's copy is taken in: two that differ have been edited apart.

    `org`: the id of the org that its records are of, and `connection`: by which name it was reached; both empty where that was not yet noted.
    """

    name: str
    edition: str
    org: str = ""
    connection: str = ""
    objects: dict[str, Remembered] = field(default_factory=dict)

    def of(self, sobject: str) -> Remembered | None:
        return self.objects.get(sobject.lower())


def read_memory(book: Workbook) -> Memory | None:
    """None where the workbook was never synced. Raises InvalidInput where the sheet is not what Waybill wrote."""
    if STATE not in book.sheetnames:
        return None
    lines = book[STATE].iter_rows(values_only=True)
    first = [*next(lines, ()), *[None] * 6]
    if first[:2] != [_MAGIC, _FORMAT]:
        raise InvalidInput(f"The sheet {STATE} is not one that a sync has written: rename it, for Waybill needs this name.")
    title, edition, org, connection = (str(cell or "") for cell in first[2:6])
    memory = Memory(title, edition, org, connection)
    current: Remembered | None = None
    for line in lines:
        cells = [str(cell) if cell is not None else "" for cell in line] + [""] * 4
        kind, name, text = cells[:3]
        if kind == _OBJECT:
            current = Remembered(name, text, cells[3], tuple(filter(None, cells[4:])))
            memory.objects[name.lower()] = current
        elif current is None or kind not in (_ROW, _DELETED) or len(text) != _WIDTH * len(current.fields):
            raise InvalidInput(
                f"The hidden sheet {STATE}, by which a sync knows the workbook, is damaged: delete it, and sync once more."
            )
        else:
            current.rows[name] = text
            if kind == _DELETED:
                current.deleted.add(name)
    return memory


def write_memory(book: Workbook, memory: Memory) -> None:
    """In place of what was remembered before."""
    if STATE in book.sheetnames:
        book.remove(book[STATE])
    sheet = book.create_sheet(STATE)
    sheet.sheet_state = "veryHidden"
    sheet.append([_MAGIC, _FORMAT, memory.name, memory.edition, memory.org, memory.connection])
    for each in memory.objects.values():
        sheet.append([_OBJECT, each.object, each.sheet, each.watermark, *each.fields])
        for record, text in each.rows.items():
            _append(sheet, _DELETED if record in each.deleted else _ROW, record, text)


def _append(sheet: Any, *cells: str) -> None:  # Any: openpyxl has no types
    sheet.append(cells)
