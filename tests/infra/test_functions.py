"""Every function is told exactly what its environment class asks for, and is as large as the contract says."""

import importlib.util
import json
import re

import pytest

from infra.catalogue import FUNCTIONS, FunctionSpec

from .conftest import ROOT, Assembly

POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL", "POWERTOOLS_METRICS_NAMESPACE"}
SPECS = pytest.mark.parametrize("spec", FUNCTIONS, ids=lambda spec: spec.id)


def test_there_is_a_function_for_every_line_of_the_catalogue_and_no_other(assembly: Assembly) -> None:
    assert sorted(assembly.functions()) == sorted(spec.id for spec in FUNCTIONS)


@SPECS
def test_environment_is_what_the_class_asks_for(assembly: Assembly, spec: FunctionSpec) -> None:
    variables = assembly.functions()[spec.id]["Environment"]["Variables"]
    assert set(variables) == spec.environment.variables() | POWERTOOLS
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Waybill"


@SPECS
def test_the_class_reads_the_environment_of_the_template(assembly: Assembly, spec: FunctionSpec) -> None:
    environment = spec.environment.from_env(assembly.functions()[spec.id]["Environment"]["Variables"])
    assert environment.stage == assembly.stage
    assert environment.config.source.buckets == ("trackland-doc-storage",)


def test_local_links_and_login_come_from_the_parameters(assemblies: dict[str, Assembly]) -> None:
    local = assemblies["local"]
    variables = local.functions()["Api"]["Environment"]["Variables"]
    config = json.loads(variables["WAYBILL_CONFIG"])
    assert config["destination"]["link_base"] == "http://127.0.0.1:4566/" + variables["WAYBILL_DESTINATION_BUCKET"]
    assert config["salesforce"]["login_url"] == "http://127.0.0.1:4567"
    assert config["salesforce"]["auth"] == "client_credentials"


def test_only_the_local_stage_has_parameters_of_its_own(assembly: Assembly) -> None:
    own = set(assembly.stateless.template["Parameters"]) - {"BootstrapVersion"}
    addresses = {"LocalAwsEndpoint", "LocalSalesforceUrl", "LocalConsoleUrl", "LocalLiveUrl"}
    assert own == (addresses if assembly.stage == "local" else set())


def test_the_api_knows_the_machines_that_exist(assembly: Assembly) -> None:
    known = json.loads(assembly.functions()["Api"]["Environment"]["Variables"]["WAYBILL_STATE_MACHINES"])
    names = {kind: arn.rpartition(":")[2] for kind, arn in known.items()}
    assert names == {kind: machine["StateMachineName"] for kind, machine in assembly.machines().items()}


@SPECS
def test_functions_run_on_arm_with_tracing_and_a_log_group(assembly: Assembly, spec: FunctionSpec) -> None:
    function = assembly.functions()[spec.id]
    assert function["Architectures"] == ["arm64"]
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["LoggingConfig"]["LogGroup"].startswith("<")
    assert "ReservedConcurrentExecutions" not in function


def test_times_and_memory_are_those_agreed() -> None:
    times = {spec.id: spec.timeout for spec in FUNCTIONS}
    live = {"LiveDoor": 10, "LiveConnections": 10, "LiveEvents": 120}
    assert {name: time for name, time in times.items() if time != 900} == {"StartRun": 60, "StartLoad": 60, "Api": 29, **live}
    memory = {spec.id: spec.memory for spec in FUNCTIONS if spec.memory != 512}
    files = {"ListAccounts": 1769, "CopyFiles": 1024, "ListFiles": 1024, "PlanUnits": 1769, "UpdateUrls": 1024, "FinishRun": 1769}
    records = {"ReadInput": 1769, "PlanLoad": 3008, "LoadRows": 1769, "Reconcile": 1769, "PlanUndo": 3008, "FinishLoad": 1769}
    records |= {"ReadChanges": 3008, "WriteWorkbook": 3008, "WriteErrors": 3008}
    assert memory == files | records


@SPECS
def test_every_handler_has_its_module(spec: FunctionSpec) -> None:
    module, _, name = spec.handler.rpartition(".")
    assert name == "handler"
    assert (ROOT / "functions" / f"{module.replace('.', '/')}.py").is_file()
    assert importlib.util.find_spec(module) is not None


@SPECS
def test_the_handler_reads_the_class_that_infra_gives_it(spec: FunctionSpec) -> None:
    text = (ROOT / "functions" / f"{spec.handler.rpartition('.')[0].replace('.', '/')}.py").read_text()
    assert re.search(rf"@task\({spec.environment.__name__}\b|\b{spec.environment.__name__}\.from_env\(", text)


def test_every_log_group_has_retention_and_a_key(assembly: Assembly) -> None:
    groups = assembly.stateless.of_type("AWS::Logs::LogGroup")
    assert len(groups) == len(FUNCTIONS) + 7  # six machines and the API's access log
    for group in groups.values():
        assert group["RetentionInDays"] == (365 if assembly.stage == "prod" else 30)
        assert group["KmsKeyId"]
