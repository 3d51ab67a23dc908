"""A small event bus: EventBridge's patterns, targets and schedules, delivered in a thread of its own."""

import json
import queue
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.core.request import Request
from moto.s3 import notifications
from moto.s3.models import FakeDeleteMarker

from local.aws.dispatch import ACCOUNT_ID, REGION, Reply, json_reply
from local.aws.intrinsics import TemplateError
from waybill import telemetry

# JSON of events and patterns.
Json = Any
Event = dict[str, Json]
Matcher = Callable[[Json], bool]
_ABSENT = object()
# Lambda tries an asynchronous invocation three times in all.
_ATTEMPTS = 3
_WITHOUT_EFFECT = ("arn:aws:sqs:", "arn:aws:logs:")
START_EXECUTION = "arn:aws:scheduler:::aws-sdk:sfn:startExecution"


def compile_pattern(pattern: Mapping[str, Json], *, where: str) -> Callable[[Event], bool]:
    """A predicate of an EventBridge pattern. Raises TemplateError for an operator that is not known here."""
    fields = {name: _compile(value, where=f"{where}, {name}") for name, value in pattern.items()}

    def matches(event: Json) -> bool:
        given = event if isinstance(event, dict) else {}
        return all(test(given.get(name, _ABSENT)) for name, test in fields.items())

    return matches


def _compile(value: Json, *, where: str) -> Matcher:
    if isinstance(value, dict):
        return compile_pattern(value, where=where)
    if not isinstance(value, list) or where.endswith("$or"):
        raise TemplateError(f"{where}: a pattern has lists and objects only, not {value!r}")
    tests = [_operator(item, where) if isinstance(item, dict) else _equals(item) for item in value]

    def matches(given: Json) -> bool:
        # A list matches if any of its members does.
        members = given if isinstance(given, list) else [given]
        return any(test(member) for test in tests for member in members)

    return matches


def _equals(expected: Json) -> Matcher:
    return lambda given: given is not _ABSENT and type(given) is type(expected) and given == expected


def _operator(item: Mapping[str, Json], where: str) -> Matcher:
    match item:
        case {"prefix": str(text), **rest} if not rest:
            return lambda given: isinstance(given, str) and given.startswith(text)
        case {"suffix": str(text), **rest} if not rest:
            return lambda given: isinstance(given, str) and given.endswith(text)
        case {"equals-ignore-case": str(text), **rest} if not rest:
            return lambda given: isinstance(given, str) and given.lower() == text.lower()
        case {"exists": bool(wanted), **rest} if not rest:
            return lambda given: (given is not _ABSENT) is wanted
        case {"anything-but": {} as inner, **rest} if not rest:
            negated = _operator(inner, where)
            return lambda given: given is not _ABSENT and not negated(given)
        case {"anything-but": unwanted, **rest} if not rest:
            values = unwanted if isinstance(unwanted, list) else [unwanted]
            return lambda given: given is not _ABSENT and given not in values
    raise TemplateError(f"{where}: the operator {json.dumps(item)} is not known locally")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a rule or schedule delivers, and what: `shape` makes the payload of the event."""

    arn: str
    shape: Callable[[Event, str], Json]

    @classmethod
    def of(cls, entry: Mapping[str, Json], *, where: str) -> "Target":
        """Of a rule's target or a schedule's. Raises TemplateError for a kind that is not known here."""
        arn = str(entry["Arn"])
        kinds = ("arn:aws:lambda:", "arn:aws:states:", "arn:aws:sns:", *_WITHOUT_EFFECT)
        if not arn.startswith(kinds) and arn != START_EXECUTION:
            raise TemplateError(f"{where}: the target {arn} is not known locally")
        return cls(arn, _shape(entry, where))


def _shape(entry: Mapping[str, Json], where: str) -> Callable[[Event, str], Json]:
    if "Input" in entry:
        text = str(entry["Input"])
        return lambda event, _rule: json.loads(text.replace("<aws.scheduler.execution-id>", str(event["id"])))
    if "InputPath" in entry:
        path = str(entry["InputPath"])
        return lambda event, _rule: _at(event, path, where)
    if "InputTransformer" in entry:
        paths = entry["InputTransformer"].get("InputPathsMap", {})
        template = str(entry["InputTransformer"]["InputTemplate"])
        return lambda event, rule: json.loads(
            _fill(template, {name: _at(event, path, where) for name, path in paths.items()} | _predefined(event, rule))
        )
    return lambda event, _rule: event


def _at(event: Event, path: str, where: str) -> Json:
    if not re.fullmatch(r"\$(\.[A-Za-z0-9_\-]+)*", path):
        raise TemplateError(f"{where}: the path {path} is not known locally")
    found: Json = event
    for part in path.split(".")[1:]:
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _predefined(event: Event, rule: str) -> dict[str, Json]:
    return {
        "aws.events.rule-arn": rule,
        "aws.events.event": event,
        "aws.events.event.json": event,
        "aws.events.event.ingestion-time": event.get("time"),
    }


def _fill(template: str, values: Mapping[str, Json]) -> str:
    """A placeholder outside of quotes becomes JSON; one inside becomes text."""

    def fill(match: re.Match[str]) -> str:
        if match.group(0).startswith('"'):
            return re.sub(r"<([^<>]+)>", lambda inner: _as_text(values, inner.group(1)), match.group(0))
        return json.dumps(values.get(match.group(1)))

    return re.sub(r'"(?:[^"\\]|\\.)*"|<([^<>]+)>', fill, template)


def _as_text(values: Mapping[str, Json], name: str) -> str:
    value = values.get(name)
    text = value if isinstance(value, str) else json.dumps(value)
    return json.dumps(text)[1:-1]


@dataclass(frozen=True, slots=True)
class Rule:
    """`matches` is None where the rule has a schedule only."""

    name: str
    arn: str
    bus: str
    matches: Callable[[Event], bool] | None
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Does not fire by itself: `EventBus.fire_schedule` does. A rule's schedule, or a target of EventBridge Scheduler's."""

    name: str
    expression: str
    rule: Rule | None = None
    target: Target | None = None


