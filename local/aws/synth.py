"""Synthesises the CDK app for the stage `local`, without the CDK CLI, and keeps the result until a source changes."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What the templates depend on. The functions' own code is no part of them: handlers run from where they are.
SOURCES = ("app.py", "cdk.json", "infra", "statemachines", "functions/waybill/settings.py")
_KEPT = 5
_SECONDS = 180


class SynthesisError(Exception):
    """The CDK app does not synthesise. The message is what it printed."""


def templates_folder(*, root: Path = ROOT, cache: Path | None = None, link_style: str | None = None) -> Path:
    """The folder with the templates of stage `local`: out of the cache, or synthesised in some 8 seconds. `link_style`: another one.

    A process of its own does it, so that CDK's half a gigabyte goes away with it. Raises SynthesisError.
    """
    folder = cache or root / ".waybill" / "cdk"
    target = folder / fingerprint(root, link_style)
    if target.is_dir():
        os.utime(target)
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".synth-") as scratch:
        made = Path(scratch, "out")
        _synthesise(root, made, link_style)
        kept = Path(scratch, "kept")
        kept.mkdir()
        for template in made.glob("*.template.json"):
            shutil.copy(template, kept)
        try:
            kept.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was faster
                raise
    _prune(folder)
    return target


def fingerprint(root: Path, link_style: str | None = None) -> str:
    """A hash of all that the templates are made from."""
    digest = hashlib.sha256(f"{version('aws-cdk-lib')} {link_style or ''}".encode())
    for path in _files(root):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:20]


def _files(root: Path) -> Iterable[Path]:
    for name in SOURCES:
        path = root / name
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.suffix in {".py", ".json"} and found.is_file())
        elif path.exists():
            yield path


def _synthesise(root: Path, target: Path, link_style: str | None) -> None:
    context = {**json.loads((root / "cdk.json").read_text()).get("context", {}), "stage": "local"}
    if link_style is not None:
        context["stages"]["local"]["config"]["destination"] = {"link_style": link_style}
    environment = {
        **os.environ,
        "CDK_OUTDIR": str(target),
        "CDK_CONTEXT_JSON": json.dumps(context),
        # jsii says at length that it does not know this version of Node; it works all the same.
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
    }
    if shutil.which("node") is None:
        raise SynthesisError("Node is not installed; CDK needs it to synthesise the templates.")
    try:
        done = subprocess.run(
            [sys.executable, "app.py"], cwd=root, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise SynthesisError(f"CDK did not finish within {_SECONDS} s.") from None
    if done.returncode != 0:
        raise SynthesisError(f"CDK cannot synthesise stage local:\n{done.stderr[-4000:]}")


def _prune(folder: Path) -> None:
    """Keeps the latest few."""
    kept = sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.stat().st_mtime)
    for old in kept[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
