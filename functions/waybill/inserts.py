"""INSERT statements of PartiQL: puts on the condition that there is no such item, many to a call, each by itself."""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any

from waybill.attributes import encode

# Statements of one call; DynamoDB takes no more, and no two about one item.
TOGETHER = 25


class Inserted(StrEnum):
    """What became of an item that was to be inserted. UNKNOWN: it must be written again, by itself, which says what is wrong."""

    DONE = "done"
    TAKEN = "taken"
    UNKNOWN = "unknown"


def statement(table: str, item: Mapping[str, Any]) -> dict[str, Any]:
    return {"Statement": _text(table, tuple(item)), "Parameters": [encode(value) for value in item.values()]}


@lru_cache(maxsize=64)
def _text(table: str, names: tuple[str, ...]) -> str:
    """The names are our own: no quotes are in them."""
    fields = ", ".join(f"'{name}': ?" for name in names)
    return f'INSERT INTO "{table}" VALUE {{{fields}}}'


def outcomes(answers: list[Mapping[str, Any]], *, of: int) -> list[Inserted]:
    """What the answers to `of` statements say. Without one to each of them nothing is known of any."""
    return [_outcome(answer) for answer in answers] if len(answers) == of else [Inserted.UNKNOWN] * of


def _outcome(answer: Mapping[str, Any]) -> Inserted:
    error = answer.get("Error")
    if error is None:
        return Inserted.DONE
    return Inserted.TAKEN if error.get("Code") in {"DuplicateItem", "ConditionalCheckFailed"} else Inserted.UNKNOWN
