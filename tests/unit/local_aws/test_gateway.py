"""A WebSocket API out of a template: its routes, its authorizer, and a refusal by name of what is not known here."""

from typing import Any

import pytest

from local.aws.endpoint import Endpoint
from local.aws.intrinsics import TemplateError
from local.aws.live_api import RequestAuthorizer
from tests.unit.local_aws.test_template import BUCKET, ENDPOINT, FUNCTION, ROLE, deploy

Json = dict[str, Any]
URI = {
    "Fn::Join": [
        "",
        ["arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/", {"Fn::GetAtt": ["Greet", "Arn"]}, "/invocations"],
    ]
}


def route(key: str, **more: Any) -> Json:
    target = {"Fn::Join": ["", ["integrations/", {"Ref": "Call"}]]}
    given = {"ApiId": {"Ref": "Live"}, "AuthorizationType": "NONE", "RouteKey": key, "Target": target, **more}
    return {"Type": "AWS::ApiGatewayV2::Route", "Properties": given}


def live_api(**more: Json) -> Json:
    """A WebSocket API with an authorizer, by resource."""
    return {
        "Greet": FUNCTION,
        "Role": ROLE,
        "Files": BUCKET,
        "Live": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {"ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action"},
        },
        "Call": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {"ApiId": {"Ref": "Live"}, "IntegrationType": "AWS_PROXY", "IntegrationUri": URI},
        },
        "Door": {
            "Type": "AWS::ApiGatewayV2::Authorizer",
            "Properties": {
                "ApiId": {"Ref": "Live"},
                "AuthorizerType": "REQUEST",
                "AuthorizerUri": URI,
                "IdentitySource": ["route.request.querystring.ticket"],
            },
        },
        "Connect": route("$connect", AuthorizationType="CUSTOM", AuthorizerId={"Ref": "Door"}),
        "Default": route("$default"),
        **more,
    }


def test_routes_lead_to_functions_and_connect_to_its_authorizer(aws: Endpoint) -> None:
    deployment = deploy(live_api(), Parameters=ENDPOINT)
    sockets, arn = deployment.sockets, deployment.functions["greet"].arn
    assert sockets is not None
    assert sockets.functions == {"$connect": arn, "$default": arn}
    assert sockets.authorizer == RequestAuthorizer(arn, ("ticket",))
    assert deployment.routes == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"Extra": route("say")}, "only the routes \\$connect, \\$disconnect, \\$default"),
        ({"Default": route("$default", AuthorizationType="CUSTOM", AuthorizerId={"Ref": "Door"})}, "only \\$connect may have an authorizer"),
        ({"Connect": route("$connect", AuthorizationType="AWS_IAM")}, "of type CUSTOM, not \\$connect AWS_IAM"),
        ({"Connect": route("$connect", AuthorizationType="CUSTOM", AuthorizerId="other")}, "other is no AWS::ApiGatewayV2::Authorizer"),
        ({"Default": route("$default", Target="integrations/other")}, "is no integration of this template"),
        ({"Default": route("$default", ApiId="other")}, "other is no AWS::ApiGatewayV2::Api"),
    ],
)  # fmt: skip
def test_what_is_not_known_here_is_refused(aws: Endpoint, changed: Json, said: str) -> None:
    with pytest.raises(TemplateError, match=said):
        deploy(live_api(**changed), Parameters=ENDPOINT)


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("Door", {"IdentitySource": ["route.request.header.Auth"]}, "only REQUEST authorizers on parameters of the query"),
        ("Door", {"IdentitySource": []}, "only REQUEST authorizers"),
        ("Door", {"AuthorizerType": "JWT"}, "only REQUEST authorizers"),
        ("Call", {"IntegrationType": "MOCK"}, "only AWS_PROXY"),
        ("Live", {"ProtocolType": "MQTT"}, "the protocol MQTT"),
        ("Live", {"RouteSelectionExpression": "$request.body.type"}, "route selection expression"),
    ],
)
def test_so_is_what_a_resource_says_otherwise(aws: Endpoint, name: str, more: Json, said: str) -> None:
    changed = live_api()
    changed[name] = {**changed[name], "Properties": {**changed[name]["Properties"], **more}}
    with pytest.raises(TemplateError, match=said):
        deploy(changed, Parameters=ENDPOINT)
