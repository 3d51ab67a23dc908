"""README and docs: links lead somewhere, commands parse, every error class is in the runbook, decisions are numbered."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.app import common_options
from cli.main import waybill
from waybill import errors
from waybill.api import openapi
from waybill.files.jobs import CopyFault
from waybill.files.verifying import Mismatch

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = sorted([README, ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
FILES = ROOT / "functions" / "waybill" / "files"
COMMON = {name for option in common_options() for name in option.opts} | {"--help", "--version"}
# Texts in upper case that are no error classes, in the modules that give files their class.
NO_CLASS = {"STANDARD", "GLACIER", "DEEP_ARCHIVE", "PACKET", "SHARD", "PACKETS", "RUNNING", "PENDING_REDRIVE"}
CLASSIFYING = re.compile(r"\b(FileEvent|ErrorRow|Outcome|held_back)\b")


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def links(path: Path) -> Iterator[str]:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            yield target


@pytest.mark.parametrize("path", DOCS, ids=short)
def test_relative_links_lead_to_a_file(path: Path) -> None:
    broken = [target for target in links(path) if not (path.parent / target.partition("#")[0]).exists()]
    assert not broken


def test_the_modules_that_architecture_names_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z0-9_]+/)+[a-z0-9_]+\.(?:py|txt))`", text))
    roots = (ROOT, ROOT / "functions", ROOT / "functions" / "waybill", FILES)
    assert len(named) > 40
    assert [name for name in sorted(named) if not any((root / name).exists() for root in roots)] == []


def test_the_files_and_folders_that_readme_names_exist() -> None:
    named = set(
        re.findall(r"`((?:functions|statemachines|infra|local|cli|tests|docs)/[\w/.]*)`", README.read_text(encoding="utf-8"))
    )
    assert len(named) > 8
    assert [name for name in named if not (ROOT / name).exists()] == []


def code_of(text: str) -> Iterator[str]:
    """Lines of fenced blocks, without their prompt and comments, and inline code."""
    fenced = r"^ *```\w*\n(.*?)^ *```"
    for block in re.findall(fenced, text, flags=re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            yield re.sub(r"\s#\s.*", "", line.strip().removeprefix("$ "))
    yield from re.findall(r"`([^`\n]+)`", re.sub(fenced, "", text, flags=re.DOTALL | re.MULTILINE))


def commands_in(path: Path) -> list[list[str]]:
    found = [shlex.split(code) for code in code_of(path.read_text(encoding="utf-8")) if code.startswith("waybill ")]
    return [words for words in found if words[1] not in {"...", "COMMAND"}]


def problem_with(words: list[str]) -> str:
    """Why the command line would not be understood; empty where it would."""
    command: click.Command = waybill
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        if rest[0] not in command.commands:
            return f"there is no command {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    options = {name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts} | COMMON
    unknown = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in options]
    return f"no option {unknown}" if unknown else ""


@pytest.mark.parametrize("path", DOCS, ids=short)
def test_every_command_that_is_mentioned_is_understood(path: Path) -> None:
    assert [(" ".join(words), why) for words in commands_in(path) if (why := problem_with(words))] == []


def test_commands_are_found_in_blocks_and_in_lines() -> None:
    assert len(commands_in(README)) > 10
    assert len(commands_in(ROOT / "docs" / "runbook.md")) > 25
    assert problem_with(["waybill", "backup", "--no-such-option"])
    assert problem_with(["waybill", "no-such-command"])


def test_every_make_target_that_is_mentioned_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {
        word
        for path in DOCS
        for code in code_of(path.read_text(encoding="utf-8"))
        for word in re.findall(r"^make ([a-z-]+)", code)
    }
    assert {"demo", "test", "up"} <= named <= targets


def literal_classes() -> set[str]:
    """Upper-case texts in the modules that give files their class."""
    sources = [path.read_text(encoding="utf-8") for path in FILES.rglob("*.py")]
    trees = [ast.parse(source) for source in sources if CLASSIFYING.search(source)]
    texts = {
        node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {text for text in texts if re.fullmatch(r"[A-Z][A-Z_]{4,}", text)} - NO_CLASS


def exceptions() -> set[str]:
    found = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.WaybillError)}
    return found - {"WaybillError"}


@pytest.mark.parametrize("name", sorted({*map(str, CopyFault), *map(str, Mismatch), *literal_classes(), *exceptions()}))
def test_every_error_class_is_in_the_runbook(name: str) -> None:
    assert f"`{name}`" in RUNBOOK


def test_the_classes_of_listing_and_switching_are_found_in_the_code() -> None:
    assert {"MALFORMED_URL", "UNKNOWN_BUCKET", "CONFLICT", "NOT_APPLIED", "SOURCE_CHANGED", "NOT_VERIFIED"} <= literal_classes()


def test_the_runbook_names_no_copy_fault_or_mismatch_that_is_gone() -> None:
    tables = RUNBOOK.partition("### While copying")[2].partition("### While switching")[0]
    named = {name for row in re.findall(r"^\| (`.*?) \|", tables, flags=re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert named <= {*map(str, CopyFault), *literal_classes()}


def test_the_openapi_document_is_the_one_that_the_routes_give() -> None:
    same = (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8") == openapi.text()
    assert same, "docs/openapi.json is not what the routes give: `make openapi` renews it"


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    files = sorted(path.name for path in (ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))
    listed = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    assert [name for name in files if f"({name})" not in listed] == []
    for name in files:
        text = (ROOT / "docs" / "adr" / name).read_text(encoding="utf-8")
        assert text.startswith(f"# {int(name[:4])}. ")
        assert re.findall(r"^## (.*)", text, flags=re.MULTILINE) == ["Context", "Decision", "Consequences"]


def test_the_changelog_begins_with_the_version_of_the_package() -> None:
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    newest = re.search(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert version is not None
    assert newest is not None
    assert version[1] == newest[1]
