"""API Gateway's APIs out of a synthesised template: routes, the functions behind them, and who is let in."""

import re

from local.aws.http_api import ApiRoute
from local.aws.intrinsics import Json, Resource, TemplateError
from local.aws.live_api import RequestAuthorizer, SocketRoutes
from local.aws.names import name_of
from local.aws.pool import JwtAuthorizer

_INVOCATIONS = re.compile(r"/functions/(arn:aws:lambda:[^/]+)/invocations$")
_QUERY = re.compile(r"route\.request\.querystring\.([A-Za-z0-9_]+)")
SOCKET_KEYS = ("$connect", "$disconnect", "$default")


def protocol_of(resource: Resource) -> str:
    """`HTTP` or `WEBSOCKET`, of an API or of what belongs to one. Raises TemplateError."""
    api = (
        resource if resource.type == "AWS::ApiGatewayV2::Api" else _of(resource, "AWS::ApiGatewayV2::Api", resource.get("ApiId"))
    )
    protocol = str(api.get("ProtocolType"))
    if protocol not in {"HTTP", "WEBSOCKET"}:
        raise TemplateError(f"{api.where}: the protocol {protocol} is not known locally")
    return protocol


def http_route(route: Resource) -> ApiRoute:
    """A route of an HTTP API."""
    integration = _integration(route)
    if integration.get("IntegrationType") != "AWS_PROXY" or integration.get("PayloadFormatVersion") != "2.0":
        raise TemplateError(f"{integration.where}: only AWS_PROXY with payload format 2.0 is known locally")
    return ApiRoute.of(route.get("RouteKey"), function=_function(integration.get("IntegrationUri")), authorizer=_jwt(route))


def socket_routes(api: Resource) -> SocketRoutes:
    """The routes of a WebSocket API, all of them."""
    if api.get("RouteSelectionExpression") != "$request.body.action":
        raise TemplateError(f"{api.where}: only the route selection expression $request.body.action is known locally")
    functions: dict[str, str] = {}
    authorizer = None
    for route in api.stack.resources():
        if route.type != "AWS::ApiGatewayV2::Route" or route.get("ApiId") != name_of(api):
            continue
        key, integration = str(route.get("RouteKey")), _integration(route)
        if key not in SOCKET_KEYS:
            raise TemplateError(f"{route.where}: only the routes {', '.join(SOCKET_KEYS)} are known locally, not {key}")
        if integration.get("IntegrationType") != "AWS_PROXY":
            raise TemplateError(f"{integration.where}: only AWS_PROXY is known locally")
        functions[key] = _function(integration.get("IntegrationUri"))
        if route.get("AuthorizationType") != "NONE":
            authorizer = _request_authorizer(route, key)
    return SocketRoutes(name_of(api), functions, authorizer)


def _request_authorizer(route: Resource, key: str) -> RequestAuthorizer:
    kind, wanted = route.get("AuthorizationType"), route.get("AuthorizerId")
    if key != "$connect" or kind != "CUSTOM":
        raise TemplateError(f"{route.where}: only $connect may have an authorizer, of type CUSTOM, not {key} {kind}")
    found = _of(route, "AWS::ApiGatewayV2::Authorizer", wanted)
    named = [_QUERY.fullmatch(str(source)) for source in found.get("IdentitySource", [])]
    if found.get("AuthorizerType") != "REQUEST" or not named or not all(named):
        raise TemplateError(f"{found.where}: only REQUEST authorizers on parameters of the query are known locally")
    return RequestAuthorizer(_function(found.get("AuthorizerUri")), tuple(each.group(1) for each in named if each))


def _jwt(route: Resource) -> JwtAuthorizer | None:
    """What a route asks of a token; None where it is open to anybody, which it must say."""
    kind, wanted = route.get("AuthorizationType"), route.get("AuthorizerId")
    if kind == "NONE":
        return None
    found = _find(route, "AWS::ApiGatewayV2::Authorizer", wanted)
    if kind != "JWT" or found is None or found.get("IdentitySource") != ["$request.header.Authorization"]:
        raise TemplateError(
            f"{route.where}: only NONE and a JWT authorizer on the Authorization header are known locally, not {kind}"
        )
    settings = found.get("JwtConfiguration")
    return JwtAuthorizer(settings["Issuer"], tuple(settings["Audience"]))


def _integration(route: Resource) -> Resource:
    target = str(route.get("Target"))
    found = _find(route, "AWS::ApiGatewayV2::Integration", target.removeprefix("integrations/"))
    if found is None or not target.startswith("integrations/"):
        raise TemplateError(f"{route.where}: its target {target} is no integration of this template")
    return found


def _function(uri: Json) -> str:
    wrapped = _INVOCATIONS.search(str(uri))
    return wrapped.group(1) if wrapped else str(uri)


def _of(resource: Resource, kind: str, name: Json) -> Resource:
    found = _find(resource, kind, name)
    if found is None:
        raise TemplateError(f"{resource.where}: {name} is no {kind} of this template")
    return found


def _find(resource: Resource, kind: str, name: Json) -> Resource | None:
    """Another resource of the same stack, by its name."""
    return next((other for other in resource.stack.resources() if other.type == kind and name_of(other) == name), None)
