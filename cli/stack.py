"""The commands of the local stack: up, down, demo."""

import contextlib
import os
import signal
import sys
from pathlib import Path

import click

from cli.app import App, WaybillCommand
from cli.errors import CommandError, ExitCode
from cli.params import Ports

STOP_SECONDS = 20.0


@click.command(
    cls=WaybillCommand,
    epilog="""
    waybill up
    waybill up --from ~/Documents/contracts
    waybill up --empty --ports 0
    waybill up --accounts 25 --files 1000
    waybill up --empty --schema erd-data.json
    waybill up --link-style gateway
    """,
)
@click.option("--require-approval", "approval", is_flag=True,
              help="A cutover, rollback, load or undo waits for a second administrator, `approver`.")  # fmt: skip
@click.option("--empty", is_flag=True, help="Start without data.")
@click.option("--from", "from_dir", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
              help="Your own files: each folder in DIR becomes an account, each file below it an entry.")  # fmt: skip
@click.option("--accounts", type=click.IntRange(1, 10_000), metavar="N", help="Number of sample accounts.")
@click.option("--files", type=click.IntRange(1, 1_000_000), metavar="N", help="Number of sample files.")
@click.option("--schema", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="More objects for Salesforce: Revenue Cloud's erd-data.json, describes of an org, or the like of local/salesforce/schema.json.")  # fmt: skip
@click.option("--link-style", type=click.Choice(["domain", "gateway"]), metavar="STYLE",
              help="What new links look like: domain (the bucket, open to this machine) or gateway. Default: domain.")  # fmt: skip
@click.option("--ports", type=Ports(), metavar="P", help="0 for any free ports, or AWS,Salesforce,API. Default: 4566,4567,8080.")
@click.pass_obj
def up(
    app: App,
    *,
    empty: bool,
    from_dir: Path | None,
    accounts: int | None,
    files: int | None,
    schema: Path | None,
    link_style: str | None,
    ports: str | None,
    approval: bool,
) -> ExitCode:
    """Start AWS, a Salesforce stand-in and Waybill itself on this machine, until Ctrl-C."""
    if empty and (from_dir or accounts or files):
        raise click.UsageError("--empty has no data: leave out --from, --accounts and --files.")
    if from_dir and (accounts or files):
        raise click.UsageError("--from takes your files: leave out --accounts and --files.")
    try:
        from local import up as local  # only `up` needs the local stack, and importing it takes seconds
    except ModuleNotFoundError as error:
        raise CommandError(
            f"The local stack is not installed ({error.name} is missing).",
            hint="Run `make setup` in a checkout of Waybill.",
            name="NotInstalled",
        ) from None
    # what the stack says while it runs is no part of the one JSON object
    with contextlib.redirect_stdout(sys.stderr) if app.json else contextlib.nullcontext():
        code = ExitCode(
            local.run(
                home=app.home.path,
                ports=ports,
                empty=empty,
                from_dir=from_dir,
                accounts=accounts,
                files=files,
                schema=schema,
                approval=approval,
                link_style=link_style,
            )
        )
    if code is not ExitCode.DONE and app.json:
        raise CommandError(
            "The local stack did not start or broke: it says why on standard error.", code=code, name="StackFailed"
        )
    return app.finish({"home": str(app.home.path), "stopped": True}, code)


@click.command(cls=WaybillCommand, epilog="waybill down")
@click.pass_obj
def down(app: App) -> ExitCode:
    """Stop the local stack that `waybill up` started."""
    pid = app.home.pid()
    if pid is None:
        raise CommandError(f"Nothing is running in {app.home.path}.", hint="`waybill up` starts it.", name="NothingRunning")
    os.kill(pid, signal.SIGTERM)
    deadline = app.clock() + STOP_SECONDS
    while app.home.pid() == pid:
        if app.clock() > deadline:
            raise CommandError(
                f"Process {pid} is still stopping.", hint="Wait, or end it yourself.", code=ExitCode.FAILED, name="StillStopping"
            )
        app.sleep(0.1)
    return app.finish({"stopped": True, "pid": pid}, show=lambda console: console.print("Stopped.", markup=False))


@click.command(cls=WaybillCommand, epilog="waybill demo")
@click.pass_obj
def demo(app: App) -> ExitCode:
    """Start, load samples, back up, dry-run, cut over, compare every byte, roll back one account, sign off, stop."""
    from cli import demo as script  # pulls in the local stack

    with contextlib.redirect_stdout(sys.stderr) if app.json else contextlib.nullcontext():
        code = script.run(app.home.path)
    return app.finish({"exit_code": code}, ExitCode(code))
