"""The template loader: resolves what CloudFormation resolves, and refuses by name what it does not know."""

import json
from typing import Any

import boto3
import pytest

from local.aws.endpoint import Endpoint
from local.aws.intrinsics import Json, Resource, TemplateError, Universe
from local.aws.names import attribute_of
from local.aws.pool import JwtAuthorizer
from local.aws.template import Deployment, load

FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "FunctionName": "greet",
        "Runtime": "python3.14",
        "Handler": "greetings.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Timeout": 60,
        "MemorySize": 512,
        "Environment": {"Variables": {"BUCKET": {"Ref": "Files"}, "URL": {"Fn::Sub": "${Endpoint}/${Files}"}}},
    },
}
ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "files"}}
ENDPOINT = {"Endpoint": {"Type": "String", "Default": "http://default"}}


def resolved(value: Json, **template: Json) -> Json:
    """`value` in a stack `one` that has the given sections."""
    universe = Universe(attribute_of)
    universe.add("one", template, {"Given": "by hand"})
    return universe.stacks["one"].resolve(value, where="test")


def deploy(resources: Json, *, other: Json = None, **sections: Json) -> Deployment:
    templates = {"one": {"Resources": resources, **sections}} | ({"two": other} if other else {})
    return load(templates, clients=_client, parameters={"Endpoint": "http://given"}, secret_values=_secret)


def _client(service: str) -> Any:
    return boto3.client(service)  # type: ignore[call-overload]


def _secret(resource: Resource) -> str:
    return json.dumps({"for": resource.logical_id})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Files"}, "files"),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Ref": "Given"}, "by hand"),
        ({"Ref": "Left"}, "default"),
        ({"Fn::GetAtt": ["Files", "Arn"]}, "arn:aws:s3:::files"),
        ({"Fn::GetAtt": "Files.Arn"}, "arn:aws:s3:::files"),
        ({"Fn::Sub": "${AWS::AccountId}/${Files.Arn}/${!kept}/${Left}"}, "123456789012/arn:aws:s3:::files/${kept}/default"),
        ({"Fn::Sub": ["${x}-${Files}", {"x": {"Ref": "Left"}}]}, "default-files"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Files"}, 3]]}, "a-files-3"),
        ({"Fn::Select": ["1", {"Fn::Split": [":", "a:b:c"]}]}, "b"),
        ({"Fn::If": ["Yes", "then", "else"]}, "then"),
        ({"Fn::If": ["No", "then", "else"]}, "else"),
        ({"keep": 1, "drop": {"Ref": "AWS::NoValue"}}, {"keep": 1}),
        ({"list": [1, {"Fn::If": ["No", 2, {"Ref": "AWS::NoValue"}]}]}, {"list": [1]}),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "small"]}, 7),
        ({"Ref": "Files", "other": 1}, {"Ref": "Files", "other": 1}),
    ],
)
def test_intrinsic_functions_resolve_as_in_cloudformation(value: Json, expected: Json) -> None:
    found = resolved(
        value,
        Resources={"Files": BUCKET},
        Parameters={"Given": {"Type": "String"}, "Left": {"Type": "String", "Default": "default"}},
        Mappings={"Sizes": {"us-east-1": {"small": 7}}},
        Conditions={
            "Yes": {"Fn::And": [{"Fn::Equals": [{"Ref": "Left"}, "default"]}, {"Fn::Not": [{"Condition": "No"}]}]},
            "No": {"Fn::Or": [{"Fn::Equals": ["a", "b"]}, {"Fn::Equals": [1, 2]}]},
        },
    )

    assert found == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Ref": "Nowhere"}, "neither a resource nor a parameter Nowhere"),
        ({"Fn::Transform": {}}, "Fn::Transform is not known"),
        ({"Fn::GetAtt": ["Files", "WebsiteURL"]}, "AWS::S3::Bucket Files in one: GetAtt WebsiteURL is not known"),
        ({"Fn::ImportValue": "nobody"}, "no stack exports nobody"),
        ({"Ref": "Bare"}, "parameter Bare of one has no value"),
        ({"Ref": "FromSsm"}, "SSM"),
        ({"Fn::Select": [9, ["a"]]}, "Fn::Select"),
        ("{{resolve:ssm:/x}}", "dynamic references"),
    ],
)
def test_what_cannot_be_resolved_is_an_error_that_names_it(value: Json, message: str) -> None:
    parameters = {"Bare": {"Type": "String"}, "FromSsm": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/x"}}
    with pytest.raises(TemplateError, match=message):
        resolved(value, Resources={"Files": BUCKET}, Parameters=parameters)


def test_a_type_that_is_not_known_is_refused_by_name_before_anything_is_made(aws: Endpoint) -> None:
    with pytest.raises(TemplateError, match="AWS::Neptune::DBCluster Graph in one"):
        deploy({"Files": BUCKET, "Graph": {"Type": "AWS::Neptune::DBCluster"}})

    assert boto3.client("s3").list_buckets()["Buckets"] == []


def test_a_function_is_made_with_the_environment_that_the_template_gives_it(aws: Endpoint) -> None:
    deployment = deploy({"Greet": FUNCTION, "Role": ROLE, "Files": BUCKET}, Parameters=ENDPOINT)

    made = deployment.functions["greet"]
    assert (made.handler, made.timeout, made.memory) == ("greetings.handler", 60, 512)
    assert made.environment == {"BUCKET": "files", "URL": "http://given/files"}
    assert made.arn == "arn:aws:lambda:us-east-1:123456789012:function:greet"
    assert [f["FunctionName"] for f in boto3.client("lambda").list_functions()["Functions"]] == ["greet"]


def test_a_function_that_is_not_in_python_is_refused(aws: Endpoint) -> None:
    node = {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "nodejs22.x", "Role": "arn:aws:iam::1:role/x"}}
    with pytest.raises(TemplateError, match=r"Lambda::Function Node in one.*nodejs22\.x"):
        deploy({"Node": node})


