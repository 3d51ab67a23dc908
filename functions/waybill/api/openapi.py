"""The API's OpenAPI 3.1 document: what the resolver knows of each route, with its role, its errors and how to page and repeat.

`make openapi` writes it to docs/openapi.json. It is no part of a request: nothing that answers one imports this module.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from waybill.api.app import app
from waybill.api.problems import CONTENT_TYPE
from waybill.api.roles import PUBLIC, ROUTES

VERSION = "0.1.0"
DESCRIPTION = """Moves the files and records of a Salesforce org, and tells of every one where it came from and where it went.

Errors are problem details (RFC 9457); `class` is for programs, `hint` for people. What API Gateway itself refuses, a token or a
rate, it answers in its own words, `{"message": "..."}`. Lists are paged: ask again with `cursor` = `next` until that is null; a page
may be short, or empty, and not be the last. `x-role` is the least role that may call."""
SCHEMAS, RESPONSES = "#/components/schemas/", "#/components/responses/"
_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An access token of the stage's user pool. /api/sign-in says where to get one; locally it stands in local.json.",
}
_PROBLEM = {
    "type": "object",
    "description": "What went wrong: problem details of RFC 9457. `class`: for programs; `hint`: what to do.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "class": {"type": "string"},
        "hint": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail", "class"],
}
# Status -> what it means here. Which of them a route may answer is said by `_statuses`.
_MEANS = {
    HTTPStatus.BAD_REQUEST: "The request is none that can be read",
    HTTPStatus.UNAUTHORIZED: "There is no valid access token",
    HTTPStatus.FORBIDDEN: "The user's role may not do this",
    HTTPStatus.NOT_FOUND: "There is no such thing",
    HTTPStatus.CONFLICT: "It does not go together with what is",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is no JSON",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request cannot be used; or the stage's configuration, a bucket or the org's permissions cannot",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests, or the org's API limit is used up",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A fault of Waybill",
    HTTPStatus.BAD_GATEWAY: "Salesforce answered with something that nobody expected",
    HTTPStatus.SERVICE_UNAVAILABLE: "AWS or Salesforce is busy or down: try again",
}
_ALWAYS = (
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
# Models whose own names say too little where nobody sees their module.
_NAMES = {"Record": "AuditRecord", "Head": "AuditHead"}
_ANGLES = str.maketrans("{}", "<>")
_OF_POWERTOOLS = ("HTTPValidationError", "ValidationError", "ResponseValidationError")

Json = Any


def document() -> dict[str, Json]:
    """The same routes give the same document, in the same order."""
    schema = app.get_openapi_schema(title="Waybill", version=VERSION, description=DESCRIPTION)
    found = json.loads(schema.model_dump_json(by_alias=True, exclude_none=True))
    schemas = {_name(name): each for name, each in found["components"]["schemas"].items() if name not in _OF_POWERTOOLS}
    paths = {path: _operations(path, item) for path, item in sorted(found["paths"].items())}
    _complete(schemas, paths)
    schemas["Problem"] = _PROBLEM
    return {
        "openapi": "3.1.0",
        "info": found["info"],
        "servers": [{"url": "/", "description": "The API of a stage; `waybill up` serves it on this machine"}],
        "security": [{"token": []}],
        "paths": _tidy(paths),
        "components": {
            "schemas": dict(sorted(_tidy(schemas).items())),
            "responses": {_reply(status): _problem(status) for status in _MEANS},
            "securitySchemes": {"token": _SCHEME},
        },
    }


def text() -> str:
    """As it stands in the repository."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def _operations(path: str, item: Mapping[str, Json]) -> dict[str, Json]:
    return {method: _operation(method.upper(), path, item[method]) for method in sorted(item) if method != "parameters"}


def _operation(method: str, path: str, given: Json) -> Json:
    route = f"{method} {path.translate(_ANGLES)}"
    function = _functions()[route]
    module = function.__module__.rpartition(".")[2].removesuffix("_routes")
    operation: dict[str, Json] = {
        "operationId": f"{module}_{function.__name__}",
        "tags": [module],
        "summary": given["summary"],
        **({"description": function.__doc__} if function.__doc__ else {}),
        **({"security": []} if route in PUBLIC else {"x-role": str(ROUTES[route])}),
    }
    parameters = [_parameter(each) for each in given.get("parameters", ())]
    if parameters:
        operation["parameters"] = parameters
    if "requestBody" in given:
        operation["requestBody"] = given["requestBody"]
    good = {status: _good(status, reply) for status, reply in given["responses"].items() if int(status) < HTTPStatus.BAD_REQUEST}
    bad = {str(status.value): {"$ref": RESPONSES + _reply(status)} for status in _statuses(method, route, operation)}
    operation["responses"] = dict(sorted({**bad, **good}.items()))
    return operation


