"""Loads a definition: everything that AWS checks at creation, and everything that this runner does not know, is an error here."""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache

from local.stepfunctions.definition import Catcher, Definition, Kind, Program, Retrier, Rule, State
from local.stepfunctions.errors import DefinitionError
from local.stepfunctions.expressions import Template, Uses
from local.stepfunctions.fields import Fields, errors_of
from local.stepfunctions.map_loader import load_map
from local.stepfunctions.resources import check_arguments, parse_resource
from local.stepfunctions.values import Json

_LONGEST = 99_999_999
_MAX_NAME = 80
_MAX_DEFINITION = 1_048_576
_HAS_RESULT = frozenset({Kind.TASK, Kind.MAP, Kind.PARALLEL})


@lru_cache(maxsize=32)
def load(text: str) -> Definition:
    """The machine that the JSON `text` defines; raises DefinitionError, which names what is wrong and where.

    Runners may share one: nothing of an execution is kept in it, and compiling its expressions is what takes the time.
    """
    if len(text.encode()) > _MAX_DEFINITION:
        raise DefinitionError("State machine: the definition is larger than 1 MB")
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise DefinitionError(f"State machine: the definition is no JSON: {error}") from error
    if isinstance(raw, dict) and raw.get("QueryLanguage") != "JSONata":
        raise DefinitionError("State machine: QueryLanguage must be 'JSONata'")
    fields = Fields(raw, "State machine", language=True)
    version = fields.optional_text("Version")
    if version not in {None, "1.0"}:
        raise fields.refuse(f"Version '{version}' is not supported")
    timeout = fields.number("TimeoutSeconds", None, least=1, most=_LONGEST)
    program = _Loader().program(fields, frozenset())
    fields.close()
    return Definition(program, timeout)


