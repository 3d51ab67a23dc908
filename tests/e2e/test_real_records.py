"""A real data plan through the real command, in processes of its own: planned, loaded, loaded again, undone."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data" / "revenue-cloud"
COMMAND = (sys.executable, "-c", "from cli.main import main; main()")
PATIENCE = 300.0

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/revenue-cloud is not there.")
Waybill = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def waybill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waybill]:
    """The command beside a stack with the schema of Revenue Cloud."""
    home = tmp_path_factory.mktemp("real")
    env = {**os.environ, "WAYBILL_HOME": str(home)}
    schema = next(DATA.rglob("erd-data.json"))
    with (home / "up.log").open("wb") as log:
        up = subprocess.Popen(
            [*COMMAND, "up", "--empty", "--ports", "0", "--schema", str(schema)], env=env, stdout=log, stderr=log
        )
    try:
        end = time.monotonic() + PATIENCE
        while not (home / "local.json").exists():
            assert up.poll() is None, (home / "up.log").read_text()
            assert time.monotonic() < end, "the stack does not come up"
            time.sleep(0.2)

        def run(*words: str) -> dict[str, Any]:
            done = subprocess.run(
                [*COMMAND, *words, "--wait", "--json"], env=env, capture_output=True, text=True, check=False, timeout=PATIENCE
            )
            found: dict[str, Any] = json.loads(done.stdout)
            return found

        yield run
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)


def test_a_plan_of_revenue_cloud_is_loaded_as_foretold_and_undone(waybill: Waybill) -> None:
    plan = str(next(path.parent for path in DATA.rglob("export.json") if path.parent.name == "q3-pricing"))
    dry = waybill("load", plan, "--dry-run")
    load = waybill("load", plan, "--execute")
    assert load["rows"] == dry["rows"]
    assert load["objects"] == dry["objects"]
    assert load["rows"]["total"] == sum(load["rows"][name] for name in ("inserted", "updated", "unchanged", "rejected", "failed"))
    assert load["rows"]["inserted"] > 0
    assert load["rows"]["failed"] == 0
    again = waybill("load", plan, "--execute")
    assert (again["rows"]["inserted"], again["rows"]["updated"]) == (0, 0)
    undone = waybill("undo", "--run", load["run_id"], "--execute")
    assert undone["rows"]["deleted"] == load["rows"]["inserted"]
    assert undone["errors"] == []
    assert waybill("load", plan, "--dry-run")["rows"] == dry["rows"]
