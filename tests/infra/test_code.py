"""How the functions' dependencies are bundled: by pip, pinned, for Lambda's platform."""

import re
from pathlib import Path

import botocore

from infra.constructs.code import PYTHON, RUNTIME, SERVICES, pip_command, superfluous

FUNCTIONS = Path(__file__).parents[2] / "functions"


def test_dependencies_are_wheels_for_lambda_checked_by_hash() -> None:
    command = " ".join(pip_command(Path("requirements.txt"), Path("out/python")))
    assert "--require-hashes" in command
    assert "--only-binary=:all:" in command
    assert "--platform manylinux2014_aarch64" in command
    assert f"--python-version {PYTHON} " in command
    assert command.endswith("--requirement requirements.txt --target out/python")


def test_the_layer_is_built_for_the_runtime_of_the_functions() -> None:
    assert RUNTIME.name == f"python{PYTHON}"


def test_of_botocore_the_layer_keeps_the_services_that_the_functions_call() -> None:
    installed = Path(botocore.__file__).parents[1]
    removed = {folder.name for folder in superfluous(installed)}
    kept = {folder.name for folder in (installed / "botocore" / "data").iterdir() if folder.is_dir()} - removed
    assert kept == SERVICES

    source = "".join(path.read_text() for path in FUNCTIONS.rglob("*.py"))
    called = set(re.findall(r"""(?:\baws|\.client)\(\s*"([a-z0-9]+)\"""", source))
    assert called
    assert called <= SERVICES
