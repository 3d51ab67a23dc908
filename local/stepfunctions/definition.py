"""What a loaded definition is: states, their fields as compiled templates, and the programs (StartAt + States) that hold them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from local.stepfunctions.expressions import Template


class Kind(StrEnum):
    """The state types, which are also the prefixes of their history events."""

    TASK = "Task"
    CHOICE = "Choice"
    PASS = "Pass"
    WAIT = "Wait"
    SUCCEED = "Succeed"
    FAIL = "Fail"
    PARALLEL = "Parallel"
    MAP = "Map"


class Call(StrEnum):
    """The integrations that this runner has."""

    LAMBDA = "lambda"
    START_EXECUTION = "start execution"
    PUT_EVENTS = "put events"
    SDK = "sdk"


@dataclass(frozen=True, slots=True)
class Resource:
    """A task's Resource. `type` and `name` are those of the history; `service` and `operation` boto3's, for an SDK call."""

    arn: str
    call: Call
    type: str
    name: str
    service: str = ""
    operation: str = ""
    token: bool = False
    sync: bool = False


@dataclass(frozen=True, slots=True)
class Retrier:
    """Delays in seconds."""

    errors: tuple[str, ...]
    interval: float
    attempts: int
    rate: float
    longest: float | None
    jitter: bool

    def delay(self, retried: int) -> float:
        """Seconds before the retry that follows `retried` earlier ones, without jitter."""
        # A power that overflows a float is far over every permitted longest delay.
        seconds = self.interval * self.rate ** min(retried, 60)
        return seconds if self.longest is None else min(seconds, self.longest)


@dataclass(frozen=True, slots=True)
class Catcher:
    errors: tuple[str, ...]
    next: str
    assign: Template | None
    output: Template | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One of a Choice's Choices."""

    condition: Template
    next: str
    assign: Template | None
    output: Template | None


@dataclass(frozen=True, slots=True)
class Reader:
    """An ItemReader: `lines` for JSONL, else one JSON array."""

    lines: bool
    arguments: Template
    max_items: Template | None


@dataclass(frozen=True, slots=True)
class Batcher:
    max_items: Template | None
    max_bytes: Template | None
    batch_input: Template | None


@dataclass(frozen=True, slots=True)
class MapFields:
    """What a Map has over other states."""

    processor: "Program"
    distributed: bool
    items: Template | None
    selector: Template | None
    reader: Reader | None
    batcher: Batcher | None
    writer: Template | None
    concurrency: Template | None
    tolerated_percentage: Template | None
    tolerated_count: Template | None
    label: str


@dataclass(frozen=True, slots=True)
class State:
    """A state. `next` is None where the workflow ends; fields that its type does not have stay empty."""

    name: str
    kind: Kind
    next: str | None = None
    assign: Template | None = None
    output: Template | None = None
    arguments: Template | None = None
    resource: Resource | None = None
    timeout: Template | None = None
    heartbeat: Template | None = None
    seconds: Template | None = None
    timestamp: Template | None = None
    error: Template | None = None
    cause: Template | None = None
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()
    rules: tuple[Rule, ...] = ()
    default: str | None = None
    branches: tuple["Program", ...] = ()
    map: MapFields | None = None


@dataclass(frozen=True, slots=True)
class Program:
    start_at: str
    states: Mapping[str, State] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole state machine; `timeout` in seconds."""

    program: Program
    timeout: float | None
