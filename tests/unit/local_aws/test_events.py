"""The event bus: patterns as EventBridge has them, targets, inputs, retries, schedules."""

import json
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws
from moto.s3 import notifications

from local.aws.endpoint import Endpoint
from local.aws.events import START_EXECUTION, EventBus, Rule, Schedule, Target, compile_pattern, make_event
from local.aws.intrinsics import TemplateError

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:f"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
EVENT = {"source": "aws.states", "detail": {"status": "FAILED", "name": "Run-7", "tags": ["a", "b"], "count": 3, "gone": None}}


class World:
    """What the bus delivers to."""

    def __init__(self, *, failures: int = 0) -> None:
        self.invoked: list[Any] = []
        self.started: list[tuple[str, str, Any]] = []
        self.published: list[tuple[str, str]] = []
        self.failures = failures

    def invoke(self, _arn: str, payload: Any) -> Any:
        self.invoked.append(payload)
        if len(self.invoked) <= self.failures:
            raise RuntimeError("not yet")

    def start(self, arn: str, name: str, text: str) -> None:
        self.started.append((arn, name, json.loads(text)))

    def publish(self, arn: str, message: str) -> None:
        self.published.append((arn, message))

    def bus(self, *rules: Rule, **schedules: Schedule) -> EventBus:
        return EventBus(rules, schedules, lambdas=self.invoke, start_execution=self.start, publish=self.publish, retry_seconds=0)


def rule(target: dict[str, Any], *, pattern: dict[str, Any] | None = None, bus: str = "default") -> Rule:
    matches = compile_pattern(pattern or {"source": ["test"]}, where="test")
    return Rule(
        "r", "arn:aws:events:us-east-1:123456789012:rule/r", bus=bus, matches=matches, targets=(Target.of(target, where="test"),)
    )


@pytest.fixture
def world() -> World:
    return World()


def deliver(bus: EventBus, event: dict[str, Any]) -> None:
    bus.start()
    bus.put(event)
    assert bus.drain()
    bus.stop()


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ({"source": ["aws.states"]}, True),
        ({"source": ["other", "aws.states"], "detail": {"status": ["FAILED", "TIMED_OUT"]}}, True),
        ({"source": ["aws.states"], "detail": {"status": ["SUCCEEDED"]}}, False),
        ({"detail": {"name": [{"prefix": "Run-"}]}}, True),
        ({"detail": {"name": [{"prefix": "run-"}]}}, False),
        ({"detail": {"name": [{"suffix": "-7"}]}}, True),
        ({"detail": {"name": [{"equals-ignore-case": "RUN-7"}]}}, True),
        ({"detail": {"error": [{"exists": False}], "status": [{"exists": True}]}}, True),
        ({"detail": {"error": [{"exists": True}]}}, False),
        ({"detail": {"status": [{"anything-but": "SUCCEEDED"}]}}, True),
        ({"detail": {"status": [{"anything-but": ["FAILED", "ABORTED"]}]}}, False),
        ({"detail": {"name": [{"anything-but": {"prefix": "Run-"}}]}}, False),
        ({"detail": {"error": [{"anything-but": "x"}]}}, False),
        ({"detail": {"tags": ["b"]}}, True),
        ({"detail": {"count": [3]}}, True),
        ({"detail": {"count": ["3"]}}, False),
        ({"detail": {"gone": [None]}}, True),
        ({"detail": {"status": {"deeper": ["x"]}}}, False),
    ],
)
def test_patterns_match_as_in_eventbridge(pattern: dict[str, Any], matches: bool) -> None:
    assert compile_pattern(pattern, where="test")(EVENT) is matches


@pytest.mark.parametrize(
    "pattern", [{"a": [{"numeric": [">", 1]}]}, {"a": [{"cidr": "10.0.0.0/8"}]}, {"a": "text"}, {"$or": [{"a": [1]}]}]
)
def test_an_operator_that_is_not_known_is_an_error(pattern: dict[str, Any]) -> None:
    with pytest.raises(TemplateError, match="test"):
        compile_pattern(pattern, where="test")


@pytest.mark.parametrize(
    ("target", "payload"),
    [
        ({}, "the event"),
        ({"Input": '{"fixed": 1}'}, {"fixed": 1}),
        ({"InputPath": "$.detail.who"}, 'a "quoted" name'),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"who": "$.detail.who", "n": "$.detail.n"},
                    "InputTemplate": '{"w": <who>, "t": "<who>: <n>", "n": <n>}',
                }
            },
            {"w": 'a "quoted" name', "t": 'a "quoted" name: 3', "n": 3},
        ),
    ],
)
def test_a_target_gets_what_its_input_says(world: World, target: dict[str, Any], payload: Any) -> None:
    event = make_event(source="test", detail_type="T", detail={"who": 'a "quoted" name', "n": 3}, resources=[])

    deliver(world.bus(rule({"Arn": LAMBDA, **target})), event)

    assert world.invoked == [event if payload == "the event" else payload]


