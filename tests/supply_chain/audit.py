"""`make audit`: known weaknesses of what is locked, asked of pip-audit and npm audit. Says so where nobody can be asked.

Exit code 0: asked, and nothing is known. 1: something is known. 3: the advisory service could not be reached, or knows nothing of some
packages; on CI, which often has no way out, that is 0 as well, and the line says what was not audited.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.supply_chain.locks import NPM_LOCKS, PYTHON_LOCKS, ROOT, python_lock

SECONDS = 300
PROBE = "pip"  # every advisory service knows it: one question tells whether there is one
Run = Callable[[Sequence[str], Path], str]


@dataclass(frozen=True, slots=True)
class Audit:
    """What is known of a lock. `unasked`: packages of which nothing was learnt, all of them where `why` says why."""

    lock: str
    weaknesses: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    why: str = ""

    def __str__(self) -> str:
        if self.weaknesses:
            return f"{self.lock}: {len(self.weaknesses)} known weaknesses: {'; '.join(self.weaknesses)}"
        if self.why:
            return f"{self.lock}: not audited: {self.why}"
        if self.unasked:
            return f"{self.lock}: nothing known; not audited: {', '.join(self.unasked)}"
        return f"{self.lock}: nothing known"


def run(words: Sequence[str], folder: Path) -> str:
    """Standard output, whatever the exit code; empty where the program is missing or does not end."""
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def audit_python(path: Path, run: Run) -> Audit:
    """One lock; beforehand one package, so that a service that is not there is not asked hundreds of times."""
    name = str(path.relative_to(ROOT))
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder, "probe.txt")
        probe.write_text(f"{PROBE}==23.0\n")  # a version with known weaknesses: silence is no answer
        if not _weaknesses(_asked(run, probe)):
            return Audit(name, why="the advisory service cannot be reached, or does not answer as one")
    found = _asked(run, path)
    if not found:
        return Audit(name, why="pip-audit gave no answer")
    return Audit(name, tuple(_weaknesses(found)), tuple(str(each["name"]) for each in found if "skip_reason" in each))


def _asked(run: Run, path: Path) -> list[Mapping[str, Any]]:
    words = [
        sys.executable,
        "-m",
        "pip_audit",
        "-r",
        str(path),
        "--no-deps",
        "--disable-pip",
        "--format",
        "json",
        "--progress-spinner",
        "off",
    ]
    try:
        found: list[Mapping[str, Any]] = json.loads(run([*words, "--timeout", "15"], ROOT))["dependencies"]
    except (ValueError, KeyError, TypeError):
        return []
    return found


def _weaknesses(found: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{each['name']} {each.get('version', '')}: {weakness['id']}" for each in found for weakness in each.get("vulns", [])]


def audit_npm(path: Path, run: Run) -> Audit:
    name = str(path.relative_to(ROOT))
    try:
        found = json.loads(run(["npm", "audit", "--package-lock-only", "--json"], path.parent))
        known = found["vulnerabilities"]
    except (ValueError, KeyError, TypeError):
        return Audit(name, why="npm's advisory service cannot be reached")
    return Audit(name, tuple(f"{package}: {entry['severity']}" for package, entry in sorted(known.items())))


def exit_code(audits: Sequence[Audit], *, ci: bool) -> int:
    if any(audit.weaknesses for audit in audits):
        return 1
    return 3 if any(audit.why or audit.unasked for audit in audits) and not ci else 0


def main() -> int:
    audits = [audit_python(path, run) for path in PYTHON_LOCKS if any(python_lock(path))]
    audits += [audit_npm(path, run) for path in NPM_LOCKS]
    sys.stdout.write("".join(f"{audit}\n" for audit in audits))
    return exit_code(audits, ci=bool(os.environ.get("CI")))


if __name__ == "__main__":
    sys.exit(main())
