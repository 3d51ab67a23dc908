"""The org as planning asks for it: describes and whole objects, rows flattened to the paths that were asked for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final
from urllib.parse import quote

from waybill.errors import SalesforceDenied
from waybill.records.describes import Describes, pack
from waybill.records.domain import Cell
from waybill.records.fetching import Fetches
from waybill.records.finding import at
from waybill.records.schema import Among, ObjectSchema, object_schema
from waybill.salesforce import soql
from waybill.salesforce.client import LONGEST_QUERY, SalesforceClient

# Queries for rows by their keys, above which all rows are fetched instead: some 400 keys each.
_MOST_CALLS: Final = 100


class ManyRows(Exception):
    """An object has more rows than are asked for page by page: they are to be fetched first, with these fields."""

    def __init__(self, schema: ObjectSchema, fields: Sequence[str]) -> None:
        super().__init__(schema.name)
        self.schema = schema
        self.fields = fields


class SalesforceOrg:
    """Remembers describes for as long as it lives: one task. With `describes`, also what was said to others a while ago.

    With `fetches`, the rows of an object that has more than `fetch_from` are asked for by their keys, where few are needed; else they are
    taken from there, or ManyRows is raised.
    """

    def __init__(
        self,
        client: SalesforceClient,
        describes: Describes | None = None,
        *,
        fetches: Fetches | None = None,
        fetch_from: int = 0,
    ) -> None:
        self._client = client
        self._describes = describes
        self._fetches = fetches
        self._fetch_from = fetch_from
        self._remembered: dict[str, ObjectSchema] = describes.known() if describes is not None else {}
        self._known: dict[str, ObjectSchema | None] = {}
        # Names (lower case) that were answered from memory.
        self._used: set[str] = set()

    def expect(self, names: Iterable[str]) -> None:
        """Asks for what is not known of these, in a call or two instead of one for each."""
        wanted = sorted({name for name in names if name.lower() not in self._known and name.lower() not in self._remembered})
        if len(wanted) > 1:
            self._ask(wanted)

    def describe(self, sobject: str) -> ObjectSchema | None:
        name = sobject.lower()
        if name in self._known:
            return self._known[name]
        if name in self._remembered:
            self._used.add(name)
            self._known[name] = self._remembered[name]
            return self._known[name]
        try:
            self._known[name] = object_schema(self._client.describe_raw(sobject))
        except SalesforceDenied:
            self._known[name] = None
        return self._known[name]

    def keep(self) -> None:
        """Lets others remember what this org has said now."""
        if self._describes is not None:
            fresh = {name: schema for name, schema in self._known.items() if schema is not None and name not in self._used}
            self._describes.keep(fresh)

    def changed(self) -> bool:
        """Asks anew for everything that was taken from memory; whether the org says anything else now."""
        used = sorted(self._used)
        if not used:
            return False
        before = {name: self._known[name] for name in used}
        self._used.clear()
        self._ask(used)
        return any(_packed(self._known[name]) != _packed(before[name]) for name in used)

    def rows(self, sobject: str, fields: Sequence[str], among: Among | None = None) -> Iterator[Mapping[str, Cell]]:
        """All rows of the object, `Id` among the fields; of one that has many, those `among`. Raises ManyRows before the first."""
        paths = list(dict.fromkeys(["Id", *(field for field in fields if field.lower() != "id")]))
        schema = self.describe(sobject) if self._fetches is not None else None
        if self._fetches is not None and schema is not None:
            fetched = self._fetches.rows(schema, paths)
            if fetched is not None:
                yield from fetched
                return
        total, rows = self._client.sized_query(soql.select(paths, sobject))
        if schema is not None and total > self._fetch_from:
            queries = self._asked(sobject, paths, among) if among is not None else None
            if queries is None:
                raise ManyRows(schema, paths)
            # A row may come twice, where two of the values differ in the case of their letters.
            rows = chain.from_iterable(map(self._client.query, queries))
        for row in rows:
            yield {path: at(row, path) for path in paths}

    def _asked(self, sobject: str, paths: Sequence[str], among: Among) -> list[str] | None:
        """The queries for the rows among these; None where they are too many."""
        longest = LONGEST_QUERY - len(quote(soql.select(paths, sobject, where=f"{among.field} IN ()")))
        portions: list[list[str]] = []
        left = 0
        for value in sorted(among.values):
            length = len(quote(f"{soql.literal(value)}, "))
            if length > left:
                portions.append([])
                left = longest
            portions[-1].append(value)
            left -= length
            if left < 0 or len(portions) > _MOST_CALLS:
                return None
        field = soql.name(among.field)
        return [soql.select(paths, sobject, where=f"{field} IN {soql.literals(portion)}") for portion in portions]

    def _ask(self, names: Sequence[str]) -> None:
        for name, reply in zip(names, self._client.describe_many(names), strict=True):
            self._known[name.lower()] = None if reply is None else object_schema(reply)


def _packed(schema: ObjectSchema | None) -> object:
    return None if schema is None else pack(schema)
