"""The records of one object, with ordered indexes on Id and on references.

A record is never changed in place: an update puts a new dict in its stead, so a page of results that was cut earlier stays as
it was read.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from local.salesforce.schema import SObject

Scalar = str | bool | int | float | None
Record = dict[str, Scalar]
# (key of the reference, key of the record); a missing reference is '' and sorts first. On Id: (key, '').
Pair = tuple[str, str]
LOWEST: Pair = ("", "")
HIGHEST: Pair = ("\x7f", "\x7f")


class Table:
    def __init__(self, sobject: SObject) -> None:
        self.sobject = sobject
        self._rows: dict[str, Record] = {}
        references = [entry.name for entry in sobject.fields if entry.type == "reference" and sobject.writable]
        # Who created and changed a record is asked for too rarely to be worth an index.
        self._references = [name for name in references if name not in {"CreatedById", "LastModifiedById", "OwnerId"}]
        self._ordered: dict[str, list[Pair]] = {name: [] for name in ("Id", *self._references)}
        unique = [entry.name for entry in sobject.fields if entry.unique or entry.external_id]
        self._by_value: dict[str, dict[str, set[str]]] = {name: {} for name in unique}

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: str) -> Record | None:
        """Also a deleted record: look at IsDeleted."""
        return self._rows.get(key)

    def rows(self) -> Iterator[Record]:
        """In the order of their ids."""
        return (self._rows[key] for key, _ in self._ordered["Id"])

    def put(self, key: str, record: Record) -> Record | None:
        """Inserts or replaces; returns what was there."""
        old = self._rows.get(key)
        if old is None:
            insort(self._ordered["Id"], (key, ""))
        self._index(key, old, record)
        self._rows[key] = record
        return old

    def remove(self, key: str) -> None:
        """Takes an insert back."""
        old = self._rows.pop(key)
        self._drop(self._ordered["Id"], (key, ""))
        self._index(key, old, None)

    def _index(self, key: str, old: Record | None, new: Record | None) -> None:
        for name in self._references:
            before = None if old is None else (str(old.get(name) or "")[:15], key)
            after = None if new is None else (str(new.get(name) or "")[:15], key)
            if before == after:
                continue
            if before is not None:
                self._drop(self._ordered[name], before)
            if after is not None:
                insort(self._ordered[name], after)
        for name, values in self._by_value.items():
            for record, add in ((old, False), (new, True)):
                value = None if record is None else record.get(name)
                if value is None or record is None or record.get("IsDeleted"):
                    continue
                keys = values.setdefault(str(value).lower(), set())
                keys.add(key) if add else keys.discard(key)

    @staticmethod
    def _drop(pairs: list[Pair], pair: Pair) -> None:
        at = bisect_left(pairs, pair)
        del pairs[at]

    def keys_with(self, name: str, value: object) -> list[str]:
        """The undeleted records that carry a value in a unique field or an external id."""
        return sorted(self._by_value[name].get(str(value).lower(), ()))

    def indexes(self, name: str) -> bool:
        return name in self._ordered

    def count_between(self, name: str, low: Pair, high: Pair) -> int:
        pairs = self._ordered[name]
        return bisect_right(pairs, high) - bisect_left(pairs, low)

    def between(self, name: str, low: Pair, high: Pair) -> Iterator[Record]:
        """Records in the order of an index, both ends included."""
        pairs = self._ordered[name]
        for at in range(bisect_left(pairs, low), bisect_right(pairs, high)):
            reference, key = pairs[at]
            yield self._rows[key or reference]
