"""Reads the INSERT statements that Waybill writes; moto is not needed for it."""

import re
from typing import Any

_INSERT = re.compile(r"""INSERT INTO "([^"]+)" VALUE \{('\w+': \?(?:, '\w+': \?)*)\}""")
_NAME = re.compile(r"'(\w+)'")
Item = dict[str, Any]


def inserted(statement: Item) -> tuple[str, Item] | None:
    """The table and the item of an INSERT; None of another statement."""
    found = _INSERT.fullmatch(statement["Statement"])
    return (found[1], dict(zip(_NAME.findall(found[2]), statement["Parameters"], strict=True))) if found else None