class _Loader:
    """Knows the state names of the whole machine, which must be unique over every level."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def program(self, fields: Fields, outer_variables: frozenset[str]) -> Program:
        """StartAt and States, taken from `fields`; every target exists and every state can be reached."""
        start, raw = fields.text("StartAt"), fields.take("States")
        if not isinstance(raw, dict) or not raw:
            raise fields.refuse("needs 'States', an object that is not empty")
        for name in raw:
            if len(name) > _MAX_NAME or name in self._names:
                raise fields.refuse(f"the state name '{name}' is too long or used twice")
            self._names.add(name)
        own = _assigned(raw)
        if own & outer_variables:
            raise fields.refuse(f"the variable '{min(own & outer_variables)}' is assigned in an outer scope already")
        states = {name: self._state(name, value, outer_variables | own) for name, value in raw.items()}
        _check_targets(fields, start, states)
        return Program(start, states)

    def _state(self, name: str, raw: Json, variables: frozenset[str]) -> State:
        fields = Fields(raw, f"State '{name}'", language=True)
        kind_text = fields.text("Type")
        if kind_text not in list(Kind):
            raise fields.refuse(f"the state type '{kind_text}' is unknown")
        kind = Kind(kind_text)
        uses = Uses.RESULT if kind in _HAS_RESULT else Uses.NOTHING
        no_next = kind in {Kind.CHOICE, Kind.SUCCEED, Kind.FAIL}
        following = None if no_next else _next(fields)
        assign = fields.assign(uses) if kind not in {Kind.SUCCEED, Kind.FAIL} else None
        output = fields.template("Output", uses) if kind is not Kind.FAIL else None
        readers: Mapping[Kind, Callable[[Fields, frozenset[str]], dict[str, Json]]] = {
            Kind.TASK: _task,
            Kind.CHOICE: _choice,
            Kind.WAIT: _wait,
            Kind.FAIL: lambda own, _: {
                "error": own.expression("Error", literal=True),
                "cause": own.expression("Cause", literal=True),
            },
            Kind.PARALLEL: self._parallel,
            Kind.MAP: lambda own, known: {"map": load_map(own, known, self.program)},
        }
        special = readers[kind](fields, variables) if kind in readers else {}
        if kind in _HAS_RESULT:
            special |= {"retry": _retriers(fields), "catch": _catchers(fields)}
        fields.close()
        return State(name=name, kind=kind, next=following, assign=assign, output=output, **special)

    def _parallel(self, fields: Fields, variables: frozenset[str]) -> dict[str, Json]:
        arguments = fields.template("Arguments")
        branches = []
        for index, raw in enumerate(fields.array("Branches")):
            branch = Fields(raw, f"{fields.where}, branch {index}")
            branches.append(self.program(branch, variables))
            branch.close()
        return {"arguments": arguments, "branches": tuple(branches)}


def _next(fields: Fields) -> str | None:
    ends, following = fields.take("End"), fields.optional_text("Next")
    if ends not in {None, True} or (ends is True) == (following is not None):
        raise fields.refuse("needs either 'Next' or 'End': true")
    return following


def _assigned(states: Mapping[str, Json]) -> frozenset[str]:
    """Names of the variables that these states assign, in themselves, their rules or their catchers."""
    names: set[str] = set()
    for state in states.values():
        if not isinstance(state, dict):
            continue
        places = [state, *(state.get("Choices") or []), *(state.get("Catch") or [])]
        for place in places:
            if isinstance(place, dict) and isinstance(place.get("Assign"), dict):
                names.update(place["Assign"])
    return frozenset(names)


def _targets(state: State) -> list[str]:
    choices = [rule.next for rule in state.rules]
    catchers = [catcher.next for catcher in state.catch]
    return [target for target in (state.next, state.default, *choices, *catchers) if target is not None]


def _check_targets(fields: Fields, start: str, states: Mapping[str, State]) -> None:
    if start not in states:
        raise fields.refuse(f"StartAt names the state '{start}', which does not exist")
    for state in states.values():
        for target in _targets(state):
            if target not in states:
                raise DefinitionError(f"State '{state.name}': the next state '{target}' does not exist")
    reached, waiting = {start}, [start]
    while waiting:
        for target in _targets(states[waiting.pop()]):
            if target not in reached:
                reached.add(target)
                waiting.append(target)
    unreached = [name for name in states if name not in reached]
    if unreached:
        raise fields.refuse(f"the state '{unreached[0]}' cannot be reached")


def _task(fields: Fields, _: frozenset[str]) -> dict[str, Json]:
    resource = parse_resource(fields.text("Resource"), fields.where)
    arguments = fields.peek("Arguments")
    wrong = check_arguments(resource, arguments or {}) if isinstance(arguments, dict | None) else None
    if wrong is not None:
        raise fields.refuse(wrong)
    timeout, heartbeat = fields.peek("TimeoutSeconds"), fields.peek("HeartbeatSeconds")
    if isinstance(timeout, int) and isinstance(heartbeat, int) and heartbeat >= timeout:
        raise fields.refuse("'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'")
    return {
        "resource": resource,
        "arguments": fields.template("Arguments"),
        "timeout": fields.numeric("TimeoutSeconds", least=1, most=_LONGEST),
        "heartbeat": fields.numeric("HeartbeatSeconds", least=1, most=_LONGEST),
    }


def _wait(fields: Fields, _: frozenset[str]) -> dict[str, Json]:
    if fields.has("Seconds") == fields.has("Timestamp"):
        raise fields.refuse("needs either 'Seconds' or 'Timestamp'")
    return {
        "seconds": fields.numeric("Seconds", least=0, most=_LONGEST),
        "timestamp": fields.expression("Timestamp", literal=True),
    }


def _choice(fields: Fields, _: frozenset[str]) -> dict[str, Json]:
    rules = []
    for index, raw in enumerate(fields.array("Choices")):
        rule = Fields(raw, f"{fields.where}, choice {index}")
        condition = _condition(rule)
        rules.append(
            Rule(condition, next=rule.text("Next"), assign=rule.assign(Uses.NOTHING), output=rule.template("Output")),
        )
        rule.close()
    return {"rules": tuple(rules), "default": fields.optional_text("Default")}


def _condition(rule: Fields) -> Template:
    if rule.has("Condition") and isinstance(rule.peek("Condition"), bool):
        literal = rule.template("Condition")
        assert literal is not None
        return literal
    condition = rule.expression("Condition")
    if condition is None:
        raise rule.refuse("needs 'Condition'")
    return condition


def _retriers(fields: Fields) -> tuple[Retrier, ...]:
    found = []
    raw = fields.array("Retry") if fields.has("Retry") else []
    for index, value in enumerate(raw):
        entry = Fields(value, f"{fields.where}, retrier {index}")
        errors = errors_of(entry, last=index == len(raw) - 1)
        interval = entry.number("IntervalSeconds", 1, least=1, most=_LONGEST)
        attempts = entry.number("MaxAttempts", 3, least=0, most=_LONGEST)
        rate = entry.number("BackoffRate", 2, least=1, most=_LONGEST, whole=False)
        longest = entry.number("MaxDelaySeconds", None, least=1, most=31_622_399)
        jitter = entry.optional_text("JitterStrategy") or "NONE"
        if jitter not in {"FULL", "NONE"}:
            raise entry.refuse(f"JitterStrategy '{jitter}' is neither FULL nor NONE")
        assert interval is not None
        assert attempts is not None
        assert rate is not None
        if longest is not None and longest <= interval:
            raise entry.refuse("'MaxDelaySeconds' must be greater than 'IntervalSeconds'")
        entry.close()
        found.append(Retrier(errors, interval, int(attempts), rate=rate, longest=longest, jitter=jitter == "FULL"))
    return tuple(found)


def _catchers(fields: Fields) -> tuple[Catcher, ...]:
    found = []
    raw = fields.array("Catch") if fields.has("Catch") else []
    for index, value in enumerate(raw):
        entry = Fields(value, f"{fields.where}, catcher {index}")
        errors = errors_of(entry, last=index == len(raw) - 1)
        found.append(
            Catcher(
                errors,
                entry.text("Next"),
                assign=entry.assign(Uses.ERROR_OUTPUT),
                output=entry.template("Output", Uses.ERROR_OUTPUT),
            ),
        )
        entry.close()
    return tuple(found)
