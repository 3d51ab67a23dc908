"""What a SOQL statement is made of."""

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"
    DATE = "date"
    DATETIME = "datetime"
    DATE_LITERAL = "date literal"


@dataclass(frozen=True)
class Literal:
    kind: Kind
    # As written, without quotes; escapes are still in it, because LIKE reads them differently.
    text: str
    position: int


@dataclass(frozen=True)
class FieldRef:
    path: tuple[str, ...]
    position: int
    alias: str | None = None

    @property
    def text(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True)
class Aggregate:
    """`COUNT()` has no argument."""

    function: str
    argument: FieldRef | None
    position: int
    alias: str | None = None


@dataclass(frozen=True)
class Comparison:
    field: FieldRef
    # One of = != < <= > >= LIKE
    operator: str
    value: Literal


@dataclass(frozen=True)
class Membership:
    field: FieldRef
    negated: bool
    values: "tuple[Literal, ...] | Query"


@dataclass(frozen=True)
class And:
    parts: "tuple[Condition, ...]"


@dataclass(frozen=True)
class Or:
    parts: "tuple[Condition, ...]"


@dataclass(frozen=True)
class Not:
    part: "Condition"


Condition = Comparison | Membership | And | Or | Not


@dataclass(frozen=True)
class Order:
    target: FieldRef | Aggregate
    descending: bool
    nulls_last: bool


@dataclass(frozen=True)
class Query:
    text: str
    items: tuple[FieldRef | Aggregate, ...]
    sobject: str
    sobject_position: int
    alias: str | None = None
    where: Condition | None = None
    group_by: tuple[FieldRef, ...] = ()
    order_by: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    # COUNT() alone: the answer is in totalSize.
    count_only: bool = field(default=False)
