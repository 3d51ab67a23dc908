"""The world that survives a kill: AWS, Step Functions and Salesforce in this process; and what can be put back to how it was."""

import copy
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from moto.s3.utils import _VersionedKeyStore

from local.aws.dispatch import Reply
from local.aws.endpoint import Dispatch
from local.aws.home import LocalHome
from local.aws.lambdas import FunctionSpec
from local.salesforce.messages import Reply as SalesforceReply
from local.salesforce.messages import Request
from local.salesforce.schema_files import load_schema
from local.salesforce.server import Answer
from local.stack import LocalStack
from local.stepfunctions.errors import StateError
from tests.crash import calls, inside
from tests.crash.asked import AwsRequest
from tests.crash.calls import Call, Tape
from tests.crash.containers import Died, Fleet, Zygote
from tests.e2e.loads import SCHEMA
from tests.e2e.scene import Json, Scene, dies
from waybill.settings import Configuration

API = "Api"
T = TypeVar("T")
_hooks = ModuleType("waybill_crash_hooks")
sys.modules[_hooks.__name__] = _hooks


@dataclass(frozen=True)
class Blow:
    """Which call the process is killed at, and when."""

    call: Call
    after: bool


class Killed(Exception):
    """The process that asked is gone: nobody is there to be answered."""


@dataclass
class Witness:
    """Sees each call of the containers before and after it is answered; strikes once.

    `checks` are asked before a call is answered and say what is wrong with it. `tampered` may change what AWS gets to see: that
    is how the harness is shown to find what it looks for.
    """

    tape: Tape = field(default_factory=Tape)
    blow: Blow | None = None
    struck: tuple[str, Json] | None = None
    wrong: list[str] = field(default_factory=list)
    checks: list[Callable[[Call, object], str | None]] = field(default_factory=list)
    tampered: Callable[[Call, "AwsRequest"], "AwsRequest"] | None = None
    invocations: Counter[str] = field(default_factory=Counter)
    working: dict[str, Json] = field(default_factory=dict)
    task: str = ""

    def aws(self, asked: AwsRequest, answer: Dispatch, kill: Callable[[str], None]) -> Reply | None:
        """Raises Killed."""
        call = self._noted(calls.of_aws(asked.method, asked.url, asked.headers, asked.body))
        seen = asked if self.tampered is None else self.tampered(call, asked)
        self._check(call, seen)
        return self._struck(call, lambda: answer(seen.method, seen.url, seen.headers, seen.body), kill)

    def salesforce(self, request: Request, answer: Answer, kill: Callable[[str], None]) -> SalesforceReply | None:
        """None, which breaks the connection, where the process is killed."""
        call = self._noted(calls.of_salesforce(request))
        self._check(call, request)
        try:
            return self._struck(call, lambda: answer(request), kill)
        except Killed:
            return None

    def _noted(self, named: tuple[str, str, str]) -> Call:
        service, operation, target = named
        return self.tape.add(Call(self.task, self.invocations[self.task], service, operation, target))

    def _check(self, call: Call, asked: object) -> None:
        self.wrong += [f"{call}: {found}" for check in self.checks if (found := check(call, asked))]

    def _struck(self, call: Call, answer: Callable[[], T], kill: Callable[[str], None]) -> T:
        hit = self.blow is not None and self.struck is None and call == self.blow.call
        if not hit:
            return answer()
        assert self.blow is not None
        if self.blow.after:
            answer()
        self.struck = (call.function, self.working.get(call.function))
        kill(call.function)
        raise Killed(str(call))


@dataclass(frozen=True)
class Snapshot:
    """Everything that a job leaves behind: the table, the buckets, the org; and which ids the org gives next."""

    items: Mapping[str, Any]
    buckets: Mapping[str, Any]
    tables: Mapping[str, Any]
    ids: Mapping[str, Any]


