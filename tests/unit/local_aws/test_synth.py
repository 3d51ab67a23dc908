"""Synthesis: once per state of the sources, in a process of its own."""

import json
from pathlib import Path

import pytest

from local.aws.synth import SynthesisError, templates_folder

APP = """
import json, os, pathlib
out = pathlib.Path(os.environ["CDK_OUTDIR"])
out.mkdir()
out.joinpath("one.template.json").write_text(os.environ["CDK_CONTEXT_JSON"])
with open("runs", "a") as runs:
    runs.write("x")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"stage": "dev", "other": 1}}))
    (tmp_path / "infra").mkdir()
    return tmp_path


def test_the_app_is_synthesised_for_the_stage_local(project: Path) -> None:
    folder = templates_folder(root=project)

    assert json.loads((folder / "one.template.json").read_text()) == {"stage": "local", "other": 1}


def test_it_runs_again_only_when_a_source_has_changed(project: Path) -> None:
    first = templates_folder(root=project)
    again = templates_folder(root=project)
    (project / "infra" / "new.py").write_text("")
    changed = templates_folder(root=project)

    assert (first == again, first == changed, (project / "runs").read_text()) == (True, False, "xx")


def test_an_app_that_fails_says_what_it_printed(project: Path) -> None:
    (project / "app.py").write_text("raise SystemExit('stage local is wrong')")

    with pytest.raises(SynthesisError, match="stage local is wrong"):
        templates_folder(root=project)
    assert [path.name for path in (project / ".waybill" / "cdk").iterdir()] == []