@dataclass
class EventBus:
    """Delivers events to the rules' targets. `lambdas(arn, payload)` invokes a function, `start_execution(arn, name, input)` a machine,
    `publish(arn, message)` tells a topic.
    """

    rules: Sequence[Rule]
    schedules: Mapping[str, Schedule]
    lambdas: Callable[[str, Json], Json]
    start_execution: Callable[[str, str, str], Any]
    publish: Callable[[str, str], Any]
    retry_seconds: float = 1.0
    _queue: "queue.Queue[tuple[Target, Event, str] | None]" = field(default_factory=queue.Queue)
    _thread: threading.Thread | None = None
    _closing: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="event-bus", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 2) -> None:
        """Drops what is not delivered yet."""
        self._closing.set()
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(seconds)

    def drain(self, seconds: float = 10) -> bool:
        """Waits until all that was put is delivered; whether it is."""
        end = time.monotonic() + seconds
        while self._queue.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.01)
        return not self._queue.unfinished_tasks

    def put(self, event: Event, *, bus: str = "default") -> None:
        """Hands the event to every rule that matches; returns at once."""
        for rule in self.rules:
            if rule.bus == bus and rule.matches is not None and rule.matches(event):
                for target in rule.targets:
                    self._queue.put((target, event, rule.arn))

    def fire_schedule(self, name: str) -> None:
        """Does what the schedule does when its time has come. Raises KeyError with the names that there are."""
        if name not in self.schedules:
            raise KeyError(f"There is no schedule {name}; there are: {', '.join(sorted(self.schedules)) or 'none'}")
        schedule = self.schedules[name]
        event = make_event(source="aws.events", detail_type="Scheduled Event", detail={}, resources=[])
        targets = (*(schedule.rule.targets if schedule.rule else ()), *((schedule.target,) if schedule.target else ()))
        for target in targets:
            self._queue.put((target, event, schedule.rule.arn if schedule.rule else name))

    def hook(self, request: Request) -> Reply | None:
        """PutEvents, in front of moto's, which delivers neither to functions nor to state machines."""
        if request.headers.get("X-Amz-Target") != "AWSEvents.PutEvents":
            return None
        entries = []
        for entry in json.loads(request.get_data())["Entries"]:
            try:
                event = make_event(
                    source=entry["Source"],
                    detail_type=entry["DetailType"],
                    detail=json.loads(entry["Detail"]),
                    resources=entry.get("Resources", []),
                )
            except KeyError as error:
                entries.append({"ErrorCode": "InvalidArgument", "ErrorMessage": f"Parameter {error.args[0]} is not valid."})
            except ValueError:
                entries.append({"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."})
            else:
                entries.append({"EventId": event["id"]})
                self.put(event, bus=str(entry.get("EventBusName") or "default").rsplit("/", 1)[-1])
        return json_reply({"FailedEntryCount": sum("ErrorCode" in entry for entry in entries), "Entries": entries})

    def put_s3_event(self, account_id: str, bucket: Any, event_name: str, key: Any) -> None:
        """What S3 tells EventBridge about an object; in place of moto's function of these arguments."""
        said = {"key": key.name, "sequencer": uuid.uuid4().hex[:16].upper()}
        if not isinstance(key, FakeDeleteMarker):
            said |= {"size": key.size, "etag": key.etag.strip('"')}
        detail = {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": said,
            "requester": account_id,
            "reason": event_name.removeprefix("s3:").partition(":")[2] + "Object",
        }
        kind = notifications._detail_type(event_name)  # noqa: SLF001 - moto has the names
        self.put(make_event(source="aws.s3", detail_type=kind, detail=detail, resources=[bucket.arn]))

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                if not self._closing.is_set():
                    self._deliver(*work)
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _deliver(self, target: Target, event: Event, rule: str) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._deliver_once(target, event, rule)
            except Exception as error:  # noqa: BLE001 - whatever a target raises is tried again and then logged
                fields = {"target": target.arn, "event_id": event["id"], "attempt": attempt, "error": str(error)}
                telemetry.logger.warning("event not delivered", extra=fields)
                if self._closing.wait(self.retry_seconds * attempt):
                    return
            else:
                return

    def _deliver_once(self, target: Target, event: Event, rule: str) -> None:
        payload = target.shape(event, rule)
        if target.arn.startswith("arn:aws:lambda:"):
            self.lambdas(target.arn, payload)
        elif target.arn.startswith("arn:aws:sns:"):
            # A text comes as JSON, in its quotes, as AWS sends it.
            self.publish(target.arn, json.dumps(payload, ensure_ascii=False))
        elif target.arn.startswith("arn:aws:states:"):
            # The name derives from the event: a second delivery finds it taken.
            self.start_execution(
                target.arn, f"{event['id']}_{uuid.uuid5(uuid.NAMESPACE_URL, rule).hex[:12]}", json.dumps(payload)
            )
        elif target.arn == START_EXECUTION:
            name = str(payload.get("Name") or event["id"])
            self.start_execution(payload["StateMachineArn"], name, payload.get("Input", "{}"))


def make_event(*, source: str, detail_type: str, detail: Json, resources: list[str]) -> Event:
    """An event in EventBridge's envelope."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT_ID,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": resources,
        "detail": detail,
    }
