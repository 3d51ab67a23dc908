"""The definitions as Step Functions would get them, and what can be read from them without running them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

FILES, RECORDS = ("backup", "cutover", "rollback"), ("load", "undo", "sync")
KINDS = (*FILES, *RECORDS)
# The functions that begin and end a run of that kind.
STARTERS = {kind: "StartLoad" if kind in RECORDS else "StartRun" for kind in KINDS}
FINISHERS = {kind: "FinishLoad" if kind in RECORDS else "FinishRun" for kind in KINDS}
STATES = "arn:aws:states:us-east-1:123456789012:stateMachine"
WORK_BUCKET = "work"
TABLE = "waybill"

_FOLDER = Path(__file__).parents[2] / "statemachines"
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
_VALUES = {
    "WorkBucketName": WORK_BUCKET,
    "TableName": TABLE,
    "BackupStateMachineArn": f"{STATES}:backup",
    "ListConcurrency": "4",
    "CopyConcurrency": "4",
    "SwitchConcurrency": "4",
    "ApprovalSeconds": "60",
}


@cache
def text(kind: str) -> str:
    """The definition with its placeholders filled: a function's ARN by the function's own id."""
    source = (_FOLDER / ("records" if kind in RECORDS else "files") / f"{kind}.asl.json").read_text(encoding="utf-8")
    return _PLACEHOLDER.sub(lambda match: _VALUES.get(match[1]) or match[1].removesuffix("FunctionArn"), source)


@dataclass(frozen=True, slots=True)
class Workflow:
    """The machine itself (label ""), or the processor of the Distributed Map of that label."""

    label: str
    start: str
    states: Mapping[str, Mapping[str, Any]]

    def branches(self) -> set[tuple[str, str]]:
        """Every way from one state to another."""
        return {(name, target) for name, state in self.states.items() for target in _targets(state)}

    def reachable(self) -> set[str]:
        found, left = set[str](), [self.start]
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += _targets(self.states[name])
        return found


def workflows(kind: str) -> list[Workflow]:
    definition = json.loads(text(kind))
    found = [Workflow("", definition["StartAt"], definition["States"])]
    for state in definition["States"].values():
        inner = state.get("ItemProcessor")
        if inner is not None:
            found.append(Workflow(state["Label"], inner["StartAt"], inner["States"]))
    return found


def states(kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every state at any depth, with its name."""
    for workflow in workflows(kind):
        yield from workflow.states.items()


def steps(path: str) -> tuple[str, ...]:
    """The states of a path written `A > B > C`."""
    return tuple(path.split(" > "))


def walked(paths: list[str]) -> set[tuple[str, str]]:
    """The branches that the paths take."""
    return {pair for path in paths for pair in pairwise(steps(path))}


def _targets(state: Mapping[str, Any]) -> list[str]:
    rules = [*state.get("Choices", []), *state.get("Catch", [])]
    named = [rule["Next"] for rule in rules]
    return named + [state[field] for field in ("Next", "Default") if field in state]
