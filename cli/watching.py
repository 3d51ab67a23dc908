"""`waybill runs watch`: a run's events, one line each, as they come; what was missed is asked for."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any, Protocol, cast

import click
from rich.text import Text

from cli import words
from cli.app import App, WaybillCommand
from cli.client import ApiClient
from cli.errors import CommandError, ExitCode
from cli.params import RunId
from cli.results import exit_code_of
from cli.waiting import RUNNING, how_to_follow

Event = dict[str, Any]
SILENCE = 5.0  # seconds without a word, after which the API is asked: what was said may have got lost
PAGE = 500
COMPLETE, ERROR = "operation:complete", "operation:error"


class Line(Protocol):
    """An open WebSocket."""

    def recv(self, timeout: float | None = None) -> str | bytes:
        """Raises TimeoutError, and ConnectionClosed."""


Connect = Callable[[str], AbstractContextManager[Line]]


def connect(url: str) -> AbstractContextManager[Line]:
    # Only who listens pays for the import.
    from websockets.sync.client import connect as open_socket

    return cast("AbstractContextManager[Line]", open_socket(url, open_timeout=10))


def follow(client: ApiClient, run_id: str, *, connect: Connect, sleep: Callable[[float], None]) -> Iterator[Event]:
    """The events of a run from its first, each once and in order, until the run stands still. Raises CommandError."""
    from websockets.exceptions import WebSocketException

    after = number = 0
    while True:
        before = after
        ticket = client.post("/live/tickets")
        with suppress(OSError, WebSocketException), connect(str(ticket["url"])) as line:
            while True:
                for event in missed(client, run_id, after=after):
                    after, number = event["sequence"], event["run_sequence"]
                    yield event
                if _stands_still(client, run_id, after=after):
                    return
                for event in _heard(line, run_id, behind=number):
                    after, number = event["sequence"], event["run_sequence"]
                    yield event
        for event in missed(client, run_id, after=after):
            after, number = event["sequence"], event["run_sequence"]
            yield event
        if _stands_still(client, run_id, after=after):
            return
        if before == after:
            sleep(SILENCE)  # nobody can be listened to just now: what is asked for comes as surely, and later


def _stands_still(client: ApiClient, run_id: str, *, after: int) -> bool:
    """Whether the run has ended and all has been told of it."""
    return client.get(f"/runs/{run_id}").get("status") not in RUNNING and not missed(client, run_id, after=after)


def missed(client: ApiClient, run_id: str, *, after: int) -> list[Event]:
    """What was told of a run behind `after`."""
    found: list[Event] = []
    while True:
        page = client.get(f"/runs/{run_id}/events", after=after, limit=PAGE)
        found += page["items"]
        after = page["last"]
        if not page["more"]:
            return found


def _heard(line: Line, run_id: str, *, behind: int) -> Iterator[Event]:
    """The run's events behind its `behind`th, until one lacks, the run ends, or nothing comes."""
    while True:
        try:
            event = json.loads(line.recv(timeout=SILENCE))
        except TimeoutError:
            return
        if event.get("run_id") != run_id or event["run_sequence"] <= behind:
            continue
        if event["run_sequence"] > behind + 1:
            return  # what lies between is asked for, and this one with it
        behind = event["run_sequence"]
        yield event
        if event["type"] == COMPLETE:
            return


def line_of(event: Event) -> Text:
    data = event["data"]
    clock = words.safe(str(event["time"])[11:19])
    if event["type"] == ERROR:
        what = data.get("entry_id") or data.get("account_id") or data.get("name") or ""
        more = f" (and {words.count(data['more'])} more of this step)" if data.get("more") else ""
        return Text(f"{clock}  {words.safe(data['error'])}  {words.safe(what)}  {words.safe(data['details'])}{more}", style="red")
    if event["type"] == COMPLETE:
        return Text(
            f"{clock}  {words.safe(data['status'])}  {words.safe(data['message']) if data.get('message') else ''}".rstrip()
        )
    return Text(f"{clock}  {data['progress']:3d} %  {words.safe(data['message'])}")


@click.command("watch", cls=WaybillCommand, epilog="waybill runs watch backup-20261121-140500-3f9a1c --json")
@click.argument("run_id", type=RunId(), metavar="ID")
@click.pass_obj
def watch(app: App, *, run_id: str) -> ExitCode:
    """What happens in a run, line by line, from its start until it ends. The exit code is the run's. With --json, a JSON object a line."""
    app.run_id = run_id
    try:
        for event in follow(app.client, run_id, connect=connect, sleep=app.sleep):
            if app.json:
                click.echo(json.dumps(event))
            else:
                app.console.print(line_of(event))
    except KeyboardInterrupt:
        raise CommandError(
            f"No longer watching. Run {run_id} goes on.",
            hint=how_to_follow(run_id), code=ExitCode.INTERRUPTED, name="Interrupted", run_id=run_id,
        ) from None  # fmt: skip
    return exit_code_of(app.client.get(f"/runs/{run_id}"))
