"""How the functions' dependencies are bundled: by pip, pinned, for Lambda's platform."""

from pathlib import Path

from infra.constructs.code import PYTHON, RUNTIME, pip_command


def test_dependencies_are_wheels_for_lambda_checked_by_hash() -> None:
    command = " ".join(pip_command(Path("requirements.txt"), Path("out/python")))
    assert "--require-hashes" in command
    assert "--only-binary=:all:" in command
    assert "--platform manylinux2014_aarch64" in command
    assert f"--python-version {PYTHON} " in command
    assert command.endswith("--requirement requirements.txt --target out/python")


def test_the_layer_is_built_for_the_runtime_of_the_functions() -> None:
    assert RUNTIME.name == f"python{PYTHON}"
