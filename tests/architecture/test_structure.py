"""The structure that the design asks for: imports, pure modules, sizes, one composition point."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = sorted(path for folder in ("functions", "infra", "local", "cli") for path in (ROOT / folder).rglob("*.py"))
TASKS = sorted((ROOT / "functions/waybill").glob("*/tasks/[a-z]*.py"))
MODULE_LINES, FUNCTION_LINES, HANDLER_LINES = 320, 60, 40


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_the_import_rules_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", CODE, ids=short)
def test_a_module_says_what_it_is_for_and_stays_readable(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(source)), "a module begins with one line that says what it is for"
    assert len(source.splitlines()) <= MODULE_LINES
    too_long = {node.name: length(node) for node in functions(path) if length(node) > FUNCTION_LINES}
    assert not too_long


@pytest.mark.parametrize("path", TASKS, ids=short)
def test_a_task_has_a_handler_that_only_composes(path: Path) -> None:
    handlers = [node for node in functions(path) if node.name == "handler"]
    assert len(handlers) == 1
    assert length(handlers[0]) <= HANDLER_LINES


@pytest.mark.parametrize("name", ["domain", "names", "urls", "packing", "discovery", "switching"])
def test_decisions_ask_neither_a_clock_nor_chance_nor_the_network(name: str) -> None:
    tree = ast.parse((ROOT / f"functions/waybill/files/{name}.py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {module.split(".")[0] for module in imported} & {
        "boto3",
        "botocore",
        "requests",
        "urllib3",
        "random",
        "time",
        "pydantic",
    }
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not {call for call in called if call.endswith((".now", ".utcnow", ".today"))}


def test_file_tasks_load_neither_pandas_nor_a_client_that_they_do_not_use() -> None:
    script = (
        "import sys, pkgutil, importlib, waybill.files.tasks as tasks; "
        "names = [module.name for module in pkgutil.iter_modules(tasks.__path__)]; "
        "[importlib.import_module(f'waybill.files.tasks.{name}') for name in names]; "
        "heavy = {'pandas', 'numpy', 'openpyxl', 'python_calamine', 'simple_salesforce', 'requests', 'boto3', 'lxml', 'zeep'}; "
        "print(len(names) > 9, sorted({name.split('.')[0] for name in sys.modules} & heavy))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True []"


def test_nothing_in_the_repository_names_a_registry_or_a_path_of_one_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\0")
    forbidden = ("pypi" + ".org", "pythonhosted" + ".org", "registry.npmjs" + ".org", "/work/" + "main", "/root/" + ".")
    found = [
        (name, word)
        for name in listed
        if name and (ROOT / name).is_file()
        for word in forbidden
        if word.encode() in (ROOT / name).read_bytes()
    ]
    assert not found
