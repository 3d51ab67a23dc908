"""The local stand-in of the distribution: what the template says is let through, and nothing else is taken for known."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from local.aws.distribution import Distribution, LinkServer, distribution_of
from local.aws.intrinsics import Resource, TemplateError, Universe
from local.aws.names import attribute_of

TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Function": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "open"}},
        "Url": {
            "Type": "AWS::Lambda::Url",
            "Properties": {"AuthType": "AWS_IAM", "TargetFunctionArn": {"Fn::GetAtt": ["Function", "Arn"]}},
        },
        "Control": {
            "Type": "AWS::CloudFront::OriginAccessControl",
            "Properties": {"OriginAccessControlConfig": {"SigningBehavior": "always"}},
        },
        "Passed": {
            "Type": "AWS::CloudFront::OriginRequestPolicy",
            "Properties": {
                "OriginRequestPolicyConfig": {
                    "CookiesConfig": {"CookieBehavior": "none"},
                    "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": ["CloudFront-Viewer-Address", "User-Agent"]},
                    "QueryStringsConfig": {"QueryStringBehavior": "none"},
                }
            },
        },
        "Links": {
            "Type": "AWS::CloudFront::Distribution",
            "Properties": {
                "DistributionConfig": {
                    "Enabled": True,
                    "DefaultCacheBehavior": {
                        "AllowedMethods": ["GET", "HEAD"],
                        "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
                        "OriginRequestPolicyId": {"Ref": "Passed"},
                        "TargetOriginId": "o",
                        "ViewerProtocolPolicy": "https-only",
                    },
                    "Origins": [
                        {
                            "Id": "o",
                            "DomainName": {"Fn::Select": [2, {"Fn::Split": ["/", {"Fn::GetAtt": ["Url", "FunctionUrl"]}]}]},
                            "OriginAccessControlId": {"Fn::GetAtt": ["Control", "Id"]},
                        }
                    ],
                }
            },
        },
    }
}


def links(template: Mapping[str, Any]) -> Resource:
    universe = Universe(attribute_of)
    universe.add("waybill-local-links", template, {})
    return next(resource for resource in universe.resources() if resource.type == "AWS::CloudFront::Distribution")


def test_a_distribution_leads_to_the_function_behind_its_origin() -> None:
    found = distribution_of(links(TEMPLATE))
    assert found.function.endswith(":function:open")
    assert (found.methods, found.headers) == (frozenset({"GET", "HEAD"}), frozenset({"cloudfront-viewer-address", "user-agent"}))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("Url", "AuthType"), "NONE"),
        (("Control", "OriginAccessControlConfig", "SigningBehavior"), "no-override"),
        (("Passed", "OriginRequestPolicyConfig", "CookiesConfig", "CookieBehavior"), "all"),
        (("Passed", "OriginRequestPolicyConfig", "QueryStringsConfig", "QueryStringBehavior"), "all"),
        (("Links", "DistributionConfig", "CacheBehaviors"), [{}]),
        (("Links", "DistributionConfig", "Enabled"), False),
        (("Links", "DistributionConfig", "DefaultCacheBehavior", "ViewerProtocolPolicy"), "allow-all"),
        (("Links", "DistributionConfig", "DefaultCacheBehavior", "CachePolicyId"), "658327ea-f89d-4fab-a63d-7e88639e58f6"),
        (("Links", "DistributionConfig", "DefaultCacheBehavior", "LambdaFunctionAssociations"), []),
        (("Links", "DistributionConfig", "Origins"), []),
    ],
)
def test_what_would_work_otherwise_in_aws_is_refused(where: tuple[str, ...], value: object) -> None:
    template = copy.deepcopy(TEMPLATE)
    place = template["Resources"][where[0]]["Properties"]
    for name in where[1:-1]:
        place = place[name]
    place[where[-1]] = value
    with pytest.raises(TemplateError, match="Links"):
        distribution_of(links(template))


class Function:
    """Remembers its event and redirects."""

    event: Any = None
    fails = False

    def __call__(self, _arn: str, event: Any) -> Any:
        self.event = event
        if self.fails:
            raise RuntimeError("broken")
        return {"statusCode": 302, "headers": {"location": "https://example.com/", "cache-control": "no-store"}, "body": ""}


@pytest.fixture
def function() -> Function:
    return Function()


@pytest.fixture
def server(function: Function) -> Iterator[LinkServer]:
    made = LinkServer(function)
    made.start()
    made.serve([Distribution("arn:open", frozenset({"GET", "HEAD"}), frozenset({"cloudfront-viewer-address", "user-agent"}))])
    yield made
    made.stop()


def test_the_function_gets_the_path_and_who_asks_and_no_more(server: LinkServer, function: Function) -> None:
    headers = {"User-Agent": "a browser", "Cookie": "c=1", "Authorization": "Bearer x", "CloudFront-Viewer-Address": "made up"}
    reply = requests.get(f"{server.url}/f/a/b/1.c?x=1", headers=headers, allow_redirects=False, timeout=5)
    assert (reply.status_code, reply.headers["location"], reply.headers["cache-control"]) == (
        302,
        "https://example.com/",
        "no-store",
    )
    event = function.event
    assert (event["rawPath"], event["rawQueryString"], event["requestContext"]["http"]["method"]) == ("/f/a/b/1.c", "", "GET")
    assert set(event["headers"]) == {"user-agent", "cloudfront-viewer-address"}
    assert event["headers"]["cloudfront-viewer-address"].startswith("127.0.0.1:")


def test_other_methods_bodies_and_hosts_do_not_get_through(server: LinkServer, function: Function) -> None:
    url = f"{server.url}/f/a"
    assert requests.post(url, data=b"x", timeout=5).status_code == 403
    assert requests.get(url, data=b"x", timeout=5).status_code == 403
    assert requests.get(url, headers={"Host": "evil.example"}, timeout=5).status_code == 403
    assert function.event is None


def test_a_function_that_breaks_is_a_bad_gateway_and_without_a_distribution_there_is_nothing(
    server: LinkServer, function: Function
) -> None:
    function.fails = True
    assert requests.get(f"{server.url}/f/a", timeout=5).status_code == 502
    server.serve([])
    assert requests.get(f"{server.url}/f/a", timeout=5).status_code == 403
