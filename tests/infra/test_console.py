"""The console's home: private, behind CloudFront, under a policy that allows no code of others."""

import pytest

from .conftest import Assembly


@pytest.fixture
def deployed(assemblies: dict[str, Assembly]) -> Assembly:
    return assemblies["dev"]


def test_the_bucket_is_read_by_this_distribution_alone(deployed: Assembly) -> None:
    policies = deployed.stateful.of_type("AWS::S3::BucketPolicy").values()
    reading = [
        statement
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "s3:GetObject" and "cloudfront" in str(statement["Principal"])
    ]
    assert len(reading) == 1
    assert "distribution/" in str(reading[0]["Condition"]["StringEquals"]["AWS:SourceArn"])


def test_pages_are_served_under_the_policy_of_the_repository(deployed: Assembly) -> None:
    (headers,) = deployed.stateful.of_type("AWS::CloudFront::ResponseHeadersPolicy").values()
    security = headers["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    policy = deployed.stateful.resolve(security["ContentSecurityPolicy"]["ContentSecurityPolicy"])
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    assert "wss://*.execute-api.us-east-1.amazonaws.com" in policy
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31_536_000
    assert security["FrameOptions"]["FrameOption"] == "DENY"


def test_whoever_the_pool_has_logged_in_comes_back_to_the_console(deployed: Assembly) -> None:
    (client,) = deployed.stateful.of_type("AWS::Cognito::UserPoolClient").values()
    back = [deployed.stateful.resolve(url) for url in client["CallbackURLs"]]
    assert [url for url in back if "Distribution" in url and url.startswith("https://") and url.endswith("/")]


def test_the_api_and_the_uploads_let_the_consoles_pages_in_and_no_others(deployed: Assembly) -> None:
    (api,) = (each for each in deployed.stateless.of_type("AWS::ApiGatewayV2::Api").values() if each["ProtocolType"] == "HTTP")
    assert len(api["CorsConfiguration"]["AllowOrigins"]) == 1
    rules = [
        bucket["CorsConfiguration"]["CorsRules"]
        for bucket in deployed.stateful.of_type("AWS::S3::Bucket").values()
        if "CorsConfiguration" in bucket
    ]
    assert len(rules) == 1
    (rule,) = rules[0]
    assert rule["AllowedMethods"] == ["PUT"]
    assert len(rule["AllowedOrigins"]) == 1


def test_the_local_stack_serves_the_console_itself(assemblies: dict[str, Assembly]) -> None:
    assert not assemblies["local"].stateful.of_type("AWS::CloudFront::Distribution")
