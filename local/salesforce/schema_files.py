"""Schemas that a user hands over: in the form of schema.json, describes of a real org, or the documentation's `erd-data.json`."""

import json
from pathlib import Path

from local.salesforce.describes import read_describes
from local.salesforce.erd import read_erd
from local.salesforce.schema import Schema, default_schema, sobject_of


class SchemaFileError(ValueError):
    """The file is no schema. The message says why."""


def load_schema(path: Path) -> Schema:
    """The objects of a file beside those of the default schema. Raises SchemaFileError, OSError."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise SchemaFileError(f"{path} is no JSON file: {error}") from None
    base = default_schema()
    described = [raw] if isinstance(raw, dict) and "fields" in raw else raw
    objects = raw.get("objects") if isinstance(raw, dict) else None
    try:
        if isinstance(described, list):
            return _checked(base.replaced(read_describes(described, taken=base.objects)), path)
        match objects:
            case dict():
                return base.extended(read_erd(raw, taken=base.objects))
            case list():
                return _checked(base.extended(sobject_of(entry) for entry in objects), path)
    except (AttributeError, KeyError, TypeError) as error:
        raise SchemaFileError(f"{path} does not describe its objects as a schema does: {error!r}") from None
    raise SchemaFileError(f"{path} has no objects: a schema has `objects`, a list or a table by name, or is a list of describes")


def _checked(schema: Schema, path: Path) -> Schema:
    seen: dict[str, str] = {}
    for entry in schema.objects:
        if len(entry.prefix) != 3 or entry.prefix in seen:
            raise SchemaFileError(f"{path}: the prefix {entry.prefix!r} of {entry.name} is not three characters of its own")
        seen[entry.prefix] = entry.name
        for field in entry.fields:
            for target in field.references:
                if target.lower() not in schema.by_name:
                    raise SchemaFileError(f"{path}: {entry.name}.{field.name} refers to {target}, which is not there")
    return schema
