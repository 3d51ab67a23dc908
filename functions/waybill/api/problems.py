"""The one map from an exception's class to an HTTP status, and the shape of an error: problem details of RFC 9457."""

import json
from collections.abc import Sequence
from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from waybill.api.roles import Forbidden, Unauthenticated
from waybill.errors import (
    BucketUnavailable,
    ConfigurationError,
    InvalidInput,
    NotFound,
    SalesforceDenied,
    SalesforceError,
    SalesforceLoginFailed,
    SalesforceQuotaExhausted,
    SalesforceUnavailable,
    ServiceUnavailable,
    WaybillError,
)

CONTENT_TYPE = "application/problem+json"


class Conflict(WaybillError):
    """What is asked does not go together with what is: the run is over, the key was used for something else."""


class MethodNotAllowed(WaybillError):
    """There is such a path, and it takes other methods."""

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{method} is not possible here: this path takes {', '.join(allowed)}.")
        self.allowed = tuple(allowed)


_STATUS: dict[type[WaybillError], HTTPStatus] = {
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    ConfigurationError: HTTPStatus.UNPROCESSABLE_ENTITY,
    BucketUnavailable: HTTPStatus.UNPROCESSABLE_ENTITY,
    SalesforceLoginFailed: HTTPStatus.UNPROCESSABLE_ENTITY,
    SalesforceDenied: HTTPStatus.UNPROCESSABLE_ENTITY,
    SalesforceQuotaExhausted: HTTPStatus.TOO_MANY_REQUESTS,
    SalesforceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    ServiceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    SalesforceError: HTTPStatus.BAD_GATEWAY,
}
_HINTS: dict[type[WaybillError], str] = {
    SalesforceLoginFailed: "Check the Salesforce secret of this stage; `waybill check` tries it again.",
    SalesforceDenied: "Give the user the permission set `Waybill`; `waybill check` says what is missing.",
    SalesforceQuotaExhausted: "Wait until the org's API limit frees up, then go on.",
    SalesforceUnavailable: "Try again.",
    ServiceUnavailable: "Try again.",
    ConfigurationError: "Correct the stage's configuration and deploy.",
}


def status_of(error: WaybillError) -> HTTPStatus:
    """The status of the nearest class of the exception's tree that the map knows."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), HTTPStatus.INTERNAL_SERVER_ERROR)


def of_error(error: WaybillError) -> Response[str]:
    hint = next((_HINTS[kind] for kind in type(error).__mro__ if kind in _HINTS), "")
    reply = problem(status_of(error), detail=str(error), name=type(error).__name__, hint=hint)
    if isinstance(error, MethodNotAllowed):
        reply.headers["Allow"] = ", ".join(error.allowed)
    if isinstance(error, Unauthenticated):
        reply.headers["WWW-Authenticate"] = "Bearer"
    return reply


def of_request(error: RequestValidationError) -> Response[str]:
    """What is wrong with a request, field by field, without its values."""
    faults = [(".".join(str(part) for part in fault["loc"]), str(fault["msg"])) for fault in error.errors()]
    detail = "; ".join(f"{place}: {message}" for place, message in faults)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail=f"The request cannot be used. {detail}.", name="InvalidInput")


def problem(status: HTTPStatus, *, detail: str, name: str, hint: str = "") -> Response[str]:
    """`class` and `hint` are extensions: the first for programs, the second for people."""
    body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail, "class": name}
    return Response(status.value, content_type=CONTENT_TYPE, body=json.dumps(body | ({"hint": hint} if hint else {})))
