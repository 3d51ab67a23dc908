"""What every command shares: its options, its output (a page for people or one JSON object), its exit codes."""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from cli.client import ApiClient
from cli.errors import CommandError, ExitCode
from cli.home import Home

# What JSON may hold as it is, and a terminal obeys or hides all the same.
_OBEYED = re.compile(r"[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
# Columns of what goes into a file or a pipe, where no line is cut.
WIDTH_OF_FILES = 200
FILE_KINDS, ROW_KINDS = ("backup", "cutover", "rollback"), ("load", "undo", "sync")
RUN_KINDS = (*FILE_KINDS, *ROW_KINDS)
FILE_COUNTS = (
    "total", "copied", "skipped", "verified", "to_copy", "to_switch", "switched",
    "to_restore", "rolled_back", "held_back", "failed", "conflicts", "bytes",
)  # fmt: skip
ROW_COUNTS = ("total", "inserted", "updated", "unchanged", "rejected", "failed", "deleted")


class Page(Console):
    """Standard output for people. A reader that has seen enough (`waybill status | head`) does not change the exit code."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        silence()


def silence() -> None:
    """Sends what is still to be printed nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@dataclass
class App:
    """One call of the command. Tests hand in their own clock and sleep; everything else comes from the command line."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    today: Callable[[], datetime] = lambda: datetime.now(UTC)
    json: bool = False
    api: str | None = None
    home_path: str | None = None
    run_kind: str | None = None
    run_id: str | None = None
    _client: ApiClient | None = field(default=None, repr=False)

    @property
    def home(self) -> Home:
        return Home(Path(self.home_path or os.environ.get("WAYBILL_HOME") or ".waybill"))

    @property
    def client(self) -> ApiClient:
        """The API, connected at first use: `--help` and wrong use need none."""
        if self._client is None:
            self._client = ApiClient.connect(self.api or os.environ.get("WAYBILL_API") or None, self.home, sleep=self.sleep)
        return self._client

    @property
    def anonymous(self) -> ApiClient:
        """The API for somebody who has no token yet."""
        url = self.api or os.environ.get("WAYBILL_API") or None
        return ApiClient.connect(url, self.home, anonymous=True, sleep=self.sleep)

    @property
    def console(self) -> Console:
        """Standard output for people; in JSON mode it is silent."""
        console = Page(quiet=self.json, highlight=False)
        if not console.is_terminal and "COLUMNS" not in os.environ:
            console.width = WIDTH_OF_FILES
        return console

    def finish(
        self, payload: Mapping[str, Any], code: ExitCode = ExitCode.DONE, *, show: Callable[[Console], None] | None = None
    ) -> ExitCode:
        """The command's result, once: the object for machines, or what `show` prints for people."""
        if self.json:
            write_json(payload)
        elif show is not None:
            show(self.console)
        return code


def write_json(payload: Mapping[str, Any]) -> None:
    """One JSON object, which is all of standard output. ASCII where the terminal's encoding may lack a letter."""
    utf8 = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    text = json.dumps(payload, indent=2, ensure_ascii=not utf8)
    click.echo(_OBEYED.sub(lambda letter: f"\\u{ord(letter[0]):04x}", text))


def run_shape(*, run_id: str | None, kind: str, status: str) -> dict[str, Any]:
    """A run command's object with nothing counted yet."""
    begun: dict[str, Any] = {"run_id": run_id, "kind": kind, "status": status}
    if kind in ROW_KINDS:
        return {**begun, "rows": dict.fromkeys(ROW_COUNTS, 0), "objects": {}, "errors": []}
    return {**begun, "files": dict.fromkeys(FILE_COUNTS, 0), "errors": []}


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def keep(context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        if value:  # not given here: what was given before another word of the command stands
            setattr(context.ensure_object(App), name, value)
        return value

    return keep


def common_options() -> list[click.Parameter]:
    """The options that every command and group understands, before and after its other words."""
    return [
        click.Option(
            ["--json", "as_json"], is_flag=True, expose_value=False, callback=_keep("json"), is_eager=True,
            help="Print one JSON object and nothing else.",
        ),
        click.Option(
            ["--api"], metavar="URL", expose_value=False, callback=_keep("api"),
            help="A deployed API, which you are logged in to. Default: WAYBILL_API, else the local stack.",
        ),
        click.Option(
            ["--home"], metavar="DIR", expose_value=False, callback=_keep("home_path"),
            help="Folder of the local stack. Default: WAYBILL_HOME, else .waybill.",
        ),
    ]  # fmt: skip


class _Examples:
    """The epilog is examples, shown line by line as they are written."""

    epilog: str | None

    def format_epilog(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.strip().splitlines():
                    formatter.write(" " * formatter.current_indent + line.strip() + "\n")


class WaybillCommand(_Examples, click.Command):
    """A command with the common options and examples."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params.extend(common_options())


class WaybillGroup(_Examples, click.Group):
    """A group of commands, likewise."""

    command_class = WaybillCommand

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params.extend(common_options())


class RootGroup(WaybillGroup):
    """The one place where outcomes become exit codes and errors become text or JSON."""

    group_class = WaybillGroup

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        words = list(sys.argv[1:] if args is None else args)
        app = extra.pop("obj", None) or App()
        app.json = app.json or "--json" in words  # before parsing, so that a mistake in the words is JSON too
        extra.pop("standalone_mode", None)
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        try:
            code = super().main(words, prog_name or "waybill", standalone_mode=False, obj=app, **extra)
            sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as error:
            if app.json:
                code = _fail(app, words, CommandError("A command is missing.", hint="See `waybill --help`.", name="WrongUse"))
            else:
                error.show()
                code = ExitCode.REFUSED
        except click.ClickException as error:
            code = _fail(app, words, _from_click(error))
            if isinstance(error, click.UsageError) and error.ctx is not None and not app.json:
                click.echo(f"See `{error.ctx.command_path} --help`.", err=True)
        except CommandError as error:
            code = _fail(app, words, error)
        except (click.Abort, KeyboardInterrupt):
            code = _fail(app, words, CommandError("Interrupted.", code=ExitCode.INTERRUPTED, name="Interrupted"))
        except BrokenPipeError:  # `waybill status | head`
            silence()
            code = ExitCode.DONE
        sys.exit(int(code or 0))


def _from_click(error: click.ClickException) -> CommandError:
    if isinstance(error, click.UsageError):
        return CommandError(error.format_message(), name="WrongUse", hint="waybill --help lists the commands.")
    return CommandError(error.format_message(), name=type(error).__name__)


def _fail(app: App, words: Sequence[str], error: CommandError) -> ExitCode:
    if app.json:
        kind = app.run_kind or next((word for word in words if word in RUN_KINDS), None)
        run_id = error.run_id or app.run_id
        shape = run_shape(run_id=run_id, kind=kind, status="unknown" if run_id else "not_started") if kind else {}
        write_json({**shape, "error": {"class": error.name, "message": error.message, "hint": error.hint}})
    else:
        click.echo(f"Error: {error.message}", err=True)
        if error.hint:
            click.echo(error.hint, err=True)
    return error.code
