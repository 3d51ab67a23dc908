"""The commands of the audit: who did what, and whether the records are as they were written."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cli import words
from cli.app import App, WaybillGroup
from cli.errors import CommandError, ExitCode
from cli.tables import table
from waybill.audit import Head, Record, check, days


@click.group("audit", cls=WaybillGroup)
def audit() -> None:
    """Who did what, when and from where; and whether nobody has changed that since."""


@audit.command("list", epilog="waybill audit list --days 7")
@click.option(
    "--days",
    "count",
    type=click.IntRange(1, 3650),
    default=1,
    show_default=True,
    metavar="N",
    help="Today and the days before it.",
)
@click.pass_obj
def list_(app: App, count: int) -> ExitCode:
    """What was asked for, and what came of it, oldest first."""
    today = app.today().date()
    found = [record for back in reversed(range(count)) for record in _day(app, (today - timedelta(days=back)).isoformat())]

    def page(console: Console) -> None:
        if not found:
            console.print("Nothing was changed, and nobody has tried to.", markup=False)
            return
        rows = table("", "when", "who", "role", "from", "what", "outcome", "told")
        for each in found:
            method, _, _ = str(each["action"]).partition(" ")
            what = f"{method} {str(each['resource']).removeprefix('/api')}"
            cells = (
                words.when(each["at"]),
                each["actor"],
                each["role"],
                each["source"],
                what,
                each["outcome"],
                told(each["detail"]),
            )
            rows.add_row(*(Text(words.safe(cell)) for cell in cells))
        console.print(rows)

    return app.finish({"records": found}, show=page)


def told(detail: str) -> str:
    """What a person wants of a record's detail: what was asked for, the run that came of it, or why nothing did."""
    try:
        said = json.loads(detail)
        request, reply = said.get("request") or {}, said.get("reply") or {}
        parts = [request.get("kind"), request.get("mode"), reply.get("run_id"), reply.get("detail"), said.get("why")]
    except (ValueError, AttributeError):
        return ""
    return " ".join(str(part) for part in parts if part)


@audit.command(
    epilog="""
    waybill audit verify
    waybill audit verify --noted 6f1ed002ab5595859014ebf0951522d9...
    """
)
@click.option("--noted", multiple=True, metavar="HASH", help="A hash that you noted before: it must still be in the chain.")
@click.pass_obj
def verify(app: App, noted: tuple[str, ...]) -> ExitCode:
    """Is every record there, in its place and as it was written? Recomputed here, from the first one on."""
    # The head is read first: records written meanwhile are behind it.
    head = Head(**app.client.get("/audit/head"))
    broken = check(_until(_records(app, head), head.sequence), head, noted=noted)
    payload = {"records": head.sequence, "head": head.hash, "intact": broken is None, "broken": broken.why if broken else None}

    def page(console: Console) -> None:
        if broken is None:
            console.print(
                f"{words.plural(head.sequence, 'record')}, unbroken. Note this hash where nobody can change it:", markup=False
            )
            console.print(head.hash, markup=False)
        else:
            console.print(f"The chain is broken: {broken.why}.", style="bold red", markup=False)

    return app.finish(payload, ExitCode.FAILED if broken else ExitCode.DONE, show=page)


def _records(app: App, head: Head) -> Iterator[Record]:
    for day in days(head, until=lambda: app.today().date()):
        for raw in _day(app, day):
            try:
                yield Record.of_json(raw)
            except KeyError as error:
                raise CommandError(
                    f"A record of {day} has no {error}.", hint="The API is of another version.", name="UnexpectedReply"
                ) from None


def _until(records: Iterator[Record], last: int) -> Iterator[Record]:
    return (record for record in records if record.sequence <= last)


def _day(app: App, day: str) -> Iterator[dict[str, Any]]:
    return app.client.pages("/audit", day=day)
