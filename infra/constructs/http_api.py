"""The HTTP API: one function, behind a route for users of the pool and one for whoever wants to become one."""

import json
from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigatewayv2_authorizers import HttpUserPoolAuthorizer
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from infra.nag import acknowledge
from infra.stage import ApiRates, Rate

# No ANY: it would have OPTIONS as well, and a browser's question before a request has no token.
METHODS = (
    apigateway.HttpMethod.GET,
    apigateway.HttpMethod.POST,
    apigateway.HttpMethod.PUT,
    apigateway.HttpMethod.DELETE,
)
ASKED, TOLD = ("authorization", "content-type", "idempotency-key"), ("location", "waybill-next-offset")

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
    """`/api/{proxy+}` by each method; the function's own router and table of roles know the rest.

    `origins`: from where pages may read its replies; none where the console comes from the API's own.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        function: lambda_.IFunction,
        pool: cognito.IUserPool,
        client: cognito.IUserPoolClient,
        access_log: logs.ILogGroup,
        stage_name: str,
        origins: Sequence[str],
        rates: ApiRates,
    ) -> None:
        super().__init__(scope, "HttpApi")
        self.api = apigateway.HttpApi(
            self,
            "Api",
            api_name=f"waybill-{stage_name}",
            description=f"Waybill {stage_name}: runs, status, accounts",
            create_default_stage=False,
            cors_preflight=_cors(origins) if origins else None,
        )
        integration = HttpLambdaIntegration("Api", function)
        routes = self.api.add_routes(
            path="/api/{proxy+}",
            methods=list(METHODS),
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
            throttle=apigateway.ThrottleSettings(rate_limit=rates.reads.steady, burst_limit=rates.reads.burst),
        )
        stage = self.stage.node.default_child
        assert isinstance(stage, apigateway.CfnStage)
        stage.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=access_log.log_group_arn, format=json.dumps({name: f"$context.{name}" for name in LOGGED})
        )
        stage.route_settings = {
            **{f"{method.value} /api/{{proxy+}}": _throttled(rates.writes) for method in METHODS[1:]},
            "GET /api/sign-in": _throttled(rates.sign_in),
        }
        # A stage with settings for a route that is not there yet is refused.
        self.stage.node.add_dependency(*routes, *sign_in)


def _cors(origins: Sequence[str]) -> apigateway.CorsPreflightOptions:
    return apigateway.CorsPreflightOptions(
        allow_origins=list(origins),
        allow_methods=[apigateway.CorsHttpMethod(method.value) for method in METHODS],
        allow_headers=list(ASKED),
        expose_headers=list(TOLD),
        max_age=Duration.minutes(10),
    )


def _throttled(rate: Rate) -> dict[str, int]:
    return {"ThrottlingRateLimit": rate.steady, "ThrottlingBurstLimit": rate.burst}
