"""A client that is not ours works: generated from the OpenAPI document by a public generator."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.scene import Scene

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("stranger.py")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package `waybill_client`. A warning of the generator, which leaves out what it does not understand, is a failure."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "config.yaml").write_text("post_hooks: []\n", encoding="utf-8")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(ROOT / "docs" / "openapi.json")]
    command += ["--meta", "none", "--output-path", str(folder / "waybill_client"), "--config", str(folder / "config.yaml")]
    command += ["--fail-on-warning"]
    subprocess.run(command, cwd=folder, check=True, timeout=120, capture_output=True)
    return folder


def test_a_script_of_a_stranger_starts_a_backup_and_follows_it_to_its_end(scene: Scene, generated: Path) -> None:
    for name in ("Acme", "Globex"):
        scene.files_of(scene.account(name), 2)
    environment = {**os.environ, "PYTHONPATH": str(generated)}
    command = [sys.executable, str(SCRIPT), scene.stack.api.url, scene.stack.token]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {**told, "accounts": sorted(told["accounts"])} == {
        "status": "completed",
        "copied": 4,
        "accounts": ["Acme", "Globex"],
        "missing": "NotFound",
    }
