"""Nag does run, and what is acknowledged is narrow."""

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks

from infra import nag


def _findings(app: App) -> set[str]:
    """What the checks would say. (jsii turns the report into a struct.)"""
    return {violation.rule_name for violation in AwsSolutionsChecks(app).validate_scope(app).violations}


def test_an_open_bucket_stops_the_synthesis() -> None:
    app = App()
    nag.check(app)
    s3.Bucket(Stack(app, "Test"), "Open")
    with pytest.raises(RuntimeError, match="AwsSolutions-S10"):
        app.synth()


def test_an_acknowledged_finding_is_silent_and_its_neighbours_are_not() -> None:
    app = App()
    bucket = s3.Bucket(Stack(app, "Test"), "Open")
    before = _findings(app)
    nag.acknowledge(bucket, finding="AwsSolutions-S1", reason="A test.")
    assert before - _findings(app) == {"AwsSolutions-S1"}
    assert "AwsSolutions-S10" in _findings(app)


def test_an_arn_that_nag_would_write_in_an_unknown_way_is_refused() -> None:
    app = App()
    stack = Stack(app, "Test")
    bucket = s3.Bucket(stack, "Open")
    with pytest.raises(TypeError, match="nag's notation"):
        nag.acknowledge_wildcards(bucket, [f"{bucket.bucket_arn}/*"], reason="A test.")