def _functions() -> dict[str, Callable[..., object]]:
    """Route -> the function that answers it. The resolver has no way to be asked for its routes."""
    routes = [*app._static_routes, *app._dynamic_routes]  # noqa: SLF001
    return {f"{route.method} {route.path}": route.func for route in routes}


def _statuses(method: str, route: str, operation: Mapping[str, Json]) -> Iterator[HTTPStatus]:
    """The errors that a route may answer with."""
    yield from _ALWAYS
    if route not in PUBLIC:
        yield from (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    if "parameters" in operation or "requestBody" in operation:
        yield HTTPStatus.NOT_FOUND
    if method != "GET":
        yield from (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)
        yield from (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def _parameter(given: Json) -> Json:
    """A header by its usual name; what need not be given may not be null either."""
    schema = given["schema"]
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        schema = {**choices[0], **{name: value for name, value in schema.items() if name != "anyOf"}}
    name = given["name"].title() if given["in"] == "header" else given["name"]
    more = {"description": given["description"]} if "description" in given else {}
    schema = {key: value for key, value in schema.items() if key != "description"}
    return {"name": name, "in": given["in"], "required": given["required"], **more, "schema": schema}


def _good(status: str, reply: Json) -> Json:
    phrase = HTTPStatus(int(status)).phrase
    usual = {"Location": {"description": "Where it is shown", "schema": {"type": "string"}}} if status in {"201", "202"} else {}
    headers = {**usual, **reply.get("headers", {})}
    told = phrase if reply["description"] == "Successful Response" else reply["description"]
    return {"description": told, **({"headers": headers} if headers else {}), "content": reply["content"]}


def _reply(status: HTTPStatus) -> str:
    return re.sub(r"\W", "", status.phrase)


def _problem(status: HTTPStatus) -> Json:
    return {"description": _MEANS[status], "content": {CONTENT_TYPE: {"schema": {"$ref": f"{SCHEMAS}Problem"}}}}


def _name(name: str) -> str:
    """`Page_RunView_` is a RunViewPage."""
    page = re.fullmatch(r"Page_(\w+)_", name)
    return f"{_name(page[1])}Page" if page else _NAMES.get(name, name)


def _complete(schemas: Mapping[str, Json], paths: Json) -> None:
    """In a reply every field stands, also one that has a default; but for those that only some have, which say so by `x-only`.

    Defaults are for who sends: a reply has none.
    """
    sent = set(
        _reached(schemas, (each["requestBody"] for item in paths.values() for each in item.values() if "requestBody" in each))
    )
    for name, schema in schemas.items():
        if name not in sent and "properties" in schema:
            schema["required"] = [field for field, about in schema["properties"].items() if "x-only" not in about]
            for about in schema["properties"].values():
                about.pop("default", None)


def _reached(schemas: Mapping[str, Json], roots: Iterator[Json]) -> Iterator[str]:
    """The names of the schemas that something refers to, directly or not."""
    seen: set[str] = set()
    todo = list(roots)
    while todo:
        for found in re.findall(rf'"{SCHEMAS}(\w+)"', json.dumps(todo.pop())):
            name = _name(found)
            if name not in seen:
                seen.add(name)
                todo.append(schemas[name])
                yield name


def _tidy(value: Json, *, names: bool = False) -> Json:
    """Without pydantic's titles, which repeat names; whole numbers whole. `names`: the keys are names, and none of the schema's words."""
    match value:
        case dict():
            kept = {key: each for key, each in value.items() if names or not (key == "title" and isinstance(each, str))}
            return {key: _tidy(each, names=not names and key == "properties") for key, each in kept.items()}
        case list():
            return [_tidy(each) for each in value]
        case float() if value.is_integer():
            return int(value)
        case str() if value.startswith(SCHEMAS):
            return SCHEMAS + _name(value.removeprefix(SCHEMAS))
    return value


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
