"""The definitions, as synthesised: placeholders, errors, retries, time limits, and what AWS demands of a Distributed Map."""

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint

from infra.catalogue import FUNCTIONS, FunctionSpec
from infra.constructs.state_machine import PLACEHOLDER
from waybill import errors
from waybill.settings import SalesforceEnvironment

from .conftest import KINDS, Assembly

pytestmark = pytest.mark.parametrize("kind", KINDS)

LAMBDA_INVOKE = "arn:aws:states:::lambda:invoke"
# What Lambda and Step Functions themselves may fail with and recover from (design, section 1).
PLATFORM_RETRIES = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.ClientExecutionTimeoutException",
    # AWS: "Unhandled errors in Lambda are reported as Lambda.Unknown", also those of memory and time. The runtime itself calls
    # a process that is gone Runtime.ExitError. Every step may be run again.
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "States.Timeout",
}
KNOWN = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, errors.WaybillError)}
SPECS = {f"{spec.id}FunctionArn": spec for spec in FUNCTIONS}


def _definition(assembly: Assembly, kind: str) -> dict[str, Any]:
    """The definition as Step Functions sees it: placeholders filled, those of Lambda functions by their own name."""
    machine = assembly.machines()[kind]
    values = {name: name if name in SPECS else value for name, value in machine["DefinitionSubstitutions"].items()}
    found: dict[str, Any] = json.loads(_fill(machine["DefinitionString"], values))
    return found


def _fill(text: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda match: values[match[1]], text)


def _states(machine: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every state at any depth, with its name."""
    for name, state in machine["States"].items():
        yield name, state
        for inner in (*state.get("Branches", []), *filter(None, [state.get("ItemProcessor")])):
            yield from _states(inner)


def _lambda_tasks(assembly: Assembly, kind: str) -> dict[str, dict[str, Any]]:
    found = {name: s for name, s in _states(_definition(assembly, kind)) if s.get("Resource") == LAMBDA_INVOKE}
    assert found
    return found


def _retryable(spec: FunctionSpec) -> set[str]:
    """The errors worth another try that this function can raise: Salesforce's only where it talks to Salesforce."""
    salesforce = issubclass(spec.environment, SalesforceEnvironment)
    return {error.__name__ for error in errors.RETRYABLE if salesforce or not issubclass(error, errors.SalesforceError)}


def test_placeholders_are_the_substitutions_passed(assembly: Assembly, kind: str) -> None:
    machine = assembly.machines()[kind]
    assert set(re.findall(r"\$\{(\w+)\}", machine["DefinitionString"])) == set(machine["DefinitionSubstitutions"])


def test_definitions_are_jsonata_with_a_comment(assemblies: dict[str, Assembly], kind: str) -> None:
    definition = _definition(assemblies["prod"], kind)
    assert definition["QueryLanguage"] == "JSONata"
    assert definition["Comment"]
    for name, state in _states(definition):
        assert not {"InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector"} & set(state), name


def test_every_error_caught_or_retried_is_one_that_is_raised(assemblies: dict[str, Assembly], kind: str) -> None:
    for name, state in _states(_definition(assemblies["prod"], kind)):
        for handler in (*state.get("Retry", []), *state.get("Catch", [])):
            for error in handler["ErrorEquals"]:
                ours = error in KNOWN | PLATFORM_RETRIES
                assert ours or error.startswith(("States.", "Lambda.", "Sandbox.", "StepFunctions.", "DynamoDb.")), (name, error)


def test_every_lambda_task_retries_what_passes_by_itself(assemblies: dict[str, Assembly], kind: str) -> None:
    for name, state in _lambda_tasks(assemblies["prod"], kind).items():
        retried = {error for retry in state.get("Retry", []) for error in retry["ErrorEquals"]}
        wanted = PLATFORM_RETRIES | _retryable(SPECS[state["Arguments"]["FunctionName"]])
        assert retried >= wanted, (name, sorted(wanted - retried))


def test_a_tasks_time_limit_exceeds_its_lambdas(assemblies: dict[str, Assembly], kind: str) -> None:
    for name, state in _lambda_tasks(assemblies["prod"], kind).items():
        assert state["TimeoutSeconds"] > SPECS[state["Arguments"]["FunctionName"]].timeout, name


def test_every_distributed_map_writes_its_results_and_is_bounded(assemblies: dict[str, Assembly], kind: str) -> None:
    for name, state in _states(_definition(assemblies["prod"], kind)):
        if state["Type"] == "Map" and state["ItemProcessor"].get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED":
            assert state["ResultWriter"]["Resource"] == "arn:aws:states:::s3:putObject", name
            assert state["ToleratedFailurePercentage"] == 100, name
            assert int(str(state["MaxConcurrency"]).strip("{}% ")) >= 1, name
            inner = [s for _, s in _states(state["ItemProcessor"]) if s["Type"] == "Map"]
            assert not inner, f"{name} has a map within: AWS does not allow a nested Distributed Map"


def test_the_role_may_call_every_function_that_the_definition_names(assembly: Assembly, kind: str) -> None:
    machine = assembly.machines()[kind]
    role = machine["RoleArn"].strip("<>").removesuffix(".Arn")
    invoked = {
        resource for s in assembly.statements()[role] if "lambda:InvokeFunction" in s["Action"] for resource in s["Resource"]
    }
    named = {value for name, value in machine["DefinitionSubstitutions"].items() if name.endswith("FunctionArn")}
    assert invoked == named


def test_machines_are_traced_and_log_events_without_data(assembly: Assembly, kind: str) -> None:
    machine = assembly.machines()[kind]
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False


def test_cfn_lint_passes_the_filled_definition(assemblies: dict[str, Assembly], kind: str, tmp_path: Path) -> None:
    """cfn-lint reads a definition only if it is JSON, and ours are JSON once the numbers are filled in: so it is given that."""
    definition = _definition(assemblies["prod"], kind)
    template = {
        "Resources": {
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {"RoleArn": "arn:aws:iam::123456789012:role/r", "DefinitionString": json.dumps(definition)},
            }
        }
    }
    assert [str(match) for match in lint(json.dumps(template), regions=["us-east-1"])] == []


def test_a_run_that_writes_to_salesforce_can_wait_for_an_approval_as_long_as_the_stage_says(
    assemblies: dict[str, Assembly], kind: str
) -> None:
    waiting = {
        name: s for name, s in _states(_definition(assemblies["prod"], kind)) if "waitForTaskToken" in s.get("Resource", "")
    }
    assert list(waiting) == ([] if kind in {"backup", "sync"} else ["WaitForApproval"])
    for state in waiting.values():
        assert state["TimeoutSeconds"] == 72 * 3600
        assert state["Arguments"]["Item"]["token"] == {"S": "{% $states.context.Task.Token %}"}
        retried = {error for retry in state["Retry"] for error in retry["ErrorEquals"]}
        assert not {"States.ALL", "States.TaskFailed", "States.Timeout"} & retried, "the wait itself would be repeated"
