"""Saved mappings in the table: a version is an item that is never changed, and a head says which is the latest."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from waybill.errors import InvalidInput, NotFound, ServiceUnavailable
from waybill.records.mapping import SavedMapping, from_json, to_json
from waybill.table import ConditionFailed, Table

_HEADS: Final = "MAPPINGS"
# DynamoDB's item may have 400 KB.
_LARGEST: Final = 350_000
# How often who saves tries again that met another.
_TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Head:
    """A name's latest version. `changes` counts what was done to it: saved, deleted, saved again."""

    name: str
    version: int
    saved_at: str
    saved_by: str
    deleted: bool = False
    changes: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A version as it was saved."""

    mapping: SavedMapping
    saved_at: str
    saved_by: str


class MappingStore:
    """`MAPPINGS` holds the heads, `MAPPING#<name>` the versions. Deleting hides a name: runs that have used it still say by what."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def save(self, mapping: SavedMapping, *, by: str, at: str) -> Found:
        """The next version; the latest as it is where it says the same, so that a request may be repeated. Raises InvalidInput."""
        for _ in range(_TRIES):
            head = self._head(mapping.name)
            if head is not None and not head.deleted:
                latest = self.get(mapping.name, head.version)
                if _text(latest.mapping) == _text(replace(mapping, version=head.version)):
                    return latest
            version = head.version + 1 if head else 1
            saved = Found(replace(mapping, version=version), at, by)
            fresh = Head(mapping.name, version, at, by, changes=head.changes + 1 if head else 1)
            try:
                self._table.put_together([(_version_item(saved), 0), (_head_item(fresh), head.changes if head else 0)])
            except ConditionFailed:
                continue  # somebody was faster: theirs is a version as well
            return saved
        raise ServiceUnavailable(f"The mapping {mapping.name} is being saved by others. Try again.")

    def delete(self, name: str, *, by: str, at: str) -> None:
        """Raises NotFound."""
        for attempt in range(_TRIES):
            head = self._head(name)
            if attempt and head is not None and head.deleted and (head.saved_at, head.saved_by) == (at, by):
                return  # the reply was lost, the deletion was not
            head = self.latest(name)
            gone = replace(head, deleted=True, saved_at=at, saved_by=by, changes=head.changes + 1)
            try:
                self._table.put_together([(_head_item(gone), head.changes)])
            except ConditionFailed:
                continue
            return
        raise ServiceUnavailable(f"The mapping {name} is being saved by others. Try again.")

    def latest(self, name: str) -> Head:
        """Raises NotFound for a name that was never saved, and for one that was deleted."""
        head = self._head(name)
        if head is None or head.deleted:
            raise NotFound(f"There is no mapping {name}. `waybill mappings list` shows them.")
        return head

    def get(self, name: str, version: int | None = None) -> Found:
        """That version, also of a name that was deleted since; without one the latest. Raises NotFound."""
        wanted = self.latest(name).version if version is None else version
        item = self._table.get(f"MAPPING#{name}", _version_key(wanted))
        if item is None:
            raise NotFound(f"There is no version {wanted} of the mapping {name}.")
        return Found(from_json(json.loads(item["mapping"])), item["saved_at"], item["saved_by"])

    def heads(self, *, after: str | None = None, limit: int | None = None) -> Iterator[Head]:
        """By name, the deleted ones among them."""
        return (_head(item) for item in self._table.query(_HEADS, after=after, limit=limit))

    def _head(self, name: str) -> Head | None:
        item = self._table.get(_HEADS, name)
        return _head(item) if item else None


def _head(item: dict[str, Any]) -> Head:
    return Head(item["sk"], item["version"], item["saved_at"], item["saved_by"], item["deleted"], item["v"])


def _head_item(head: Head) -> dict[str, Any]:
    return {
        "pk": _HEADS,
        "sk": head.name,
        "version": head.version,
        "saved_at": head.saved_at,
        "saved_by": head.saved_by,
        "deleted": head.deleted,
        "v": head.changes,
    }


def _version_item(found: Found) -> dict[str, Any]:
    text = _text(found.mapping)
    if len(text.encode()) > _LARGEST:
        raise InvalidInput(f"The mapping {found.mapping.name} is too large: it may have {_LARGEST:,} bytes.")
    return {
        "pk": f"MAPPING#{found.mapping.name}",
        "sk": _version_key(found.mapping.version),
        "mapping": text,
        "saved_at": found.saved_at,
        "saved_by": found.saved_by,
    }


def _version_key(version: int) -> str:
    return f"VERSION#{version:06d}"


def _text(mapping: SavedMapping) -> str:
    return json.dumps(to_json(mapping), ensure_ascii=False, separators=(",", ":"))
