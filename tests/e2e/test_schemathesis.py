"""Whatever the OpenAPI document allows, and what it forbids, is sent: no fault of the server's, and no reply that it does not tell of."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.e2e.scene import Scene

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text(encoding="utf-8"))
# Of each operation, of good and of bad requests; `FUZZ=200 pytest tests/e2e/test_schemathesis.py` looks longer.
EXAMPLES = int(os.environ.get("FUZZ", "6"))
SETTINGS = settings(
    derandomize=True, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
# These are answered well at least once: what fails is then not the request alone.
READ = {f"GET /api/{name}" for name in ("status", "runs", "runs/{run_id}", "files/{entry_id}", "errors", "settings", "accounts")}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


Operation = APIOperation[Any, Any, Any, Any]
Case = schemathesis.Case[Any]


def operations() -> Iterator[Operation]:
    for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations():
        assert isinstance(found, Ok)
        yield found.ok()


def takes_something(operation: Operation) -> bool:
    """Whether there is anything in a request that could be wrong."""
    raw = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return bool(raw.get("parameters") or raw.get("requestBody"))


@dataclass
class Asker:
    """Sends requests. `known`: what there is, by the names of path parameters; half of the paths lead there, the others nowhere."""

    scene: Scene
    known: Mapping[str, str]
    faults: list[str] = field(default_factory=list)
    statuses: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def ask(self, case: Case, there: bool) -> None:
        if there and case.path_parameters:
            case.path_parameters = {name: self.known.get(name, value) for name, value in case.path_parameters.items()}
        headers = {"Authorization": f"Bearer {self.scene.stack.token}"}
        reply = case.call(base_url=self.scene.stack.api.url, headers=headers, timeout=60)
        self.statuses[case.operation.label].add(reply.status_code)
        try:
            case.validate_response(reply, checks=CHECKS)
        except (Failure, FailureGroup) as failure:
            self.faults.append(f"{reply.request.method} {reply.request.url} {reply.request.body!r}: {failure}")


def ask(operation: Operation, mode: GenerationMode, asker: Asker) -> None:
    @settings(SETTINGS, max_examples=EXAMPLES)
    @given(case=operation.as_strategy(generation_mode=mode), there=st.booleans())
    def some(case: Case, there: bool) -> None:
        asker.ask(case, there)

    some()


def test_no_request_meets_a_fault_of_the_server(scene: Scene) -> None:
    account = scene.account()
    (file, _) = scene.files_of(account, 2)
    run = scene.backup("full")
    asker = Asker(scene, {"run_id": run.id, "account_id": account, "entry_id": file.id, "name": "Account"})
    asked = list(operations())
    for operation in asked:
        for mode in GenerationMode if takes_something(operation) else [GenerationMode.POSITIVE]:
            ask(operation, mode, asker)
    assert asker.faults == []
    assert {operation.label for operation in asked} == set(asker.statuses)
    good = {label for label, statuses in asker.statuses.items() if any(status < 300 for status in statuses)}
    assert good >= READ
