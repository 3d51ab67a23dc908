"""Cursors of paged lists: opaque to callers, and never trusted when they come back.

A cursor says only where in a list to go on. What the list is of comes from the path each time, so a forged cursor shows its
author nothing that the path does not.
"""

import base64
import binascii
import json
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from waybill.errors import InvalidInput

MAX_LENGTH = 8_192
_FORGED = "This cursor is not one that this list gave out. Begin without one."


class Cursor(BaseModel):
    """Root of the cursors. Each list has a class of its own, with a pattern for every field."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def encoded(self) -> str:
        return base64.urlsafe_b64encode(self.model_dump_json().encode()).decode().rstrip("=")


C = TypeVar("C", bound=Cursor)


def decoded(kind: type[C], text: str | None) -> C | None:
    """The cursor, or None for the first page. Raises InvalidInput."""
    if text is None:
        return None
    if len(text) > MAX_LENGTH:
        raise InvalidInput(_FORGED)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return kind.model_validate(json.loads(raw))
    except (ValueError, binascii.Error, ValidationError, RecursionError):  # the last: lists within lists, thousands deep
        raise InvalidInput(_FORGED) from None
