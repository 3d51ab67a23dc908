"""Reads the lock files: what is installed, in which version, under which hashes."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNTIME, DEVELOPMENT = ROOT / "requirements.txt", ROOT / "requirements-dev.txt"
PYTHON_LOCKS = (
    RUNTIME,
    DEVELOPMENT,
    ROOT / "bench" / "requirements.txt",
    ROOT / "tests" / "contract" / "requirements-servers.txt",
)
SERVERS, CONSOLE = ROOT / "tests" / "contract" / "package-lock.json", ROOT / "console" / "package-lock.json"
NPM_LOCKS = (SERVERS, CONSOLE)
_ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?(?P<version>[^;\s\\]*)(?P<rest>.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Locked:
    """A package of a lock. `pin` as it stands there, `==1.2.3` or an npm version; `conditional`: for some platforms only."""

    name: str
    pin: str
    hashes: tuple[str, ...]
    conditional: bool = False


def python_lock(path: Path) -> Iterator[Locked]:
    """The packages of a requirements file, its lines that go on joined."""
    text = re.sub(r"\\\n\s*", " ", path.read_text(encoding="utf-8"))
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            found = _ENTRY.match(line)
            assert found, line
            hashes = tuple(re.findall(r"--hash=(\S+)", line))
            yield Locked(found["name"], found["version"], hashes, conditional=";" in line.partition("--hash")[0])


def npm_lock(path: Path) -> Iterator[Locked]:
    for place, package in json.loads(path.read_text(encoding="utf-8"))["packages"].items():
        if place:
            yield Locked(place.rpartition("node_modules/")[2], package["version"], (package.get("integrity", ""),))
