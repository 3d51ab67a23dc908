"""The OpenAPI document: it is valid, and tells of every route. That it is the one in docs is looked at with the other documents."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from waybill.api.openapi import VERSION, document
from waybill.api.roles import PUBLIC, ROUTES

ROOT = Path(__file__).parents[3]
BODIES = {"post", "put"}
# Asked for by POST, without a body.
BODILESS = {"org_test", "run_pause", "run_resume", "run_cancel", "run_approve", "file_check", "live_ticket", "link_rotate"}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def route_of(name: str) -> str:
    return name.replace("{", "<").replace("}", ">")


def test_it_is_valid_openapi() -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []


def test_it_has_the_version_of_the_package() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"] == VERSION


def test_every_route_is_told_with_its_role() -> None:
    told = {route_of(name): operation.get("x-role") for name, operation in operations()}
    assert told == {**{route: str(role) for route, role in ROUTES.items()}, **dict.fromkeys(PUBLIC)}


def test_only_public_routes_need_no_token() -> None:
    assert {route_of(name) for name, operation in operations() if operation.get("security") == []} == PUBLIC
    assert document()["security"] == [{"token": []}]


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert len(set(names)) == len(names)


def test_errors_are_problem_details() -> None:
    replies = document()["components"]["responses"]
    for name, operation in operations():
        errors = {status: reply for status, reply in operation["responses"].items() if status >= "4"}
        assert {"422", "500", "503"} <= set(errors), name
        for reply in errors.values():
            content = replies[reply["$ref"].rpartition("/")[2]]["content"]
            assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_bodies_and_replies_are_typed() -> None:
    schemas = document()["components"]["schemas"]
    for name, operation in operations():
        if name.split(" ")[0].lower() in BODIES and operation["operationId"] not in BODILESS:
            assert "requestBody" in operation, name
        good = [reply for status, reply in operation["responses"].items() if status < "4"]
        assert len(good) == 1, name
        if operation["operationId"] != "run_report":
            reference = good[0]["content"]["application/json"]["schema"]["$ref"]
            assert schemas[reference.rpartition("/")[2]]["properties"], name


def test_nothing_in_it_is_an_object_of_whatever() -> None:
    free = [
        name
        for name, schema in document()["components"]["schemas"].items()
        if schema.get("additionalProperties") is True or schema == {}
    ]
    assert free == []


def test_a_list_is_paged_by_a_cursor() -> None:
    for name, operation in operations():
        parameters = {parameter["name"] for parameter in operation.get("parameters", ())}
        # Events have numbers: who asks says the last that he knows.
        assert bool({"cursor", "after"} & parameters) == ("limit" in parameters), name


def test_a_start_takes_an_idempotency_key_and_says_where_its_run_is() -> None:
    start = dict(operations())["POST /api/runs"]
    assert [(each["name"], each["in"]) for each in start["parameters"]] == [("Idempotency-Key", "header")]
    assert set(start["responses"]["202"]["headers"]) == {"Location"}


def test_a_field_of_a_reply_that_always_stands_is_required() -> None:
    run = document()["components"]["schemas"]["RunView"]
    assert set(run["properties"]) - set(run["required"]) == {
        "accounts",
        "files",
        "rows",
        "objects",
        "input",
        "mapping",
        "undoes",
        "org",
        "from_org",
        "load",
        "workbook",
    }
    assert "max_files" not in document()["components"]["schemas"]["BackupRequest"]["required"]