def test_an_event_of_another_bus_or_source_is_not_delivered(world: World) -> None:
    bus = world.bus(rule({"Arn": LAMBDA}, bus="other"), rule({"Arn": LAMBDA}, pattern={"source": ["else"]}))

    deliver(bus, make_event(source="test", detail_type="T", detail={}, resources=[]))

    assert world.invoked == []


def test_a_machine_started_by_the_same_event_twice_gets_the_same_name(world: World) -> None:
    bus = world.bus(rule({"Arn": MACHINE}))
    event = make_event(source="test", detail_type="T", detail={}, resources=[])

    bus.put(event)
    deliver(bus, event)

    names = {name for _, name, _ in world.started}
    assert (len(world.started), len(names), names.pop().startswith(event["id"])) == (2, 1, True)


def test_a_target_that_fails_is_tried_three_times() -> None:
    recovering, broken = World(failures=2), World(failures=9)
    for world in (recovering, broken):
        deliver(world.bus(rule({"Arn": LAMBDA})), make_event(source="test", detail_type="T", detail={}, resources=[]))

    assert (len(recovering.invoked), len(broken.invoked)) == (3, 3)


def test_a_schedule_fires_when_asked_and_not_by_itself(world: World) -> None:
    asked = {"StateMachineArn": MACHINE, "Name": "<aws.scheduler.execution-id>", "Input": '{"mode": "incremental"}'}
    target = Target.of({"Arn": START_EXECUTION, "Input": json.dumps(asked)}, where="test")
    bus = world.bus(nightly=Schedule("nightly", "cron(0 3 * * ? *)", target=target))
    bus.start()
    assert world.started == []

    bus.fire_schedule("nightly")
    assert bus.drain()
    bus.stop()

    ((arn, name, given),) = world.started
    assert (arn, given, "<" in name) == (MACHINE, {"mode": "incremental"}, False)


def test_an_unknown_schedule_or_target_is_refused_by_name(world: World) -> None:
    with pytest.raises(KeyError, match="weekly"):
        world.bus().fire_schedule("weekly")
    with pytest.raises(TemplateError, match="arn:aws:kinesis"):
        Target.of({"Arn": "arn:aws:kinesis:us-east-1:123456789012:stream/s"}, where="test")


def test_put_events_reaches_the_rules(aws: Endpoint, world: World) -> None:
    bus = world.bus(rule({"Arn": LAMBDA, "InputPath": "$.detail"}))
    aws.dispatcher.hooks["events"].append(bus.hook)
    good: dict[str, Any] = {"Source": "test", "DetailType": "T", "Detail": '{"n": 1}'}

    bus.start()
    reply = boto3.client("events").put_events(Entries=cast("Any", [good, {**good, "Detail": "no JSON"}]))
    assert bus.drain()
    bus.stop()

    assert (reply["FailedEntryCount"], reply["Entries"][1]["ErrorCode"], world.invoked) == (1, "MalformedDetail", [{"n": 1}])


def test_objects_that_come_and_go_are_told_as_s3_tells_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"source": ["aws.s3"]}
    bus = world.bus(rule({"Arn": LAMBDA, "Id": "t"}, pattern=given))
    bus.start()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        monkeypatch.setattr(notifications, "_send_event_bridge_message", bus.put_s3_event)
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="work")
        s3.put_bucket_versioning(Bucket="work", VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_notification_configuration(Bucket="work", NotificationConfiguration={"EventBridgeConfiguration": {}})
        s3.put_object(Bucket="work", Key="inbox/a.csv", Body=b"four")
        s3.delete_object(Bucket="work", Key="inbox/a.csv")
        listed = s3.list_object_versions(Bucket="work")
        for one in (
            *listed["Versions"],
            *listed["DeleteMarkers"],
        ):  # the marker last: it goes with the word that the object is gone
            s3.delete_object(Bucket="work", Key=one["Key"], VersionId=one["VersionId"])
    assert bus.drain()
    bus.stop()

    came, gone = world.invoked[0], world.invoked[-1]
    assert (came["detail-type"], came["detail"]["object"]["key"], came["detail"]["object"]["size"]) == (
        "Object Created",
        "inbox/a.csv",
        4,
    )
    assert (gone["detail-type"], gone["detail"]["object"]["key"]) == ("Object Deleted", "inbox/a.csv")
    assert "size" not in gone["detail"]["object"]


def test_a_topic_is_told_what_the_path_names_in_quotes_as_json(world: World) -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:waybill-local-runs"
    bus = world.bus(rule({"Arn": topic, "InputPath": "$.detail.text"}))
    deliver(bus, make_event(source="test", detail_type="t", detail={"text": 'Müller said "done"'}, resources=[]))
    assert world.published == [(topic, '"Müller said \\"done\\""')]
