"""WAYBILL_HOME: one stack per folder, and nothing half-written."""

import json
import os
from pathlib import Path

import pytest

from local.aws.home import AlreadyRunning, LocalHome


def test_a_second_stack_in_the_same_folder_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    first = LocalHome(tmp_path)
    first.claim()

    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
        LocalHome(tmp_path).claim()
    first.release()


def test_a_folder_is_free_again_after_a_stop_or_a_crash(tmp_path: Path) -> None:
    (tmp_path / "up.pid").write_text("1\n")  # a crash left it, and the number belongs to another process now
    (tmp_path / "local.json").write_text("{}")
    home = LocalHome(tmp_path)

    home.claim()
    assert (home.local_file.exists(), (tmp_path / "up.pid").read_text()) == (False, f"{os.getpid()}\n")
    home.release()
    again = LocalHome(tmp_path)
    again.claim()
    again.release()


def test_local_json_is_readable_for_its_owner_only(tmp_path: Path) -> None:
    home = LocalHome(tmp_path / "deep" / "er")
    home.claim()
    home.announce({"stage": "local"})

    assert json.loads(home.local_file.read_text()) == {"stage": "local"}
    assert home.local_file.stat().st_mode & 0o077 == 0
    home.release()
    assert not home.local_file.exists()
