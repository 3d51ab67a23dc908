"""What the API tells of one file, and of a run over time, after a whole migration there and back."""

from typing import Any

import requests

from tests.e2e.scene import Planted, Scene


def got(scene: Scene, path: str) -> Any:
    headers = {"Authorization": f"Bearer {scene.stack.token}"}
    reply = requests.get(f"{scene.stack.api.url}/api/{path}", headers=headers, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()


def steps(scene: Scene, file: Planted) -> list[tuple[str, str]]:
    return [(step["step"], step["run_id"]) for step in got(scene, f"files/{file.id}")["steps"]]


def test_a_file_tells_its_way_there_and_back(scene: Scene) -> None:
    account = scene.account()
    file, edited, missing = *scene.files_of(account, 2), scene.file(account, "missing.txt", None)
    backup = scene.backup("full")
    assert steps(scene, file) == [("created", ""), ("copied", backup.id), ("verified", backup.id)]
    assert steps(scene, missing) == [("created", ""), ("source_missing", backup.id)]
    cutover = scene.cutover("execute")
    scene.edit(edited, URL__c="https://somewhere.example.com/else")
    found = got(scene, f"files/{file.id}")
    assert (found["state"], found["link"], found["switched_by"]) == ("switched", "new", cutover.id)
    assert found["link_now"] == found["new_url"]
    rollback = scene.rollback("execute", all=True)
    begun = [("created", ""), ("copied", backup.id), ("verified", backup.id), ("switched", cutover.id)]
    assert steps(scene, file) == [*begun, ("rolled_back", rollback.id)]
    assert steps(scene, edited) == [*begun, ("conflict", rollback.id)]
    assert got(scene, f"files/{file.id}")["link"] == "old"
    assert got(scene, f"files/{edited.id}")["link"] == "other"
    assert all(step["time"] for step in got(scene, f"files/{edited.id}")["steps"])
    for run, number in ((backup, 2), (cutover, 2), (rollback, 1)):
        points = got(scene, f"runs/{run.id}/throughput")["points"]
        assert (run.id, sum(point["files"] for point in points)) == (run.id, number)
    told = {each["class"]: (each["count"], each["run_id"]) for each in got(scene, "errors")["classes"]}
    assert told["SOURCE_MISSING"][0] == 1
    assert told["CONFLICT"] == (1, rollback.id)
