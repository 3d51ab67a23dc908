"""docs/commands.md names every command and every option, and nothing that is not there."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.app import common_options
from cli.main import waybill

PAGE = (Path(__file__).parents[3] / "docs" / "commands.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `(waybill [a-z ]+)`\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
COMMON = {name for option in common_options() for name in option.opts} | {"--help"}


def commands(group: click.Group = waybill, path: str = "waybill") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


COMMANDS = list(commands())


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts}


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_and_option_is_documented(path: str, command: click.Command) -> None:
    assert path in SECTIONS, f"docs/commands.md has no section `{path}`"
    missing = [name for name in options(command) - COMMON if f"`{name}" not in SECTIONS[path]]
    assert not missing, f"section `{path}` of docs/commands.md lacks {missing}"


def test_the_page_names_no_command_that_is_gone() -> None:
    assert set(SECTIONS) == {path for path, _ in commands()}


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_the_page_names_no_option_that_is_gone(path: str, command: click.Command) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", SECTIONS[path]))
    if not isinstance(command, click.Group):
        assert named <= options(command) | COMMON


def test_common_options_and_exit_codes_are_documented() -> None:
    for name in COMMON:
        assert f"`{name}" in PAGE
    for code in (0, 1, 2, 3, 130):
        assert f"| {code} |" in PAGE


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_has_help_and_an_example_that_it_understands(path: str, command: click.Command) -> None:
    assert command.help
    if isinstance(command, click.Group):
        return
    lines = [line.strip() for line in (command.epilog or "").strip().splitlines()]
    assert lines
    for line in lines:
        assert line.startswith(path)
        words = [word for word in line.removeprefix(path).split() if word.startswith("--")]
        assert set(words) <= options(command)
