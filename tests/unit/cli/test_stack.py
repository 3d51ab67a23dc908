"""up, down and demo, without the stack itself."""

import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Clock, Run


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A stand-in for `local.up` that notes how it is started."""
    started: list[dict[str, Any]] = []

    def run(**how: Any) -> int:
        sys.stdout.write("a line of the stack\n")
        started.append(how)
        return 2 if how["files"] == 666 else 0

    import local

    module = types.ModuleType("local.up")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "local.up", module)
    monkeypatch.setattr(local, "up", module, raising=False)
    return started


def test_up_starts_the_stack_as_told(run: Run, home: Path, stack: list[dict[str, Any]], tmp_path: Path) -> None:
    assert run("up", "--empty", "--ports", "0").code == 0
    assert run("up", "--from", str(tmp_path)).code == 0
    assert run("up", "--accounts", "3", "--files", "30").code == 0
    (tmp_path / "schema.json").touch()
    assert run("up", "--empty", "--schema", str(tmp_path / "schema.json")).code == 0
    assert run("up", "--empty", "--link-style", "gateway").code == 0
    nothing = {
        "home": home,
        "ports": None,
        "empty": False,
        "from_dir": None,
        "accounts": None,
        "files": None,
        "schema": None,
        "approval": False,
        "link_style": None,
    }
    assert stack == [
        nothing | {"empty": True, "ports": "0"},
        nothing | {"from_dir": tmp_path},
        nothing | {"accounts": 3, "files": 30},
        nothing | {"empty": True, "schema": tmp_path / "schema.json"},
        nothing | {"empty": True, "link_style": "gateway"},
    ]


def test_up_keeps_standard_output_to_one_object(run: Run, stack: list[dict[str, Any]]) -> None:
    done = run("up", "--empty", "--json")
    assert (done.code, done.json["stopped"]) == (0, True)
    assert "a line of the stack" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["--empty", "--files", "3"],
        ["--from", ".", "--files", "3"],
        ["--from", "/no/such/dir"],
        ["--schema", "/no/such/file"],
        ["--ports", "x"],
        ["--ports", "1,2"],
    ],
)
def test_up_refuses_what_makes_no_sense(run: Run, stack: list[dict[str, Any]], words: list[str]) -> None:
    assert run("up", *words, "--json").code == 2
    assert stack == []


def test_up_ends_as_the_stack_ended(run: Run, stack: list[dict[str, Any]]) -> None:
    assert run("up", "--files", "666").code == 2
    done = run("up", "--files", "666", "--json")
    assert (done.code, done.json["error"]["class"]) == (2, "StackFailed")


HOLDER = """
import fcntl, sys, time
file = open(sys.argv[1], "a+")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def test_down_ends_the_process_that_up_started(run: Run, home: Path) -> None:
    class Reaping(Clock):
        def sleep(self, seconds: float) -> None:
            process.wait(10)
            super().sleep(seconds)

    command = [sys.executable, "-c", HOLDER, str(home / "up.pid")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (home / "up.pid").write_text(f"{process.pid}\n")
        done = run("down", "--json", clock=Reaping())
        assert (done.code, done.json) == (0, {"stopped": True, "pid": process.pid})
        assert process.wait(10) == -signal.SIGTERM


def test_down_spares_a_process_that_only_has_the_number_of_one_that_crashed(run: Run, home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as bystander:
        (home / "up.pid").write_text(f"{bystander.pid}\n")
        assert run("down", "--json").json["error"]["class"] == "NothingRunning"
        assert bystander.poll() is None
        bystander.kill()


@pytest.mark.parametrize("text", [None, "", "x", "0", "-1", "1"])
def test_down_without_anything_running_says_so(run: Run, home: Path, text: str | None) -> None:
    if text is not None:
        (home / "up.pid").write_text(text)
    done = run("down", "--json")
    assert (done.code, done.json["error"]["class"]) == (2, "NothingRunning")


def test_the_home_option_wins_over_the_environment(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert str(other) in run("status", "--home", str(other), "--json").json["error"]["message"]
