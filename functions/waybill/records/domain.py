"""Jobs, staged rows, planned rows, verdicts and counts: the words of record loads. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as data_field
from enum import StrEnum
from typing import Protocol

# What a cell holds once it has been read: never a date, which is text in ISO form.
Cell = str | int | float | bool | None


class Operation(StrEnum):
    """What is to be done with an object's rows, as SFDMU names it."""

    UPSERT = "upsert"
    INSERT = "insert"
    UPDATE = "update"
    READONLY = "readonly"
    DELETE = "delete"
    DELETE_SOURCE = "deletesource"
    DELETE_HIERARCHY = "deletehierarchy"
    HARD_DELETE = "harddelete"

    @property
    def writes_rows(self) -> bool:
        """Whether the rows of its table are input rows: each is in exactly one count."""
        return self in (Operation.UPSERT, Operation.INSERT, Operation.UPDATE)

    @property
    def deletes(self) -> bool:
        return self in (Operation.DELETE, Operation.DELETE_HIERARCHY, Operation.HARD_DELETE)


class Verdict(StrEnum):
    """What the plan makes of one input row. A planned row that Salesforce refuses later is failed: that is not foreseen here."""

    INSERT = "inserted"
    UPDATE = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    # Of an undo only: the row that a load inserted is deleted.
    DELETE = "deleted"


class Action(StrEnum):
    """What a step does with all its rows."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a row stands. `row` is the number that a person sees in the file: the header is 1."""

    file: str
    sheet: str
    row: int


@dataclass(frozen=True, slots=True)
class StagedRow:
    """A row of an input table: header to cell, blank rows left out. `row` as in Origin."""

    row: int
    values: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Table:
    """An input table. `number` names it in Job and Tables."""

    number: int
    file: str
    sheet: str
    headers: tuple[str, ...]


class Tables(Protocol):
    """The rows of the input tables, as often as they are asked for."""

    def rows(self, number: int) -> Iterator[StagedRow]: ...


@dataclass(frozen=True, slots=True)
class ObjectJob:
    """What a plan says of one object in one object set. Names as the plan spells them; `where` without the word WHERE."""

    object: str
    operation: Operation = Operation.READONLY
    # Empty where it is to be chosen when the load is planned.
    external_id: tuple[str, ...] = ("Name",)
    # The fields that the query names; empty where there is no query, or it asks for all.
    fields: tuple[str, ...] = ()
    where: str = ""
    # Rows that do not meet it are not sent (SFDMU's targetRecordsFilter).
    only: str = ""
    skip_existing: bool = False
    delete_old: bool = False
    # Fields that are not loaded, and fields that are written to new rows only.
    left_out: tuple[str, ...] = ()
    insert_only: tuple[str, ...] = ()
    # Cut texts that are too long for their field.
    truncate: bool = False
    # 1 for the first.
    object_set: int = 1
    excluded: bool = False
    # Number of the table; None where the input has none for this object.
    table: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """All that an input asks for."""

    objects: tuple[ObjectJob, ...]
    tables: tuple[Table, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is rejected, in words that a person can act on. `code` is for machines."""

    origin: Origin
    object: str
    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row to write.

    An insert has a number `n`, unique in the run. An update or a delete names an existing row by `id`, or, by `of`, the number of a
    row that an earlier step inserts. `refs` name the numbers whose ids go into fields. `before` are an update's old values, or the
    whole row that is deleted. `key` is how an inserted row is found again: field path to value.
    """

    origin: Origin
    n: int | None = None
    id: str | None = None
    of: int | None = None
    fields: Mapping[str, Cell] = data_field(default_factory=dict)
    refs: Mapping[str, int] = data_field(default_factory=dict)
    before: Mapping[str, Cell] = data_field(default_factory=dict)
    key: Mapping[str, Cell] = data_field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """Rows of one object that are written alike. Steps are carried out in order; the rows of one step do not need each other."""

    number: int
    object: str
    action: Action
    count: int
    rows: Iterable[PlannedRow]


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """What the plan makes of an input row. `changes`: field to old and new value, as a dry run shows them."""

    origin: Origin
    object: str
    verdict: Verdict
    n: int | None = None
    id: str | None = None
    field: str = ""
    code: str = ""
    message: str = ""
    changes: Mapping[str, tuple[Cell, Cell]] = data_field(default_factory=dict)
    # What else is wrong with a rejected row: field, code and message each.
    more: Sequence[tuple[str, str, str]] = ()


@dataclass(slots=True)
class RowCounts:
    """Each input row is in exactly one of the five; `deleted` is a sixth, of an undo's rows only."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    failed: int = 0
    deleted: int = 0

    @property
    def total(self) -> int:
        return self.inserted + self.updated + self.unchanged + self.rejected + self.failed + self.deleted

    def count(self, verdict: Verdict, rows: int = 1) -> None:
        setattr(self, verdict.value, getattr(self, verdict.value) + rows)

    def as_dict(self) -> dict[str, int]:
        return {
            "total": self.total,
            "inserted": self.inserted,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "rejected": self.rejected,
            "failed": self.failed,
        } | ({"deleted": self.deleted} if self.deleted else {})


@dataclass(frozen=True, slots=True)
class Summary:
    """A plan in figures. `objects` and `keys` by the plan's spelling; `deleted`: rows of the org that the plan deletes; `headers`: number of
    a table -> field, in lower case -> the headers of the columns that say something of it."""

    rows: RowCounts
    objects: Mapping[str, RowCounts]
    problems: Sequence[Problem]
    warnings: Sequence[str]
    keys: Mapping[str, str]
    deleted: Mapping[str, int]
    headers: Mapping[int, Mapping[str, Sequence[str]]] = data_field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planned:
    """The whole plan. `verdicts` are in the order of the input; both they and the rows of a step may be gone through again."""

    steps: Sequence[Step]
    verdicts: Iterable[RowVerdict]
    summary: Summary
