"""A small migration under faults; `make soak` has ten thousand files. In a process of its own: all pauses of a process are one."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEED = 11


def test_a_migration_under_faults_loses_doubles_and_wrongly_switches_nothing(tmp_path: Path) -> None:
    table = tmp_path / "table.md"
    command = [sys.executable, "-m", "tests.crash.load", "--files", "200", "--seed", str(SEED), "--table", str(table)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[0] == f"seed {SEED}"
    assert done.stdout.splitlines()[-1] == "200 passed, 0 failed"
    assert "**Nothing was lost, doubled or wrongly switched.**" in table.read_text(encoding="utf-8")
