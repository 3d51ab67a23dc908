"""How SOQL sorts: text without case, ids bytewise, nulls first unless told otherwise."""

from collections.abc import Callable
from typing import Any

from local.salesforce import soql_ast as ast
from local.salesforce.schema import Field

Getter = Callable[[Any], Any]  # Any: a row, and a field's value


def key_for(field: Field, get: Getter) -> Getter:
    if field.is_text:
        return lambda row: None if (value := get(row)) is None else value.lower()
    return get


def sort(rows: list[Any], get: Getter, order: ast.Order) -> None:
    """In place and stable. Nulls are first also when descending."""
    nulls = [row for row in rows if get(row) is None]
    others = sorted((row for row in rows if get(row) is not None), key=get, reverse=order.descending)
    rows[:] = others + nulls if order.nulls_last else nulls + others
