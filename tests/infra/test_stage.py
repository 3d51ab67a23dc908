"""A stage's settings are refused with a message that names each fault."""

import json
from typing import Any

import pytest

from infra.stage import Stage, StageError

from .conftest import ROOT, STAGES


def _stages(**changes: Any) -> dict[str, Any]:
    destination = {"link_style": "domain", "link_base": "https://files.example.com"}
    return {"dev": {"config": {"source": {"buckets": ["their-files"]}, "destination": destination}, **changes}}


def test_every_stage_in_cdk_json_is_valid() -> None:
    stages = json.loads((ROOT / "cdk.json").read_text())["context"]["stages"]
    assert sorted(stages) == sorted(STAGES)
    for name in stages:
        assert Stage.from_context(name, stages).name == name


def test_an_unknown_stage_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(StageError, match=r"no stage 'staging'.*there are: dev"):
        Stage.from_context("staging", _stages())


def test_a_deployed_stage_must_choose_what_its_links_look_like() -> None:
    stages = _stages(config={"source": {"buckets": ["their-files"]}})
    with pytest.raises(StageError, match="link_style is not set"):
        Stage.from_context("dev", stages)


def test_the_local_stage_need_not_choose() -> None:
    stages = {"local": {"config": {"source": {"buckets": ["their-files"]}}}}
    assert Stage.from_context("local", stages).local


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"memory": 1}, "memory"),
        ({"log_retention_days": 31}, "log_retention_days"),
        ({"nightly_backup": "at three"}, "nightly_backup"),
        ({"alarm_email": "nobody"}, "alarm_email"),
        ({"notice_emails": ["nobody"]}, "notice_emails"),
        ({"config": {"require_approval": ["backup"]}}, "require_approval"),
        ({"concurrency": {"copy": 0}}, "concurrency.copy"),
        ({"destination_bucket": "Not A Bucket"}, "destination_bucket"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(StageError, match=named):
        Stage.from_context("dev", _stages(**changes))