def test_a_resource_whose_condition_does_not_hold_is_not_made(aws: Endpoint) -> None:
    conditions = {"Never": {"Fn::Equals": ["a", "b"]}}

    assert deploy({"Files": {**BUCKET, "Condition": "Never"}}, Conditions=conditions).buckets == []


def test_a_global_table_is_made_with_its_index(aws: Endpoint) -> None:
    table = {
        "Type": "AWS::DynamoDB::GlobalTable",
        "Properties": {
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "s")],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "byS",
                    "KeySchema": [{"AttributeName": "s", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            "Replicas": [{"Region": "us-east-1"}],
        },
    }

    deployment = deploy({"LedgerCD117FA1": table})

    found = boto3.client("dynamodb").describe_table(TableName=deployment.tables[0])["Table"]
    assert (deployment.tables, found["GlobalSecondaryIndexes"][0]["IndexName"]) == (["one-Ledger"], "byS")


def test_a_stack_imports_what_another_exports(aws: Endpoint) -> None:
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "StateMachineName": "m",
            "RoleArn": "arn:aws:iam::123456789012:role/r",
            "DefinitionString": json.dumps(
                {
                    "QueryLanguage": "JSONata",
                    "StartAt": "A",
                    "States": {"A": {"Type": "Pass", "Output": "${Bucket}", "End": True}},
                }
            ),
            "DefinitionSubstitutions": {"Bucket": {"Fn::ImportValue": "one:files"}},
        },
    }
    exported = {"Files": {"Value": {"Ref": "Files"}, "Export": {"Name": "one:files"}}}

    deployment = deploy({"Files": BUCKET}, Outputs=exported, other={"Resources": {"Machine": machine}})

    made = boto3.client("stepfunctions").describe_state_machine(stateMachineArn=deployment.machines["m"])
    assert json.loads(made["definition"])["States"]["A"]["Output"] == "files"
    assert deployment.outputs == {"Files": "files"}


def test_a_placeholder_without_a_substitution_is_an_error(aws: Endpoint) -> None:
    properties = {"DefinitionString": "{${Missing}}", "RoleArn": "arn:aws:iam::123456789012:role/r"}
    with pytest.raises(TemplateError, match=r"StateMachine Machine in one.*\$\{Missing\}"):
        deploy({"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}})


def test_a_secret_has_the_value_that_the_stack_gives_it(aws: Endpoint) -> None:
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": {}}}

    deployment = deploy({"Login": secret}, Outputs={"Arn": {"Value": {"Ref": "Login"}}})

    value = boto3.client("secretsmanager").get_secret_value(SecretId=deployment.outputs["Arn"])["SecretString"]
    assert json.loads(value) == {"for": "Login"}


def api_with(authorization: dict[str, Any]) -> dict[str, Any]:
    """A route, its function, and a pool that issues tokens."""
    issuer = {"Fn::Join": ["", ["https://cognito-idp.us-east-1.amazonaws.com/", {"Ref": "Pool"}]]}
    return {
        "Greet": FUNCTION, "Role": ROLE, "Files": BUCKET,
        "Pool": {"Type": "AWS::Cognito::UserPool", "Properties": {}},
        "Client": {"Type": "AWS::Cognito::UserPoolClient", "Properties": {}},
        "Users": {
            "Type": "AWS::ApiGatewayV2::Authorizer",
            "Properties": {
                "IdentitySource": ["$request.header.Authorization"],
                "JwtConfiguration": {"Audience": [{"Ref": "Client"}], "Issuer": issuer},
            },
        },
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "api", "ProtocolType": "HTTP"}},
        "Call": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": {"Fn::GetAtt": ["Greet", "Arn"]},
                "PayloadFormatVersion": "2.0",
            },
        },
        "Route": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": "Api"}, "RouteKey": "GET /hello", "Target": {"Fn::Join": ["/", ["integrations", {"Ref": "Call"}]]}, **authorization,
            },
        },
    }  # fmt: skip


def test_a_route_leads_to_its_function(aws: Endpoint) -> None:
    deployment = deploy(api_with({"AuthorizationType": "NONE"}), Parameters=ENDPOINT)

    (route,) = deployment.routes
    assert (route.key, route.function, route.authorizer) == ("GET /hello", deployment.functions["greet"].arn, None)


def test_a_route_takes_the_tokens_of_its_authorizer(aws: Endpoint) -> None:
    deployment = deploy(api_with({"AuthorizationType": "JWT", "AuthorizerId": {"Ref": "Users"}}), Parameters=ENDPOINT)

    users = deployment.users
    issuer = f"https://cognito-idp.us-east-1.amazonaws.com/{users.pool_id}"
    assert deployment.routes[0].authorizer == JwtAuthorizer(issuer, (users.client_id,))


@pytest.mark.parametrize(
    "authorization", [{}, {"AuthorizationType": "AWS_IAM"}, {"AuthorizationType": "JWT", "AuthorizerId": "other"}]
)
def test_a_route_whose_callers_cannot_be_checked_here_is_refused(aws: Endpoint, authorization: dict[str, Any]) -> None:
    with pytest.raises(TemplateError, match="Route Route in one: only NONE and a JWT authorizer"):
        deploy(api_with(authorization), Parameters=ENDPOINT)
