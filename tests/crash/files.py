"""The crash matrix's files: eight of them, backed up, cut over and rolled back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.crash import inside
from tests.crash.invariants import Watch, broken_at_the_end, source_objects, state_of
from tests.crash.scenario import Job, Scenario, State
from tests.e2e.scene import Scene
from waybill.runs.model import RunRecord

JOBS = (
    Job("backup", {"kind": "backup", "mode": "full"}),
    Job("cutover", {"kind": "cutover", "mode": "execute", "canary": 2}),
    Job("rollback", {"kind": "rollback", "mode": "execute", "all": True}),
)


@dataclass(frozen=True)
class WatchedFiles:
    check: Watch
    sources: Mapping[str, Any]

    def broken(self) -> list[str]:
        return broken_at_the_end(self.check.scene, watch=self.check, sources=self.sources)


class Files(Scenario):
    def plant(self, scene: Scene) -> tuple[Job, ...]:
        self.scene = scene
        customer(scene)
        self._sources = source_objects(scene)
        return JOBS

    def watch(self, job: Job) -> WatchedFiles:
        return WatchedFiles(Watch(self.scene), self._sources)

    def counts(self, record: RunRecord) -> Mapping[str, int]:
        return record.counts.model_dump()

    def state(self, run_id: str) -> State:
        return state_of(self.scene)

    def touched(self) -> object:
        return inside.objects(self.scene.stack, self.scene.stack.names.destination_bucket)


def customer(scene: Scene) -> None:
    """Eight files: a name twice, a missing source, one without account, an account with several, a link that leads nowhere."""
    acme, other, third = (scene.account(name) for name in ("Acme Corporation", "Ünïcode & Söhne", "Third Ltd"))
    for name in ("contract.pdf", "contract.pdf", "minutes.txt"):
        scene.file(acme, name)
    scene.file(acme, "gone.txt", None)
    for name in ("Angebot März.docx", "photo.jpg"):
        scene.file(other, name)
    scene.file(third, "nowhere.txt", url="ftp://files.example.com/nowhere.txt")
    scene.file(None, "orphan.txt")
