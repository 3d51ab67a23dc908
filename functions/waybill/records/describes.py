"""What an org has said of its objects, remembered for a while in the work bucket: a second load does not ask it again.

What is remembered may be out of date. So it never makes a row bad by itself (see `tasks/plan_load.py`), and whatever Salesforce refuses
for a reason of the schema's makes all of it forgotten.
"""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from waybill.clock import iso, parse_iso
from waybill.records.schema import FieldSchema, ObjectSchema
from waybill.runs.work import WorkBucket

PREFIX = "describes/"
# What Salesforce refuses a row with where the schema is not what it was thought to be.
SCHEMA_CODES = frozenset(
    {
        "FIELD_INTEGRITY_EXCEPTION",
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "INVALID_FIELD",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "INVALID_TYPE",
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        "NOT_PROCESSED",  # a bulk job refuses unknown columns as a whole
        "NUMBER_OUTSIDE_VALID_RANGE",
        "REQUIRED_FIELD_MISSING",
        "STRING_TOO_LONG",
    }
)
Packed = dict[str, Any]  # Any: JSON


class Describes:
    """Of one org, as one user sees it. `identity` says which and whose; `seconds`: how long it holds."""

    def __init__(self, *, work: WorkBucket, identity: str, seconds: float, now: Callable[[], datetime]) -> None:
        self._work = work
        self._key = f"{PREFIX}{identity}.json.gz"
        self._seconds = seconds
        self._now = now

    def known(self) -> dict[str, ObjectSchema]:
        """By name in lower case, none older than it may be."""
        oldest = self._now() - timedelta(seconds=self._seconds)
        return {name: schema for name, (at, schema) in self._read().items() if at > oldest}

    def keep(self, schemas: Mapping[str, ObjectSchema]) -> None:
        """What the org has said now, beside what still holds."""
        if not schemas or not self._seconds:
            return
        oldest, now = self._now() - timedelta(seconds=self._seconds), self._now()
        held = {name: (at, schema) for name, (at, schema) in self._read().items() if at > oldest}
        held |= {name.lower(): (now, schema) for name, schema in schemas.items()}
        packed = {name: {"at": iso(at), "schema": pack(schema)} for name, (at, schema) in held.items()}
        self._work.put(self._key, gzip.compress(json.dumps(packed).encode(), mtime=0), content_type="application/gzip")

    def forget(self) -> None:
        self._work.put(self._key, gzip.compress(b"{}", mtime=0), content_type="application/gzip")

    def _read(self) -> Mapping[str, tuple[datetime, ObjectSchema]]:
        found = self._work.get(self._key)
        return _unpacked(found) if found is not None else {}


@lru_cache(maxsize=4)
def _unpacked(content: bytes) -> Mapping[str, tuple[datetime, ObjectSchema]]:
    """A container takes apart once what it reads again and again."""
    found: dict[str, Packed] = json.loads(gzip.decompress(content))
    return {name: (parse_iso(each["at"]), unpack(each["schema"])) for name, each in found.items()}


def pack(schema: ObjectSchema) -> Packed:
    """As JSON; two that say the same are equal in this form."""
    packed = asdict(schema)
    for field in packed["fields"].values():
        field["picklist"] = sorted(field["picklist"])
        field["reference_to"] = list(field["reference_to"])
    return packed


def unpack(packed: Packed) -> ObjectSchema:
    fields = {
        name: FieldSchema(**{**field, "picklist": frozenset(field["picklist"]), "reference_to": tuple(field["reference_to"])})
        for name, field in packed["fields"].items()
    }
    return ObjectSchema(**{**packed, "fields": fields})
