"""The HTTP API: one function, behind a route for users of the pool and one for whoever wants to become one."""

import json

from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigatewayv2_authorizers import HttpUserPoolAuthorizer
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from infra.nag import acknowledge

# Who asked for what, and how it went. No query string: it may hold a cursor with an account's name.
LOGGED = (
    "requestId",
    "requestTime",
    "httpMethod",
    "path",
    "status",
    "authorizer.claims.username",
    "identity.sourceIp",
    "responseLatency",
)


class RunsApi(Construct):
    """`ANY /api/{proxy+}`; the function's own router and table of roles know the rest."""

    def __init__(
        self,
        scope: Construct,
        *,
        function: lambda_.IFunction,
        pool: cognito.IUserPool,
        client: cognito.IUserPoolClient,
        access_log: logs.ILogGroup,
        stage_name: str,
    ) -> None:
        super().__init__(scope, "HttpApi")
        self.api = apigateway.HttpApi(
            self,
            "Api",
            api_name=f"waybill-{stage_name}",
            description=f"Waybill {stage_name}: runs, status, accounts",
            create_default_stage=False,
        )
        integration = HttpLambdaIntegration("Api", function)
        self.api.add_routes(
            path="/api/{proxy+}",
            methods=[apigateway.HttpMethod.ANY],
            integration=integration,
            authorizer=HttpUserPoolAuthorizer("Users", pool, user_pool_clients=[client]),
        )
        sign_in = self.api.add_routes(
            path="/api/sign-in",
            methods=[apigateway.HttpMethod.GET],
            integration=integration,
            authorizer=apigateway.HttpNoneAuthorizer(),
        )
        acknowledge(
            sign_in[0],
            finding="AwsSolutions-APIG4",
            reason="It says where to log in, and nothing else: who asks has no token yet.",
        )
        self.stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=50, burst_limit=100),
        )
        stage = self.stage.node.default_child
        assert isinstance(stage, apigateway.CfnStage)
        stage.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=access_log.log_group_arn, format=json.dumps({name: f"$context.{name}" for name in LOGGED})
        )
