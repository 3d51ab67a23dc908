"""A few points of the crash matrix; `make crash-matrix` runs all. In processes of its own: it forks, and kills."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def crash_matrix(tmp_path: Path, *options: str) -> tuple[int, str, str]:
    """Exit code, what was said, and the table."""
    table = tmp_path / "table.md"
    command = [sys.executable, "-m", "tests.crash", "--table", str(table), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert table.exists(), done.stderr
    return done.returncode, done.stdout, table.read_text(encoding="utf-8")


def test_killed_processes_leave_nothing_that_a_retry_or_an_operator_does_not_bring_to_its_end(tmp_path: Path) -> None:
    """Of the files' jobs and of the records', which are a quarter of all points."""
    code, said, table = crash_matrix(tmp_path, "--every", "130")
    assert code == 0, said
    total = re.fullmatch(r"(\d+) passed, 0 failed", said.splitlines()[-1])
    assert total is not None
    assert int(total[1]) >= 8, "the jobs make a thousand calls and more"
    assert f"**{total[0]}**" in table
    assert "**Not the whole matrix**" in table


@pytest.mark.parametrize(
    ("mistake", "at", "found"),
    [
        ("overwrites", "after CopyFiles 1: S3 CopyObject", "rule 4: a write without If-None-Match"),
        ("forgets", "after ValidateFiles 1: S3 GetObject", "ledger "),
        ("heedless", "load, killed after LoadRows 1: Salesforce POST composite, retried", "2 rows of Unit_Class__c are WGT"),
    ],
)
def test_the_matrix_finds_mistakes_made_on_purpose(tmp_path: Path, mistake: str, at: str, found: str) -> None:
    code, said, _ = crash_matrix(tmp_path, "--workers", "1", "--tamper", mistake, "--only", at, "--every", "2")
    assert code == 1
    assert found in said
    assert re.fullmatch(r"\d+ passed, [1-9]\d* failed", said.splitlines()[-1])
