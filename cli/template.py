"""The command template: a workbook to fill in and load."""

import base64
import binascii
from pathlib import Path

import click

from cli import words
from cli.app import App, WaybillCommand
from cli.errors import CommandError, ExitCode
from cli.export import save_bytes
from cli.params import insist_on_workbook, workbook_option


@click.command(
    cls=WaybillCommand,
    epilog="""
    waybill template --objects Product2,PricebookEntry --to products.xlsx
    """,
)
@click.option("--objects", metavar="A,B", required=True, help="API names of the objects, with commas between: a sheet each.")
@workbook_option("The .xlsx to write. A file that is there is not overwritten.")
@click.pass_obj
def template(app: App, *, objects: str, path: Path) -> ExitCode:
    """A workbook to fill in: a column per field that can be written, and pick lists to choose from."""
    insist_on_workbook(path)
    if path.exists():
        raise CommandError(f"{path} is there already, and may have been filled in.", hint="Name another file.", name="FileExists")
    made = app.client.get("/data/template", objects=objects)
    try:
        content = base64.b64decode(made["content"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        raise CommandError("The API has sent no workbook.", hint="It is of another version.", name="UnexpectedReply") from None
    save_bytes(path, [content])
    sheets = [str(name) for name in made["objects"]]
    text = f"{path}: {words.plural(len(sheets), 'sheet')}. Fill it in, then: waybill load {path} --dry-run --wait"
    return app.finish(
        {"file": str(path), "objects": sheets, "bytes": len(content)}, show=lambda console: console.print(text, markup=False)
    )
