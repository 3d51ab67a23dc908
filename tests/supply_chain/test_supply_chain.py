"""What Waybill is built from: pinned, hashed, listed with its licences, and audited where that can be done."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.supply_chain.audit import Audit, audit_npm, audit_python, exit_code
from tests.supply_chain.licences import PAGE, licence, page, shipped
from tests.supply_chain.locks import NPM_LOCKS, PYTHON_LOCKS, ROOT, RUNTIME, npm_lock, python_lock

NAMES = [str(path.relative_to(ROOT)) for path in PYTHON_LOCKS]


@pytest.mark.parametrize("path", PYTHON_LOCKS, ids=NAMES)
def test_every_python_package_is_pinned_and_hashed(path: Path) -> None:
    locked = list(python_lock(path))
    assert locked
    loose = [each.name for each in locked if not re.fullmatch(r"==[0-9][A-Za-z0-9.!+_-]*", each.pin)]
    bare = [
        each.name
        for each in locked
        if not each.hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in each.hashes)
    ]
    assert (loose, bare) == ([], [])


@pytest.mark.parametrize("path", NPM_LOCKS, ids=[path.parent.name for path in NPM_LOCKS])
def test_every_npm_package_is_pinned_and_hashed(path: Path) -> None:
    for each in npm_lock(path):
        assert re.fullmatch(r"\d+\.\d+\.\d+[A-Za-z0-9.+-]*", each.pin)
        assert each.hashes[0].startswith("sha512-")
    package = json.loads((path.parent / "package.json").read_text())
    wanted = [*package["dependencies"].values(), *package.get("devDependencies", {}).values()]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted), "no range is asked for"


def test_no_lock_names_where_its_packages_come_from() -> None:
    for path in (*PYTHON_LOCKS, *NPM_LOCKS):
        assert not re.search(r"--(extra-)?index-url|--find-links|https?://|git\+|file:", path.read_text()), path


def test_whatever_installs_asks_for_hashes() -> None:
    for line in (ROOT / "Makefile").read_text().splitlines():
        if "pip install" in line and "--editable" not in line:
            assert "--require-hashes" in line, line


def test_the_runtime_lock_is_a_part_of_the_other_with_the_same_versions() -> None:
    versions = {(each.name, each.pin) for each in python_lock(PYTHON_LOCKS[1])}
    assert {(each.name, each.pin) for each in python_lock(RUNTIME)} <= versions


def test_the_list_of_licences_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "the locks have changed: `make licences`"


def test_nothing_that_a_browser_loads_stands_under_a_licence_that_binds_waybills_own_code() -> None:
    told = dict(shipped())
    assert "react" in told
    assert [name for name, text in told.items() if not re.fullmatch(r"MIT|ISC|0BSD|Apache-2\.0|BSD-[23]-Clause", text)] == []


def test_nothing_that_runs_in_aws_stands_under_a_licence_that_binds_waybills_own_code() -> None:
    told = {each.name: licence(each.name) for each in python_lock(RUNTIME)}
    assert [name for name, text in told.items() if text is None or text == "not told"] == []
    assert [name for name, text in told.items() if re.search(r"\bA?GPL|GNU (Affero )?General", str(text))] == []


# -- make audit ---------------------------------------------------------------------------------------------------------


def answering(*, probe: Sequence[Any], lock: Sequence[Any] | None) -> Any:
    """A pip-audit that answers so."""

    def run(words: Sequence[str], folder: Path) -> str:
        found = probe if "probe.txt" in words[4] else lock
        return "" if found is None else json.dumps({"dependencies": found})

    return run


WEAK = {"name": "pip", "version": "23.0", "vulns": [{"id": "PYSEC-2023-228"}]}
UNKNOWN = {"name": "pip", "skip_reason": "Dependency not found"}


def test_a_service_that_knows_nothing_is_not_taken_for_good_news() -> None:
    asked: list[str] = []
    run = answering(probe=[UNKNOWN], lock=[])

    def counted(words: Sequence[str], folder: Path) -> str:
        asked.append(words[4])
        return str(run(words, folder))

    audit = audit_python(RUNTIME, counted)
    assert "not audited" in str(audit)
    assert len(asked) == 1, "it is asked once, and not for every package"
    assert (exit_code([audit], ci=True), exit_code([audit], ci=False)) == (0, 3)


def test_a_known_weakness_fails_on_ci_too() -> None:
    audit = audit_python(RUNTIME, answering(probe=[WEAK], lock=[{"name": "x", "version": "1", "vulns": [{"id": "PYSEC-1"}]}]))
    assert "x 1: PYSEC-1" in str(audit)
    assert exit_code([audit], ci=True) == 1


def test_packages_of_which_nothing_was_learnt_are_named() -> None:
    audit = audit_python(
        RUNTIME, answering(probe=[WEAK], lock=[{"name": "x", "version": "1", "vulns": []}, {"name": "y", "skip_reason": "s"}])
    )
    assert str(audit).endswith("nothing known; not audited: y")
    assert exit_code([audit], ci=False) == 3


def test_npms_answers_are_told_apart() -> None:
    def saying(text: str) -> Audit:
        return audit_npm(NPM_LOCKS[0], lambda _words, _folder: text)

    assert str(saying('{"vulnerabilities": {}}')).endswith("nothing known")
    assert saying('{"vulnerabilities": {"tslib": {"severity": "high"}}}').weaknesses == ("tslib: high",)
    for text in ("", '{"error": {"code": "ENOAUDIT"}}', "<html>"):
        assert saying(text).why