class World:
    """One local stack whose functions run in containers, one invocation at a time.

    `on_death(function)` is asked what Step Functions learns of a process that is gone: the name of the error.
    """

    def __init__(self, zygote: Zygote, *, templates: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="waybill-crash-")
        home, schema = LocalHome(Path(self._folder.name)), load_schema(SCHEMA)
        self.stack = LocalStack(home, templates=templates, time_scale=0, schema=schema)
        self.stack.start()
        self.stack.bus.retry_seconds = 0.01
        # Who tells of runs only reads them, at times of its own: it has tests of its own.
        self.stack.bus.rules = [rule for rule in self.stack.bus.rules if rule.name != "waybill-local-moved-runs"]
        self.stack.runner._services = replace(self.stack.runner._services, map_workers=1)
        self.scene = Scene.new(self.stack)
        self.witness = Witness()
        self.on_death: Callable[[str], str] = lambda _function: "Sandbox.Timedout"
        configuration = self.stack.invoker.functions["waybill-local-CopyFiles"].environment["WAYBILL_CONFIG"]
        zygote.prepare(self.stack.aws.url, Configuration.model_validate_json(configuration))
        self.fleet = Fleet(zygote)
        self._turn = threading.Lock()
        self.stack.aws.between(self._before_aws)
        self.stack.simulator.between(self._before_salesforce)
        self._contain()

    def _before_aws(self, answer: Dispatch) -> Dispatch:
        return lambda method, url, headers, body: self.witness.aws(AwsRequest(method, url, headers, body), answer, self._kill)

    def _before_salesforce(self, answer: Answer) -> Answer:
        return lambda request: self.witness.salesforce(request, answer, self._kill)

    def _kill(self, function: str) -> None:
        self.fleet.running[function].kill()

    def _contain(self) -> None:
        """Each function's handler becomes one that asks its container."""
        functions: Any = self.stack.invoker.functions
        for name, spec in list(functions.items()):
            short = name.rpartition("-")[2]
            setattr(_hooks, short, self._handler(short, spec))
            functions[name] = replace(spec, handler=f"{_hooks.__name__}.{short}")

    def _handler(self, function: str, spec: FunctionSpec) -> Callable[[Json, Any], Json]:
        def handler(event: Json, _context: Any) -> Json:
            resumes = function == API and str(event.get("rawPath", "")).endswith("/resume")
            if resumes:  # it waits for the run to begin again, and so for other functions
                return self._invoke(function, spec, event)
            with self._turn:
                return self._invoke(function, spec, event)

        return handler

    def _invoke(self, function: str, spec: FunctionSpec, event: Json) -> Json:
        environment = self.stack.invoker.functions[spec.name].environment
        witness = self.witness
        witness.invocations[function] += 1
        witness.working[function] = event
        witness.task = function
        try:
            return self.fleet.of(function).invoke(replace(spec, environment=environment), event)
        except Died:
            self.fleet.forget(function)
            self._let_lease_end()
            raise dies(self.on_death(function)) from None

    def _let_lease_end(self) -> None:
        """A container that died while logging in to Salesforce blocks the others for a minute: here, that minute has passed."""
        key = {"pk": {"S": "SESSION#salesforce"}, "sk": {"S": "TOKEN"}}
        client = self.stack.client("dynamodb")
        with suppress(client.exceptions.ConditionalCheckFailedException):
            client.update_item(
                TableName=self.stack.names.table,
                Key=key,
                UpdateExpression="SET lease_until = :past",
                ConditionExpression="attribute_exists(lease_until)",
                ExpressionAttributeValues={":past": {"N": "0"}},
            )

    def invoke_again(self, function: str, event: Json) -> None:
        """A late duplicate of an invocation. What it answers is nobody's business any more, and a refusal is a good answer."""
        with suppress(StateError):
            self.stack.invoker(f"waybill-local-{function}", event)

    # -- putting back -------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        inside.settle(self.stack)
        org = self.stack.simulator.org
        items = copy.deepcopy(dict(inside.table(self.stack).items))
        buckets = {name: _copied(bucket.keys) for name, bucket in inside.buckets().items()}
        tables = {name: _table_state(table) for name, table in org._tables.items()}
        return Snapshot(items, buckets, tables, copy.deepcopy(vars(org._ids)))

    def restore(self, snapshot: Snapshot) -> None:
        """As it was, with cold containers, nothing misbehaving, and executions forgotten."""
        inside.settle(self.stack)
        self.fleet.clear()
        items = inside.table(self.stack).items
        items.clear()
        items.update(copy.deepcopy(dict(snapshot.items)))
        for name, bucket in inside.buckets().items():
            bucket.keys = _copied(snapshot.buckets[name])
            bucket.multiparts.clear()
        simulator = self.stack.simulator
        for name, state in snapshot.tables.items():
            vars(simulator.org._tables[name]).update(copy.deepcopy(state))
        vars(simulator.org._ids).update(copy.deepcopy(dict(snapshot.ids)))
        simulator.faults.clear()
        simulator.calls.reset()
        simulator.api_used = 0
        self.stack.runner._executions.clear()
        self.stack.runner._map_runs.clear()
        self.witness = Witness()

    def close(self) -> None:
        self.fleet.clear()
        self.scene.close()
        self.stack.stop()
        self._folder.cleanup()


def _copied(keys: Any) -> Any:
    made = _VersionedKeyStore()
    for name in dict(keys):
        made.setlist(name, [copy.deepcopy(version) for version in keys.getlist(name)])
    return made


def _table_state(table: Any) -> dict[str, Any]:
    return copy.deepcopy({name: value for name, value in vars(table).items() if name not in {"sobject", "_references"}})
