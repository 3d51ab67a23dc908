"""The design of locks and switching, checked by spin in every order of steps; and each of its guards, by leaving it out."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

MODEL = Path(__file__).with_name("switching.pml")
MISSING = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not on this machine: {', '.join(MISSING)}")


def checked(folder: Path, *defines: str) -> str:
    """What the model checker says of the model with these macros."""
    flags = [f"-D{name}" for name in defines]
    subprocess.run(["spin", *flags, "-a", MODEL], cwd=folder, check=True, capture_output=True, timeout=60)
    build = ["gcc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-o", "pan", "pan.c"]
    subprocess.run(build, cwd=folder, check=True, capture_output=True, timeout=120)
    found = subprocess.run(["./pan", "-m100000"], cwd=folder, check=True, capture_output=True, text=True, timeout=300)
    assert "max search depth too small" not in found.stdout
    return found.stdout


def test_the_design_holds_in_every_order_of_steps(tmp_path: Path) -> None:
    said = checked(tmp_path)
    assert "errors: 0" in said
    states = re.search(r"(\d+) states, stored", said)
    assert states is not None
    assert int(states[1]) > 100_000, "all of it was looked at"


@pytest.mark.parametrize(
    ("left_out", "promise"),
    [
        ("NO_FENCE", "slept"),
        ("NO_REREAD", "row!="),
        ("NO_LIVENESS", "alive[holder]"),
        ("NO_RELISTING", "row!="),
    ],
)
def test_without_any_of_its_guards_it_does_not(tmp_path: Path, left_out: str, promise: str) -> None:
    said = checked(tmp_path, left_out)
    assert "errors: 1" in said
    broken = re.search(r"assertion violated (.+) \(at depth", said)
    assert broken is not None, said
    assert promise in broken[1].replace(" ", "")


def test_the_model_fits_on_a_page() -> None:
    lines = MODEL.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 135
    assert max(map(len, lines)) <= 150
