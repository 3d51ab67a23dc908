"""The commands of saved mappings: which column of a file goes into which field."""

import json
import re
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cli import words
from cli.app import App, WaybillGroup
from cli.errors import CommandError, ExitCode
from cli.migrate import confirm
from cli.tables import table

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


class MappingName(click.ParamType[str]):
    """A mapping's name; where `versioned`, `NAME@VERSION` as well."""

    name = "mapping"

    def __init__(self, *, versioned: bool = False) -> None:
        self._versioned = versioned

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        name, at, version = str(value).partition("@")
        if not _NAME.fullmatch(name) or (at and not (self._versioned and version.isdecimal() and 0 < int(version) < 10**6)):
            self.fail(f"{value!r} is no name of a mapping: letters, digits and _ . - make one.", param, ctx)
        return str(value)


def mapped(given: str | None) -> dict[str, Any]:
    """`NAME` or `NAME@VERSION` as a load is asked for it."""
    name, _, version = (given or "").partition("@")
    return {**({"mapping": name} if name else {}), **({"mapping_version": int(version)} if version else {})}


@click.group("mappings", cls=WaybillGroup)
def mappings() -> None:
    """Saved mappings: which column of a file goes into which field."""


@mappings.command("list", epilog="waybill mappings list")
@click.pass_obj
def list_(app: App) -> ExitCode:
    """All mappings, each with its latest version."""
    found = list(app.client.pages("/mappings"))

    def page(console: Console) -> None:
        if not found:
            console.print("There are none. `waybill mappings save` saves one.", markup=False)
            return
        rows = table("", "mapping", ">version", "saved", "by")
        for each in found:
            cells = (each["name"], str(each["version"]), words.when(each["saved_at"]), each["saved_by"])
            rows.add_row(*(Text(words.safe(cell)) for cell in cells))
        console.print(rows)

    return app.finish({"mappings": found}, show=page)


@mappings.command(
    epilog="""
    waybill mappings show old-crm
    waybill mappings show old-crm --version 2 --json
    """
)
@click.argument("name", type=MappingName(), metavar="NAME")
@click.option(
    "--version", "version", type=click.IntRange(1, 999_999), metavar="N", help="An earlier version. Default: the latest."
)
@click.pass_obj
def show(app: App, name: str, version: int | None) -> ExitCode:
    """A mapping, field by field. With --json it is what `save` takes."""
    found = app.client.get(f"/mappings/{name}", version=version)

    def page(console: Console) -> None:
        console.print(f"{found['name']}, version {found['version']}, by {words.safe(found['saved_by'])}", markup=False)
        for each in found["tables"]:
            rows = table(words.safe(f"{each['table']} -> {each['object']}"), "field", "from", "values", "default")
            for rule in each["rules"]:
                values = ", ".join(f"{old}: {new}" for old, new in rule.get("values", {}).items())
                cells = (rule["field"], _source(rule), values, str(rule.get("default", "")))
                rows.add_row(*(Text(words.safe(cell)) for cell in cells))
            console.print(rows)

    return app.finish(found, show=page)


@mappings.command(epilog="waybill mappings save old-crm old-crm.json")
@click.argument("name", type=MappingName(), metavar="NAME")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE")
@click.pass_obj
def save(app: App, name: str, file: Path) -> ExitCode:
    """Save FILE as the next version of NAME. Earlier versions stay."""
    saved = app.client.put(f"/mappings/{name}", {"tables": _tables(file)})
    text = f"{name} is saved in version {saved['version']}. `waybill load PATH --mapping {name} --dry-run --wait` tries it."
    return app.finish(saved, show=lambda console: console.print(text, markup=False))


@mappings.command(epilog="waybill mappings delete old-crm")
@click.argument("name", type=MappingName(), metavar="NAME")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(app: App, name: str, *, yes: bool) -> ExitCode:
    """Delete a mapping. What was loaded by it stays, and can be retried and undone."""
    if not yes:
        confirm(app, f"Delete the mapping {name}?")
    done = app.client.delete(f"/mappings/{name}")
    return app.finish(done, show=lambda console: console.print(f"{name} is deleted.", markup=False))


def _tables(file: Path) -> object:
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise CommandError(f"{file} is no JSON that can be read: {error}", name="NoMapping") from None
    if not isinstance(found, dict) or not isinstance(found.get("tables"), list):
        raise CommandError(f"{file} is no mapping: it has no tables.", hint="docs/loads.md shows one.", name="NoMapping")
    return found["tables"]


def _source(rule: dict[str, Any]) -> str:
    if "column" in rule:
        return f"column {rule['column']}"
    return str(rule["expression"]) if "expression" in rule else f"constant {rule.get('constant')}"
