"""Kinds of words on the command line, and options that several commands share."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
_ORG = re.compile(r"[a-z][a-z0-9-]{0,39}")
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{3,128}")


class SalesforceId(click.ParamType[str]):
    """A record id of 15 or 18 letters and digits; `no-account` stands for entries without one."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value != "no-account" and not _ID.fullmatch(value):
            self.fail(f"{value!r} is no Salesforce id: it has 15 or 18 letters and digits, like 0013D00000AbcDefQAX.", param, ctx)
        return str(value)


class RunId(click.ParamType[str]):
    """A run's id, as `waybill runs list` shows it."""

    name = "run"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _RUN_ID.fullmatch(value):
            self.fail(f"{value!r} is no run id: `waybill runs list` shows them.", param, ctx)
        return str(value)


class OrgName(click.ParamType[str]):
    """A connection's name, as `waybill orgs list` shows it."""

    name = "org"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _ORG.fullmatch(value):
            self.fail(f"{value!r} is no name of an org: small letters, digits and - make one.", param, ctx)
        return str(value)


class Ports(click.ParamType[str]):
    """`0` for any free ports, or the first of the ports to use."""

    name = "ports"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        parts = str(value).split(",")
        if parts != ["0"] and (len(parts) != 3 or not all(part.isdecimal() and int(part) <= 65535 for part in parts)):
            self.fail(f"{value!r}: say 0 for any free ports, or three of them: AWS,Salesforce,API.", param, ctx)
        return str(value)


account_option = click.option(
    "--account",
    "accounts",
    multiple=True,
    type=SalesforceId(),
    metavar="ID",
    help="Only this account; may be given several times.",
)
wait_option = click.option("--wait", is_flag=True, help="Wait until the run ends, showing how far it is.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask before writing to Salesforce.")


def workbook_option(help: str) -> Callable[[F], F]:  # noqa: A002 - click's name
    """`--to FILE`, which `insist_on_workbook` then looks at."""
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option("--to", "path", type=kind, metavar="FILE", required=True, help=help)


def insist_on_workbook(path: Path) -> None:
    if path.suffix.lower() != ".xlsx":
        raise click.UsageError(f"{path} is no name of a workbook: end it in .xlsx.")


def one_of(**flags: bool) -> str:
    """The one flag that is set. Wrong use where it is none or several: what a run does is never guessed."""
    chosen = [name for name, given in flags.items() if given]
    if len(chosen) != 1:
        names = " or ".join("--" + name.replace("_", "-") for name in flags)
        raise click.UsageError(f"Say {names}." if not chosen else f"Say only one of {names}.")
    return chosen[0]
