"""Lambda functions that answer from a script. What they are asked and what they answer is checked against the real tasks' models."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from local.stepfunctions import LambdaFailure, StateError
from waybill.files import turning
from waybill.files.tasks import (
    check_readiness,
    collect_shards,
    copy_files,
    finish_run,
    list_accounts,
    list_files,
    plan_units,
    validate_files,
)
from waybill.records.tasks import (
    finish_load,
    load_rows,
    plan_load,
    read_changes,
    read_input,
    reconcile,
    write_errors,
    write_workbook,
)
from waybill.runs import starting
from waybill.runs.finishing import EndRequest
from waybill.runs.task import Reply as TaskReply

# Payloads and replies are JSON.
Json = Any
Reply = Mapping[str, Any] | StateError | Callable[[Json], Mapping[str, Any]]

_MODELS: Mapping[str, tuple[type[BaseModel], type[BaseModel]]] = {
    "StartRun": (starting.StartRequest, starting.StartReply),
    "ListAccounts": (list_accounts.ListAccountsRequest, list_accounts.ListAccountsReply),
    "ListFiles": (list_files.ListFilesRequest, list_files.ListFilesReply),
    "CollectShards": (collect_shards.CollectRequest, collect_shards.CollectReply),
    "CopyFiles": (copy_files.CopyRequest, copy_files.CopyReply),
    "ValidateFiles": (validate_files.ValidateRequest, validate_files.ValidateReply),
    "CheckReadiness": (check_readiness.ReadinessRequest, check_readiness.ReadinessReply),
    "PlanUnits": (plan_units.PlanRequest, plan_units.PlanReply),
    "UpdateUrls": (turning.UnitRequest, turning.UnitReply),
    "RestoreUrls": (turning.UnitRequest, turning.UnitReply),
    "FinishRun": (finish_run.FinishRequest, finish_run.FinishReply),
    "StartLoad": (starting.StartRequest, starting.StartReply),
    "ReadInput": (read_input.ReadRequest, TaskReply),
    "PlanLoad": (plan_load.PlanRequest, plan_load.PlanReply),
    "PlanUndo": (plan_load.PlanRequest, plan_load.PlanReply),
    "LoadRows": (load_rows.LoadRequest, load_rows.LoadReply),
    "Reconcile": (reconcile.ReconcileRequest, reconcile.ReconcileReply),
    "WriteErrors": (write_errors.ErrorsRequest, TaskReply),
    "ReadChanges": (read_changes.ChangesRequest, TaskReply),
    "WriteWorkbook": (write_workbook.WorkbookRequest, TaskReply),
    "FinishLoad": (EndRequest, finish_load.FinishReply),
}
STARTED_AT = "2026-01-02T03:04:05Z"
FENCE = 7


class FakeLambdas:
    """Answers a function's calls with what was scripted for it, in order, and afterwards as if all went well.

    A scripted mapping changes single fields of the usual reply; an error is raised; a callable gets the payload. The functions
    that the backup inside a cutover calls are named `delta:<function>`.
    """

    def __init__(self, kind: str, *, packets: int = 1, shards: int = 1, units: int = 1, steps: int = 1) -> None:
        self._kind = kind
        self._counts = {"packets": packets, "shards": shards, "units": units, "steps": steps}
        self._scripts: dict[str, list[Reply]] = {}
        self._lock = threading.Lock()
        self.calls: list[tuple[str, Json]] = []

    def script(self, function: str, *replies: Reply) -> None:
        assert function.removeprefix("delta:") in _MODELS, function
        self._scripts.setdefault(function, []).extend(replies)

    def payloads(self, function: str) -> list[Json]:
        with self._lock:
            return [payload for name, payload in self.calls if name == function]

    def left(self) -> dict[str, list[Reply]]:
        """Replies that nobody asked for."""
        return {name: replies for name, replies in self._scripts.items() if replies}

    def __call__(self, function: str, payload: Json) -> Json:
        request, reply = _MODELS[function]
        ours = payload.get("run", payload)["kind"] == self._kind
        called = function if ours else f"delta:{function}"
        with self._lock:
            self.calls.append((called, payload))
            scripted = self._scripts.get(called)
            answer = scripted.pop(0) if scripted else {}
        request.model_validate(payload)
        if callable(answer):
            answer = answer(payload)
        if isinstance(answer, StateError):
            raise answer
        assert set(answer) <= set(reply.model_fields), (function, answer)
        return reply.model_validate({**self._usual(function, payload), **answer}).model_dump(mode="json", by_alias=True)

    def _usual(self, function: str, payload: Json) -> dict[str, Any]:
        match function:
            case "StartRun" | "StartLoad":
                return _started(payload)
            case "ListAccounts":
                return {"packets": self._counts["packets"]}
            case "ListFiles":
                return {"packet": payload["packet"]["packet"]}
            case "CollectShards":
                return {"shards": self._counts["shards"]}
            case "CopyFiles" | "ValidateFiles":
                return {"shard": payload["shard"]["shard"], "copied": 3}
            case "CheckReadiness":
                return {"ready": True}
            case "PlanUnits":
                return {"units": self._counts["units"]}
            case "PlanLoad" | "PlanUndo":
                return {"steps": self._counts["steps"]}
            case "ReadInput" | "LoadRows" | "Reconcile" | "ReadChanges" | "WriteWorkbook" | "WriteErrors":
                return {}
            case "UpdateUrls" | "RestoreUrls":
                return {"unit": payload["unit"]["unit"]}
        return finished(None)(payload)


def _started(payload: Json) -> dict[str, Any]:
    given = payload["input"]
    mode = given.get("mode", "full" if payload["kind"] in {"backup", "sync"} else "dry_run")
    run = {
        "run_id": f"{payload['kind']}-{payload['execution_name']}",
        "kind": payload["kind"],
        "mode": mode,
        "fence": given["parent"]["fence"] if "parent" in given else FENCE,
        "started_at": STARTED_AT,
        "dry_run": given.get("dry_run", mode == "dry_run"),
    }
    return {"outcome": "started", "message": "", "run": run, "options": {"mode": mode}}


def finished(status: str | None, message: str = "") -> Callable[[Json], dict[str, Any]]:
    """FinishRun's last reply; without a status the one that follows from what it is told."""

    def reply(payload: Json) -> dict[str, Any]:
        said, why = status, message
        if said is None and payload.get("error"):
            said, why = "refused" if payload["error"]["Error"] == "NotReady" else "failed", payload["error"]["Error"]
        elif said is None and payload.get("delta"):
            said = payload["delta"]["status"]
        return {
            "result": {"run_id": payload["run"]["run_id"], "status": said or "completed", "message": why, "files": {}, "rows": {}}
        }

    return reply


def error(name: str, message: str = "boom", *, frames: int = 1) -> StateError:
    """As Step Functions names it: with a dot it is the platform's, else the class of what the function raised."""
    if name == "States.Timeout":
        return StateError(name)
    if "." in name:
        return StateError(name, message)
    frame = '  File "/var/task/waybill/files/tasks/some_task.py", line 100, in handler\n    return some_task(request, settings)\n'
    return LambdaFailure(name, message, [frame] * frames)


def more(**cursor: Json) -> dict[str, Any]:
    return {"status": "more", "cursor": cursor}


PARKED: Mapping[str, Any] = {"status": "parked"}
USUAL: Mapping[str, Any] = {}
