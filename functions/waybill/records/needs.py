"""Which fields of which objects a plan has to see: what is read from the org, and no more."""

from collections.abc import Iterable, Mapping

from waybill.records.columns import Columns
from waybill.records.keys import COMPOSITE
from waybill.records.mirror import World
from waybill.records.schema import ObjectSchema


class Needs:
    """Collects fields (lower case) by object (lower case)."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.fields: dict[str, set[str]] = {}

    def add(self, schema: ObjectSchema, fields: Iterable[str]) -> None:
        known = self.fields.setdefault(schema.name.lower(), {"id"})
        known.update(field.lower() for field in fields)

    def path(self, schema: ObjectSchema, path: str, targets: tuple[str, ...] = ()) -> None:
        """A field, or what lies behind relationships; `targets` in place of what the first relationship leads to."""
        if path.startswith(COMPOSITE):
            for part in path[len(COMPOSITE) :].split("$"):
                self.path(schema, part)
            return
        relation, dot, rest = path.partition(".")
        if not dot:
            self.add(schema, [path])
            return
        field = schema.relation(relation)
        if field is None:
            return
        self.add(schema, [field.name])
        self.behind(targets or field.reference_to, rest)

    def behind(self, targets: Iterable[str], path: str) -> None:
        for target in targets:
            schema = self._world.schema(target)
            if schema is not None:
                self.path(schema, path)

    def table(self, schema: ObjectSchema, columns: Columns, leaves: Iterable[str], keys: Mapping[str, tuple[str, ...]]) -> None:
        """All that the rows of a table are compared with."""
        self.add(schema, (column.key for column in columns.values))
        self.add(schema, columns.lookups)
        for leaf in leaves:
            self.path(schema, leaf)
        for lookup in columns.lookups.values():
            for path in lookup.paths():
                self.behind(lookup.targets, path)
            for target in lookup.targets if lookup.raw else ():
                known = self._world.schema(target)
                for leaf in (*keys.get(target.lower(), ()), "Name", *_external(known)) if known is not None else ():
                    self.behind((target,), leaf)
        for _, parts in columns.own:
            for part in parts:
                self.path(schema, part)


def _external(schema: ObjectSchema | None) -> list[str]:
    return [known.name for known in schema.fields.values() if known.external_id] if schema is not None else []
