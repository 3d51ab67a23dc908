"""The CSV of Bulk API 2.0: what is uploaded, in parts of bounded size, and which of the rows sent a result is about."""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from waybill.salesforce.batching import json_value

# Salesforce takes 150 MB in base64, which is 100 MB of CSV. Less is more: a task holds a part in memory.
PART_BYTES = 20_000_000
# A cell that clears a field; an empty one leaves it as it is.
NULL = "#N/A"

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CsvPart:
    """The data of one job: a header and `rows` rows."""

    data: bytes
    rows: int


def cells(row: Row, columns: Sequence[str]) -> list[str]:
    """A row as it is uploaded. A field that the row does not name is left alone; None and an empty text clear it."""
    return [_cell(row[column]) if column in row else "" for column in columns]


def _cell(value: object) -> str:
    match value:
        case None | "":
            return NULL
        case bool():
            return "true" if value else "false"
        case _:
            return str(json_value(value))


def csv_parts(rows: Iterable[Row], columns: Sequence[str], *, limit: int = PART_BYTES) -> Iterator[CsvPart]:
    """The rows in order, as many in a part as its bytes allow; one at least."""
    header = _line(columns)
    lines, size = list[bytes](), len(header)
    for row in rows:
        line = _line(cells(row, columns))
        if lines and size + len(line) > limit:
            yield CsvPart(header + b"".join(lines), len(lines))
            lines, size = [], len(header)
        lines.append(line)
        size += len(line)
    if lines:
        yield CsvPart(header + b"".join(lines), len(lines))


def _line(values: Sequence[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue().encode()


class SentRows:
    """Salesforce does not keep the order of rows, and knows no number of ours: a result is told by all its values.

    Rows that are equal share their results in any order. Holds 16 bytes and a number for each row.
    """

    def __init__(self, rows: Iterable[Row], columns: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self._numbers: dict[bytes, list[int]] = {}
        for number, row in enumerate(rows):
            self._numbers.setdefault(_digest(cells(row, columns)), []).append(number)
        for numbers in self._numbers.values():
            numbers.reverse()

    def take(self, result: Mapping[str, str]) -> int | None:
        """The number of the row, from 0 in the order in which they were sent; None for one that was not sent, or told already."""
        numbers = self._numbers.get(_digest([result.get(column, "") for column in self._columns]))
        return numbers.pop() if numbers else None

    def left(self) -> list[int]:
        """The rows that no result was about."""
        return sorted(number for numbers in self._numbers.values() for number in numbers)


def _digest(values: Sequence[str]) -> bytes:
    # A cell's line ends are not what tells rows apart: not every stage of the way keeps them.
    joined = "\x1f".join(values).replace("\r\n", "\n").encode()
    return hashlib.blake2b(joined, digest_size=16).digest()
