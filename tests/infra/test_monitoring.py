"""What is measured, and what wakes someone up."""

import json
from typing import Any

import pytest

from waybill import telemetry

from .conftest import FILES, KINDS, RECORDS, Assembly

METRICS = {
    *("FilesListed", "FilesCopied", "BytesCopied", "FilesVerified", "UrlsSwitched", "UrlsRestored", "FilesFailed"),
    *(
        "Conflicts",
        "SalesforceApiCalls",
        "SalesforceQuotaUsed",
        "S3Requests",
        "DynamoDBRequests",
        "StateTransitions",
        "TaskSeconds",
    ),
}
OF_RECORDS = {"RecordsProcessed", "ValidationErrors", "RecordsFailed", "SalesforceApiCalls", "SalesforceQuotaUsed", "TaskSeconds"}


def _alarm(assembly: Assembly, name: str) -> dict[str, Any]:
    alarms = {alarm["AlarmName"]: alarm for alarm in assembly.stateless.of_type("AWS::CloudWatch::Alarm").values()}
    found: dict[str, Any] = assembly.stateless.resolve(alarms[f"waybill-{assembly.stage}-{name}"])
    return found


def test_the_dashboard_shows_every_metric_of_every_kind(assembly: Assembly) -> None:
    (board,) = assembly.stateless.of_type("AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(assembly.stateless.resolve(board["DashboardBody"]))["widgets"]
    shown = set()
    for widget in widgets:
        for metric in widget["properties"].get("metrics", []):
            if metric[0] == "Waybill":
                name, dimensions = metric[1], dict(zip(metric[2:6:2], metric[3:6:2], strict=True))
                assert set(dimensions) == {"Kind", "Stage"}
                assert dimensions["Stage"] == assembly.stage
                shown.add((name, dimensions["Kind"]))
    files = {(name, kind) for name in METRICS for kind in FILES}
    synced = {("SyncOperations", "sync"), ("Conflicts", "sync")}
    assert shown == files | synced | {(name, kind) for name in OF_RECORDS for kind in RECORDS}


@pytest.mark.parametrize("kind", FILES)
def test_files_that_fail_raise_an_alarm_above_five_percent_in_five_minutes(assembly: Assembly, kind: str) -> None:
    alarm = _alarm(assembly, f"{kind}-files-failed")
    metrics = {m["MetricStat"]["Metric"]["MetricName"] for m in alarm["Metrics"] if "MetricStat" in m}
    done = {"backup": "FilesVerified", "cutover": "UrlsSwitched", "rollback": "UrlsRestored"}[kind]
    assert metrics == {"FilesFailed", done}
    assert {m["MetricStat"]["Period"] for m in alarm["Metrics"] if "MetricStat" in m} == {300}
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 5)


@pytest.mark.parametrize("kind", KINDS)
def test_any_run_that_fails_raises_an_alarm(assembly: Assembly, kind: str) -> None:
    alarm = _alarm(assembly, f"{kind}-run-failed")
    metrics = {m["MetricStat"]["Metric"]["MetricName"] for m in alarm["Metrics"] if "MetricStat" in m}
    assert metrics == {"ExecutionsFailed", "ExecutionsTimedOut"}
    assert alarm["Threshold"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_slow_tasks_and_a_used_up_quota_raise_alarms(assembly: Assembly, kind: str) -> None:
    slow, quota = _alarm(assembly, f"{kind}-tasks-slow"), _alarm(assembly, f"{kind}-salesforce-quota")
    assert (slow["MetricName"], slow["ExtendedStatistic"], slow["Threshold"]) == ("TaskSeconds", "p95", 840)
    assert (quota["MetricName"], quota["Statistic"], quota["Threshold"]) == ("SalesforceQuotaUsed", "Maximum", 80)
    assert {d["Name"]: d["Value"] for d in slow["Dimensions"]} == {"Kind": kind, "Stage": assembly.stage}


def test_telemetry_writes_the_dimensions_that_alarms_watch(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.emit({"FilesFailed": 1}, kind="backup", stage="dev")
    (directive,) = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], [sorted(names) for names in directive["Dimensions"]]) == ("Waybill", [["Kind", "Stage"]])


def test_every_alarm_tells_the_topic_and_says_what_to_do(assembly: Assembly) -> None:
    topics = assembly.stateless.of_type("AWS::SNS::Topic")
    (topic,) = (name for name, properties in topics.items() if properties["TopicName"] == f"waybill-{assembly.stage}-alarms")
    alarms = assembly.stateless.of_type("AWS::CloudWatch::Alarm").values()
    assert len(alarms) == 21
    for alarm in alarms:
        assert alarm["AlarmActions"] == [{"Ref": topic}]
        assert alarm["AlarmDescription"]
        assert alarm["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize(("finisher", "kinds"), [("FinishRun", FILES), ("FinishLoad", RECORDS)])
def test_executions_that_stop_are_finished_by_their_context(assembly: Assembly, finisher: str, kinds: tuple[str, ...]) -> None:
    rules = [assembly.stateless.resolve(rule) for rule in assembly.stateless.of_type("AWS::Events::Rule").values()]
    (rule,) = (rule for rule in rules if rule["Targets"][0]["Arn"].startswith(f"<{finisher}Function"))
    machines = assembly.stateless.of_type("AWS::StepFunctions::StateMachine")
    ours = {name for name, machine in machines.items() if machine["StateMachineName"].rpartition("-")[2] in kinds}
    assert rule["EventPattern"]["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    assert set(rule["EventPattern"]["detail"]["stateMachineArn"]) == {f"<{name}>" for name in ours}
    (target,) = rule["Targets"]
    assert not {"Input", "InputPath", "InputTransformer"} & set(target)


def test_production_backs_up_every_night_and_names_the_execution_after_the_invocation(assemblies: dict[str, Assembly]) -> None:
    prod = assemblies["prod"].stateless
    (schedule,) = prod.of_type("AWS::Scheduler::Schedule").values()
    request = json.loads(prod.resolve(schedule["Target"]["Input"]))
    assert schedule["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert schedule["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:sfn:startExecution"
    assert request["Name"] == "<aws.scheduler.execution-id>"
    assert json.loads(request["Input"]) == {"mode": "incremental", "requested_by": "schedule"}


@pytest.mark.parametrize("stage", ["local", "dev"])
def test_other_stages_back_up_only_when_asked(assemblies: dict[str, Assembly], stage: str) -> None:
    assert assemblies[stage].stateless.of_type("AWS::Scheduler::Schedule") == {}


def test_people_are_told_of_each_run_that_ends_or_waits_and_of_no_run_inside_another(assemblies: dict[str, Assembly]) -> None:
    prod = assemblies["prod"].stateless
    topics = {topic["TopicName"]: topic for topic in prod.of_type("AWS::SNS::Topic").values()}
    assert topics["waybill-prod-runs"]["KmsMasterKeyId"]
    rules = {rule["Name"]: rule for rule in prod.of_type("AWS::Events::Rule").values()}
    pattern = rules["waybill-prod-notices"]["EventPattern"]
    assert pattern == {
        "source": ["waybill.prod"],
        "detail-type": ["Run Ended", "Approval Needed"],
        "detail": {"parent": [{"exists": False}]},
    }
    (target,) = rules["waybill-prod-notices"]["Targets"]
    assert target["InputPath"] == "$.detail.text"
