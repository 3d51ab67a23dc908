"""The link gateway: nobody but its distribution may call the function, which may read copies and nothing else."""

import json
from typing import Any

import pytest

from infra.catalogue import OPEN_LINK
from infra.stage import Stage, StageError

from .conftest import Assembly, Stack

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"


@pytest.fixture
def dev(assemblies: dict[str, Assembly]) -> Assembly:
    return assemblies["dev"]


@pytest.fixture
def links(dev: Assembly) -> Stack:
    assert dev.links is not None
    return dev.links


def test_it_exists_where_links_are_its_own_and_only_there(assemblies: dict[str, Assembly]) -> None:
    for name, assembly in assemblies.items():
        keys = [key["Description"] for key in assembly.stateful.of_type("AWS::KMS::Key").values()]
        assert (assembly.links is not None, any("links" in key for key in keys)) == (name == "dev", name == "dev")


def test_only_its_distribution_may_call_the_function(links: Stack) -> None:
    (url,) = links.of_type("AWS::Lambda::Url").values()
    assert url["AuthType"] == "AWS_IAM"
    permissions = [links.resolve(each) for each in links.of_type("AWS::Lambda::Permission").values()]
    assert {each["Action"] for each in permissions} == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    for each in permissions:
        assert each["Principal"] == "cloudfront.amazonaws.com"
        assert ":distribution/<Distribution" in each["SourceArn"]
    (control,) = links.of_type("AWS::CloudFront::OriginAccessControl").values()
    config = control["OriginAccessControlConfig"]
    assert (config["OriginAccessControlOriginType"], config["SigningBehavior"]) == ("lambda", "always")


def test_nothing_is_cached_and_nothing_goes_over_plain_http(links: Stack) -> None:
    (distribution,) = links.of_type("AWS::CloudFront::Distribution").values()
    config = distribution["DistributionConfig"]
    behavior = config["DefaultCacheBehavior"]
    assert behavior["ViewerProtocolPolicy"] == "https-only"
    assert behavior["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "AWS's CachingDisabled"
    assert sorted(behavior["AllowedMethods"]) == ["GET", "HEAD"]
    assert "Logging" not in config, "it would hold links whole"


def test_the_function_may_read_copies_their_items_and_the_keys_and_change_nothing(links: Stack) -> None:
    (policy,) = links.of_type("AWS::IAM::Policy").values()
    rights: dict[str, list[Any]] = {}
    for statement in links.resolve(policy)["PolicyDocument"]["Statement"]:
        for action in statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]:
            rights.setdefault(action, []).append(statement)
    assert set(rights) == {
        "dynamodb:BatchGetItem", "dynamodb:Query", "kms:Decrypt", "s3:GetObject",
        "logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
    }  # fmt: skip
    (objects,) = rights["s3:GetObject"]
    assert objects["Resource"].endswith("/uploads/*")
    leading = [
        each["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        for each in (*rights["dynamodb:BatchGetItem"], *rights["dynamodb:Query"])
    ]
    assert leading == [["ACCOUNT#*", "LINKS"], ["LINKS"]]


def test_the_function_is_told_what_its_class_asks_for(links: Stack) -> None:
    (function,) = (links.resolve(each) for each in links.of_type("AWS::Lambda::Function").values())
    assert function["Handler"] == OPEN_LINK.handler
    environment = OPEN_LINK.environment.from_env(function["Environment"]["Variables"])
    assert environment.stage == "dev"


def test_all_other_functions_know_where_links_begin(dev: Assembly) -> None:
    for name in ("UpdateUrls", "RestoreUrls", "ListFiles", "CheckReadiness", "Api"):
        variables = dev.functions()[name]["Environment"]["Variables"]
        assert json.loads(variables["WAYBILL_CONFIG"])["destination"]["link_base"].startswith("https://import.")
    for name in ("UpdateUrls", "RestoreUrls", "CheckReadiness", "Api"):
        assert dev.functions()[name]["Environment"]["Variables"]["WAYBILL_LINK_KEY"]


def test_who_unwraps_the_key_is_who_writes_links(dev: Assembly) -> None:
    may = {
        (role.partition("Role")[0], action)
        for role, statements in dev.statements().items()
        for statement in statements
        for resource in statement["Resource"]
        for action in statement["Action"]
        if "linkkey" in resource
    }
    assert may == {
        *((name, "kms:Decrypt") for name in ("Api", "CheckReadiness", "RestoreUrls", "UpdateUrls")),
        *((name, "kms:GenerateDataKeyWithoutPlaintext") for name in ("Api", "CheckReadiness")),
    }


def stage(destination: dict[str, Any], **links: str) -> Stage:
    config = {"source": {"buckets": ["their-files"]}, "destination": {"link_style": "gateway", **destination}}
    return Stage.from_context("dev", {"dev": {"config": config, "links": links}})


def test_a_domain_of_ones_own_comes_with_its_certificate() -> None:
    assert stage({}).gateway
    assert stage({"link_base": "https://links.example.com"}, certificate_arn=CERTIFICATE).gateway
    for destination, given in (
        ({"link_base": "https://links.example.com"}, {}),
        ({}, {"certificate_arn": CERTIFICATE}),
        ({"link_base": "https://links.example.com/files"}, {"certificate_arn": CERTIFICATE}),
        ({"link_base": "https://links.example.com"}, {"certificate_arn": CERTIFICATE.replace("us-east-1", "eu-central-1")}),
    ):
        with pytest.raises(StageError, match=r"link_base|certificate"):
            stage(destination, **given)
