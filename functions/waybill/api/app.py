"""The HTTP API's Lambda handler: API Gateway's payload 2.0 in, JSON or problem details out."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from threading import Lock
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from waybill.api import file_routes, problems, run_routes
from waybill.api.services import Services, current
from waybill.errors import ConfigurationError, WaybillError
from waybill.settings import ApiEnvironment
from waybill.telemetry import logger

app = APIGatewayHttpResolver(enable_validation=True)
app.include_router(run_routes.router)
app.include_router(file_routes.router)

# Powertools keeps the request in class attributes. In Lambda requests come one by one; locally this makes them.
_one_at_a_time = Lock()


def _refused(error: RequestValidationError) -> Response[str]:
    return problems.of_request(error)


def _known(error: WaybillError) -> Response[str]:
    logger.warning("request failed", extra={"error": type(error).__name__, "reason": str(error)})
    return problems.of_error(error)


def _unknown(error: Exception) -> Response[str]:
    # The reply says nothing of what broke: the log does, under the request's id.
    logger.exception("request broke", extra={"error": type(error).__name__})
    return problems.problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, detail="Something broke; the log of the Api function says what.", name="InternalError"
    )


def _no_route(_error: NotFoundError) -> Response[str]:
    return problems.problem(HTTPStatus.NOT_FOUND, detail="There is no such route, or not with this method.", name="NotFound")


app.exception_handler(RequestValidationError)(_refused)
app.exception_handler(WaybillError)(_known)
app.exception_handler(Exception)(_unknown)
app.not_found(_no_route)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One request."""
    return respond(event, context, build=Services)


def respond(event: dict[str, Any], context: Any, *, build: Callable[..., Services]) -> dict[str, Any]:
    """The reply to an event; `build` makes what the routes work with."""
    try:
        environment = ApiEnvironment.from_env()
    except ConfigurationError as error:
        logger.error("the function is not configured", extra={"reason": str(error)})
        reply = problems.of_error(error)
        return {"statusCode": reply.status_code, "headers": {"Content-Type": problems.CONTENT_TYPE}, "body": reply.body}
    with _one_at_a_time:
        token = current.set(build(environment=environment, requested_by=caller(event)))
        try:
            return app.resolve(event, context)
        finally:
            current.reset(token)


def caller(event: Mapping[str, Any]) -> str:
    """Who asks: the IAM identity that signed the request; locally the name that the command sends along, if any."""
    authorizer = event.get("requestContext", {}).get("authorizer") or {}
    return str((authorizer.get("iam") or {}).get("userArn") or "local")
