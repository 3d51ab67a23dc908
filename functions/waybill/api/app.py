"""The HTTP API's Lambda handler: API Gateway's payload 2.0 in, JSON or problem details out."""

import base64
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from threading import Lock
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from waybill.api import (
    audit_routes,
    data_routes,
    file_routes,
    link_routes,
    live_routes,
    mapping_routes,
    migration_routes,
    org_routes,
    overview_routes,
    problems,
    rebuild_routes,
    roles,
    run_routes,
    user_routes,
    workbook_routes,
)
from waybill.api.identity import Caller, caller_of
from waybill.api.roles import Forbidden
from waybill.api.services import Services, current
from waybill.errors import ConfigurationError, NotFound, WaybillError
from waybill.settings import ApiEnvironment
from waybill.telemetry import logger

# A reply that is not what its route says is a fault of ours, and no request that cannot be used.
app = APIGatewayHttpResolver(enable_validation=True, response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR)
app.include_router(run_routes.router)
app.include_router(file_routes.router)
app.include_router(data_routes.router)
app.include_router(mapping_routes.router)
app.include_router(org_routes.router)
app.include_router(migration_routes.router)
app.include_router(workbook_routes.router)
app.include_router(link_routes.router)
app.include_router(rebuild_routes.router)
app.include_router(user_routes.router)
app.include_router(audit_routes.router)
app.include_router(overview_routes.router)
app.include_router(live_routes.router)

NO_ROUTE = "There is no such route."
NOBODY = Caller(subject="", name="nobody", role=None)

# On every reply. Nothing of it is a page, is kept by anybody on its way, or says to others where one came from.
GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000",
}
MAX_BODY = 1024 * 1024  # characters: 5,000 accounts, the longest list that a request may hold, are a tenth of it

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
    return problems.problem(HTTPStatus.NOT_FOUND, detail=NO_ROUTE, name="NotFound")


app.exception_handler(RequestValidationError)(_refused)
app.exception_handler(WaybillError)(_known)
app.exception_handler(Exception)(_unknown)
app.not_found(_no_route)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One request."""
    return respond(event, context, build=Services)


def respond(event: dict[str, Any], context: Any, *, build: Callable[..., Services]) -> dict[str, Any]:
    """The reply to an event; `build` makes what the routes work with."""
    reply = _respond(event, context, build)
    return reply | {"headers": {**reply.get("headers", {}), **GUARDS}}


def _respond(event: dict[str, Any], context: Any, build: Callable[..., Services]) -> dict[str, Any]:
    try:
        environment = ApiEnvironment.from_env()
    except ConfigurationError as error:
        logger.error("the function is not configured", extra={"reason": str(error)})
        return _plain(problems.of_error(error))
    try:
        caller = NOBODY if " ".join(roles.asked(event)) in roles.PUBLIC else caller_of(event)
        with _one_at_a_time:
            services = build(environment=environment, caller=caller)
            token = current.set(services)
            try:
                return _answer(event, context, services)
            finally:
                current.reset(token)
    except WaybillError as error:
        return _plain(_known(error))
    except Exception as error:  # noqa: BLE001 - what the router does not see: the audit, who asks
        return _plain(_unknown(error))


def _answer(event: dict[str, Any], context: Any, services: Services) -> dict[str, Any]:
    """Raises NotFound, MethodNotAllowed, Forbidden, ServiceUnavailable before anything is done."""
    if services.caller is not NOBODY:
        method, path = roles.asked(event)
        least = roles.needed(method, path)
        if least is None:
            others = roles.methods_of(path)
            raise problems.MethodNotAllowed(method, others) if others else NotFound(NO_ROUTE)
        try:
            services.caller.require(least)
        except Forbidden as error:
            services.auditor.refused(event, why=str(error))
            raise
    unreadable = _unreadable(event)
    if unreadable is not None:
        return _plain(unreadable)
    # Its type has been looked at: Powertools knows one spelling of it, and fails at any other.
    asked = {**event, "headers": {**_headers(event), "content-type": "application/json"}}
    return services.auditor.carry_out(event, lambda: app.resolve(asked, context))


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def _plain(reply: Response[str]) -> dict[str, Any]:
    """A reply past the router."""
    return {
        "statusCode": reply.status_code,
        "headers": {**reply.headers, "Content-Type": problems.CONTENT_TYPE},
        "body": reply.body,
    }


def _unreadable(event: Mapping[str, Any]) -> Response[str] | None:
    """The refusal of a body that is too large, or no JSON that can be read: Powertools would take the latter for a fault of ours."""
    body = event.get("body") or ""
    kind = _headers(event).get("content-type", "")
    if body and kind.partition(";")[0].strip().lower() not in {"", "application/json"}:
        detail = "A body is JSON here: send it as Content-Type: application/json."
        return problems.problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail=detail, name="InvalidInput")
    if len(body) > MAX_BODY:
        detail = f"The body has more than {MAX_BODY:,} characters."
        return problems.problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail=detail, name="InvalidInput")
    try:
        json.loads(base64.b64decode(body) if event.get("isBase64Encoded") else body or "null")
    except (ValueError, RecursionError):
        return problems.problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, detail="The body is no JSON that can be read.", name="InvalidInput"
        )
    return None
