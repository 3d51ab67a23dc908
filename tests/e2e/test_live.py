"""What is told live: to whom, in which order, and that nobody who was away misses any of it."""

import re
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.e2e.ear import Ear, ended
from tests.e2e.scene import Around, Handler, Json, RunResult, Scene


def told(scene: Scene, run_id: str, *, after: int = 0) -> list[Json]:
    """What REST has of a run, three events a page."""
    found: list[Json] = []
    while True:
        page = scene.call("GET", f"/runs/{run_id}/events?after={after}&limit=3", expect=200)
        found += page["items"]
        after = page["last"]
        if not page["more"]:
            return found


def test_a_backup_is_followed_from_its_start_to_its_end(scene: Scene) -> None:
    account = scene.account()
    scene.files_of(account, 5)
    missing = scene.file(account, "missing.txt", None)
    with Ear.of(scene) as ear:
        run = scene.backup("full")
        ear.until(ended(run.id))
    assert [event["run_sequence"] for event in ear.heard] == list(range(1, len(ear.heard) + 1))
    assert {event["run_id"] for event in ear.heard} == {run.id}
    percents = [event["data"]["progress"] for event in ear.heard if event["type"] == "operation:progress"]
    assert percents == sorted(percents)
    assert percents[0] < 10
    error = next(event["data"] for event in ear.heard if event["type"] == "operation:error")
    assert (error["error"], error["entry_id"], error["operationId"]) == ("SOURCE_MISSING", missing.id, run.id)
    last = ear.heard[-1]["data"]
    assert (last["status"], last["summary"]) == ("completed", run.view["files"])
    assert told(scene, run.id) == ear.heard


def test_who_was_away_catches_up_without_a_gap_and_hears_nothing_twice(scene: Scene) -> None:
    scene.files_of(scene.account(), 4)
    first: list[Ear] = []

    def break_off(event: Json, context: Any, handler: Any) -> Json:
        first[0].until(lambda heard: heard["data"].get("phase") == "listing files")
        first[0].close()
        return handler(event, context)

    first.append(Ear.of(scene))
    with scene.around("CollectShards", break_off):
        run = scene.start("backup", mode="full")
        scene.until(
            lambda: first[0].heard[-1:] != [] and scene.show(run).view["phase"] == "copying and verifying",
            "the middle of the run",
        )
        known = [event for event in first[0].heard if event["run_id"] == run]
        with Ear.of(scene) as again:
            known += told(scene, run, after=known[-1]["sequence"])
            scene.wait(run)
            again.until(ended(run))
            known += [event for event in again.heard if event["sequence"] > known[-1]["sequence"]]
    assert [event["run_sequence"] for event in known] == list(range(1, len(known) + 1))
    assert known == told(scene, run)
    stage = scene.call("GET", f"/events?after={known[0]['sequence'] - 1}&limit=1000", expect=200)["items"]
    numbers = [event["sequence"] for event in stage]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_run_says_what_its_children_are_at(scene: Scene) -> None:
    scene.files_of(scene.account(), 2)
    seen: dict[str, set[str]] = defaultdict(set)

    def noting(task: str) -> Around:
        def note(event: Json, context: Any, handler: Handler) -> Json:
            # The run itself, and the cutover that holds the lock for its delta.
            (lock,) = scene.table_items("LOCK")
            seen[task] |= {scene.show(run).view["phase"] for run in (event["run"]["run_id"], lock["run_id"]["S"])}
            return handler(event, context)

        return note

    def phases(run: Callable[[], RunResult]) -> dict[str, set[str]]:
        seen.clear()
        assert run().status == "completed"
        return dict(seen)

    with ExitStack() as wrapped:
        for task in ("ListFiles", "CopyFiles", "ValidateFiles", "UpdateUrls", "RestoreUrls"):
            wrapped.enter_context(scene.around(task, noting(task)))
        copying, listing = {"copying and verifying"}, {"listing files"}
        assert phases(scene.backup) == {"ListFiles": listing, "CopyFiles": copying, "ValidateFiles": copying}
        rehearsed = {"ListFiles": listing | {"looking for what has changed"}, "UpdateUrls": {"comparing links"}}
        assert phases(lambda: scene.cutover("dry_run")) == rehearsed
        switched = {"ListFiles": listing | {"backing up what has changed"}, "UpdateUrls": {"switching links"}}
        assert phases(scene.cutover) == switched
        assert phases(lambda: scene.rollback(all=True)) == {"RestoreUrls": {"restoring links"}}


def test_an_event_of_the_bus_that_comes_twice_is_told_once(scene: Scene) -> None:
    scene.files_of(scene.account(), 2)
    run = scene.backup("full")
    scene.settle()
    before = told(scene, run.id)
    for kind in ("Run Moved", "Run Ended"):
        entry = {"Source": "waybill.local", "DetailType": kind, "Detail": f'{{"run_id": "{run.id}"}}'}
        scene.stack.client("events").put_events(Entries=[entry, entry])
    scene.settle()
    assert before
    assert told(scene, run.id) == before


def test_a_cutover_tells_of_the_backup_inside_it_as_its_own(scene: Scene) -> None:
    account = scene.account()
    scene.files_of(account, 3)
    scene.backup("full")
    scene.file(account, "missing.txt", None)
    run = scene.cutover()
    events = told(scene, run.id)
    assert events[-1]["data"]["summary"]["switched"] == 3
    assert [event["data"]["error"] for event in events if event["type"] == "operation:error"] == ["SOURCE_MISSING"]
    assert {event["run_id"] for event in events} == {run.id}


def test_a_ticket_lets_in_once_and_stands_nowhere(scene: Scene) -> None:
    url = scene.call("POST", "/live/tickets", expect=201)["url"]
    ticket = url.partition("ticket=")[2]
    with Ear.by(url), pytest.raises(InvalidStatus, match="403"):
        Ear.by(url)
    said = "".join(path.read_text() for path in scene.stack.home.path.glob("*.log"))
    assert ticket not in said
    assert "listener came" in said
    assert ticket not in str(scene.table_items(""))


def test_no_page_of_another_origin_comes_in(scene: Scene) -> None:
    with Ear.of(scene, origin=scene.stack.api.url):
        pass
    with pytest.raises(InvalidStatus, match="403"):
        Ear.of(scene, origin="https://evil.example")
    for url in (scene.stack.live_url, f"{scene.stack.live_url}?ticket=made-up"):
        with pytest.raises(InvalidStatus, match=r"40[13]"):
            Ear.by(url)


def test_who_listens_is_known_and_forgotten_when_he_leaves(scene: Scene) -> None:
    with Ear.of(scene):
        (item,) = scene.table_items("CONNECTION#")
        assert (item["name"], item["role"]) == ({"S": "admin"}, {"S": "admin"})
        assert re.fullmatch(r"\d{10}", item["expires"]["N"])
    scene.until(lambda: not scene.table_items("CONNECTION#"), "the connection to be forgotten")


def test_a_shard_of_many_files_is_followed_while_it_is_copied(scene: Scene) -> None:
    scene.files_of(scene.account(), 450)
    with Ear.of(scene) as ear:
        run = scene.backup("full")
        ear.until(ended(run.id))
    copied = {event["data"]["files"]["copied"] for event in ear.heard if event["type"] == "operation:progress"}
    assert copied & {100, 200, 300, 400}
    assert run.files["copied"] == 450
