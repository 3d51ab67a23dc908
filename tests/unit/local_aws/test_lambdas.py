"""The invoker: each invocation its own environment, errors as Lambda names them."""

import importlib.util
import json
import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.aws.endpoint import Endpoint
from local.aws.lambdas import FunctionSpec, LambdaInvoker, LambdaLogs
from local.stepfunctions.errors import LambdaFailure, StateError
from waybill import telemetry
from waybill.settings import environ

MODULE = "local_aws_handlers"


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """The handlers as a module that a function's handler string can name."""
    spec = importlib.util.spec_from_file_location(MODULE, Path(__file__).with_name("handlers.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    spec.loader.exec_module(module)
    yield
    del sys.modules[MODULE]


def function(name: str, handler: str, *, timeout: int = 60, **environment: str) -> FunctionSpec:
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    return FunctionSpec(name, arn, handler=handler, environment=environment, timeout=timeout, memory=512)


def invoker(*functions: FunctionSpec) -> LambdaInvoker:
    return LambdaInvoker({spec.name: spec for spec in functions})


def test_a_function_is_found_by_name_arn_and_qualified_arn() -> None:
    echo = function("echo", f"{MODULE}.echo")
    call = invoker(echo)

    replies = [call(name, {"n": 1}) for name in ("echo", echo.arn, f"{echo.arn}:$LATEST")]

    assert replies == [{"event": {"n": 1}, "name": "echo", "memory": 512}] * 3


def test_two_functions_at_once_see_their_own_environment_each() -> None:
    call = invoker(*(function(who, f"{MODULE}.own_environment", WHO=who) for who in ("one", "two")))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda who: call(who, {}), ("one", "two"))) == ["one", "two"]
    assert "WHO" not in environ.get()


def test_an_exception_is_reported_under_its_exact_class_name() -> None:
    with pytest.raises(LambdaFailure) as caught:
        invoker(function("f", f"{MODULE}.unavailable"))("f", {})

    cause = json.loads(caught.value.cause or "")
    assert (caught.value.error, cause["errorMessage"]) == ("SalesforceUnavailable", "come back later")
    assert "unavailable" in cause["stackTrace"][-1]


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        ("no_such_module_anywhere.handler", "Runtime.ImportModuleError"),
        (f"{MODULE}.no_such_handler", "AttributeError"),
        (f"{MODULE}.not_json", "Runtime.MarshalError"),
    ],
)
def test_a_handler_that_cannot_run_fails_by_name(handler: str, error: str) -> None:
    with pytest.raises(LambdaFailure) as caught:
        invoker(function("f", handler))("f", {})

    assert caught.value.error == error


def test_an_unknown_function_is_the_services_error() -> None:
    with pytest.raises(StateError, match=r"Lambda\.ResourceNotFoundException"):
        invoker()("nobody", {})


def test_the_time_that_remains_starts_at_the_functions_time_limit() -> None:
    left = invoker(function("f", f"{MODULE}.remaining", timeout=900))("f", {})

    assert 890_000 < left <= 900_000


def test_a_stopping_stack_starts_nothing_new() -> None:
    call = invoker(function("f", f"{MODULE}.echo"))

    assert call.close(0)
    with pytest.raises(StateError, match="stopping"):
        call("f", {})


def test_lambdas_own_api_invokes_the_same_handlers(aws: Endpoint) -> None:
    call = invoker(function("echo", f"{MODULE}.echo"), function("down", f"{MODULE}.unavailable"))
    aws.dispatcher.hooks["awslambda"].append(call.hook)
    client = boto3.client("lambda", endpoint_url=aws.url)

    good = client.invoke(FunctionName="arn:aws:lambda:us-east-1:123456789012:function:echo", Payload=b'{"a": 1}')
    bad = client.invoke(FunctionName="down", Payload=b"{}")

    assert json.load(good["Payload"])["event"] == {"a": 1}
    assert (bad["FunctionError"], json.load(bad["Payload"])["errorType"]) == ("Unhandled", "SalesforceUnavailable")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nobody", Payload=b"{}")


def test_logs_and_metrics_go_to_files_and_not_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = [handler.stream for handler in _streams(telemetry.logger.handlers)]
    logs = LambdaLogs(tmp_path)
    logs.start()
    telemetry.logger.warning("a line for the log")
    telemetry.emit({"FilesCopied": 3}, kind="backup", stage="local")
    logs.stop()

    assert "a line for the log" in (tmp_path / "lambda.log").read_text()
    assert json.loads((tmp_path / "metrics.log").read_text())["FilesCopied"] == [3.0]
    assert capfd.readouterr() == ("", "")
    assert [handler.stream for handler in _streams(telemetry.logger.handlers)] == before


def _streams(handlers: list[logging.Handler]) -> list[logging.StreamHandler[Any]]:
    return [handler for handler in handlers if isinstance(handler, logging.StreamHandler)]
