"""The WebSocket API: who has a one-time ticket comes in and is told what happens."""

from aws_cdk import Fn, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_apigatewayv2_authorizers import WebSocketLambdaAuthorizer
from aws_cdk.aws_apigatewayv2_integrations import WebSocketLambdaIntegration
from constructs import Construct

from infra.nag import acknowledge

# The stage of the API, and so a part of its address.
STAGE = "live"
TICKET = "route.request.querystring.ticket"


class LiveApi(Construct):
    """The API by itself: the functions are told its address. `connect` gives it its routes."""

    def __init__(self, scope: Construct, *, stage_name: str) -> None:
        super().__init__(scope, "LiveApi")
        self.api = apigateway.WebSocketApi(
            self,
            "Api",
            api_name=f"waybill-{stage_name}-live",
            description=f"Waybill {stage_name}: what happens, as it happens",
            # Whatever is said goes to $default: listeners have nothing to say.
            route_selection_expression="$request.body.action",
        )
        host = f"{self.api.api_id}.execute-api.{Stack.of(self).region}.{Stack.of(self).url_suffix}"
        self.url = Fn.join("", ["wss://", host, "/", STAGE])
        self.connections_url = Fn.join("", ["https://", host, "/", STAGE])

    def connect(self, *, door: lambda_.IFunction, connections: lambda_.IFunction) -> None:
        """`door` decides who comes in, `connections` notes who is there."""
        integration = WebSocketLambdaIntegration("Connections", connections)
        self.api.add_route(
            "$connect",
            integration=integration,
            authorizer=WebSocketLambdaAuthorizer("Tickets", door, identity_source=[TICKET]),
        )
        for key in ("$disconnect", "$default"):
            route = self.api.add_route(key, integration=integration)
            acknowledge(
                route,
                finding="AwsSolutions-APIG4",
                reason="API Gateway authorises a connection once, at $connect: no other route can have an authorizer.",
            )
        stage = apigateway.WebSocketStage(
            self,
            "Stage",
            web_socket_api=self.api,
            stage_name=STAGE,
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=20, burst_limit=40),
        )
        acknowledge(
            stage,
            finding="AwsSolutions-APIG1",
            reason="Access logs of a WebSocket API need a role in the settings of the whole account; the functions log who comes and goes.",
        )
