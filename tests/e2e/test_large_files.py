"""Files above the limit of a single copy: in parts, gone on with after a crash, and nothing left behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from moto.core.request import Request

from tests.e2e.scene import Handler, Json, Planted, Scene, dies

MIB = 1024**2
BODY = bytes(range(256)) * 48 * 1024  # 12 MiB: three parts of 5 MiB


@dataclass
class Watched:
    """What reached S3 of multipart uploads. CopyFiles dies at its second part as often as `deaths` says: from then on nothing arrives."""

    scene: Scene
    deaths: int = 0
    error: str = "Sandbox.Timedout"  # which Step Functions tries again
    arrived: list[str] = field(default_factory=list)
    _part: int = 0
    _gone: bool = False

    def handler(self, event: Json, context: Json, handler: Handler) -> Json:
        self._part, self._gone = 0, False
        try:
            return handler(event, context)
        finally:
            self.deaths -= self._gone
            self._gone = False

    def hook(self, request: Request) -> None:
        part = request.method == "PUT" and "partNumber" in request.url
        self._part += part
        if self._gone or (self.deaths > 0 and part and self._part == 2):
            self._gone = True
            raise dies(self.error)
        if part:
            self.arrived.append("part")
        elif request.method == "POST" and request.url.endswith("?uploads"):
            self.arrived.append("begun")


@contextmanager
def watched(scene: Scene, **how: Json) -> Iterator[Watched]:
    """Large is what has more than 6 MiB."""

    def change(config: dict[str, Json]) -> None:
        config["migration"] |= {"multipart_above": 6 * MIB, "part_size": 5 * MIB}

    watch, hooks = Watched(scene, **how), scene.stack.aws.dispatcher.hooks["s3"]
    hooks.insert(0, watch.hook)
    try:
        with scene.configured(change), scene.around("CopyFiles", watch.handler):
            yield watch
    finally:
        hooks.remove(watch.hook)


@pytest.fixture
def large(scene: Scene) -> Planted:
    account = scene.account()
    scene.file(account, "small.txt")
    return scene.file(account, "large.tif", BODY)


def open_uploads(scene: Scene) -> list[Json]:
    found = scene.s3.list_multipart_uploads(Bucket=scene.stack.names.destination_bucket)
    return list(found.get("Uploads", []))


def is_copied(scene: Scene, large: Planted) -> bool:
    key = scene.items()[large.id].key
    return key is not None and scene.s3.get_object(Bucket=scene.stack.names.destination_bucket, Key=key)["Body"].read() == BODY


def test_a_large_file_is_copied_in_parts_and_verified(scene: Scene, large: Planted) -> None:
    with watched(scene) as watch:
        run = scene.backup("full")
    assert run.files == {"total": 2, "copied": 2, "verified": 2}
    assert watch.arrived == ["begun", "part", "part", "part"]
    assert is_copied(scene, large)
    assert open_uploads(scene) == []


def test_after_a_crash_in_the_middle_the_successor_copies_the_parts_that_lack(scene: Scene, large: Planted) -> None:
    with watched(scene, deaths=1) as watch:
        run = scene.backup("full")
    assert watch.deaths == 0
    # S3 tells whole seconds: what the dead task copied in the run's first one may count as having been there.
    assert (run.files["total"], run.files["verified"]) == (2, 2)
    assert watch.arrived == ["begun", "part", "part", "part"]
    assert is_copied(scene, large)
    assert open_uploads(scene) == []


def test_what_a_dead_task_without_a_successor_leaves_behind_is_given_up_at_the_runs_end(scene: Scene, large: Planted) -> None:
    with watched(scene, deaths=1, error="Extension.Crash") as watch:
        assert scene.backup("full").exit_code == 1
    assert "begun" in watch.arrived
    assert open_uploads(scene) == []
    assert scene.backup("full").files["verified"] == 2
    assert is_copied(scene, large)
