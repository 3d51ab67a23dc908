"""A ResultWriter: the outcomes of a Map Run's children in S3, in the files and the shape that AWS writes."""

import threading
from typing import Any

from local.stepfunctions.clock import instant
from local.stepfunctions.definition import MapFields
from local.stepfunctions.errors import RESULT_WRITER_FAILED, StateError
from local.stepfunctions.execution import Execution, MapRun, Status
from local.stepfunctions.flow import Frame
from local.stepfunctions.items import ChildInput
from local.stepfunctions.values import Json, dumps, size_of

# Bytes after which a result file is written and the next begun, so that memory stays bounded.
_FILE_BYTES = 5_000_000
_KINDS = ("FAILED", "PENDING", "SUCCEEDED")


class ResultWriter:
    """Takes children as they end, from many threads; `close` writes what is left, and the manifest."""

    def __init__(self, client: Any, bucket: str, prefix: str, run: MapRun) -> None:
        self._client = client
        self._bucket = bucket
        self._folder = f"{prefix.rstrip('/')}/{run.arn.rpartition(':')[2]}".lstrip("/")
        self._run = run
        self._lock = threading.Lock()
        self._rows: dict[str, list[str]] = {kind: [] for kind in _KINDS}
        self._sizes = dict.fromkeys(_KINDS, 0)
        self._files: dict[str, list[dict[str, Json]]] = {kind: [] for kind in _KINDS}

    def add(self, child: Execution) -> None:
        ended = {Status.SUCCEEDED: "SUCCEEDED", Status.ABORTED: "PENDING"}
        self._add(ended.get(child.status, "FAILED"), _row(child))

    def add_pending(self, child: ChildInput) -> None:
        """A child that never started."""
        self._add("PENDING", {"Input": child.text, "InputDetails": {"Included": True}, "Status": "PENDING"})

    def _add(self, kind: str, row: dict[str, Json]) -> None:
        text = dumps(row)
        with self._lock:
            self._rows[kind].append(text)
            self._sizes[kind] += size_of(text)
            if self._sizes[kind] >= _FILE_BYTES:
                self._flush(kind)

    def _flush(self, kind: str) -> None:
        body = f"[{','.join(self._rows[kind])}]"
        key = f"{self._folder}/{kind}_{len(self._files[kind])}.json"
        self._put(key, body)
        self._files[kind].append({"Key": key, "Size": size_of(body)})
        self._run.written += len(self._rows[kind])
        self._rows[kind], self._sizes[kind] = [], 0

    def _put(self, key: str, body: str) -> None:
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body.encode(), ContentType="application/json")
        except Exception as error:
            raise StateError(
                RESULT_WRITER_FAILED, f"The ResultWriter could not write s3://{self._bucket}/{key}: {error}"
            ) from error

    def close(self) -> Json:
        """The Map's result."""
        with self._lock:
            for kind in _KINDS:
                if self._rows[kind]:
                    self._flush(kind)
            key = f"{self._folder}/manifest.json"
            manifest = {"DestinationBucket": self._bucket, "MapRunArn": self._run.arn, "ResultFiles": self._files}
            self._put(key, dumps(manifest))
        return {"MapRunArn": self._run.arn, "ResultWriterDetails": {"Bucket": self._bucket, "Key": key}}


def open_writer(fields: MapFields, frame: Frame, run: MapRun) -> ResultWriter | None:
    if fields.writer is None:
        return None
    arguments = fields.writer.typed(frame.bindings(), dict, "object")
    bucket, prefix = arguments.get("Bucket"), arguments.get("Prefix", "")
    if not isinstance(bucket, str) or not isinstance(prefix, str):
        raise StateError(RESULT_WRITER_FAILED, "The ResultWriter needs a Bucket; it and the Prefix are strings.")
    return ResultWriter(frame.flow.services.clients("s3"), bucket, prefix, run)


def _row(child: Execution) -> dict[str, Json]:
    details = {"Included": True}
    row: dict[str, Json] = {
        "ExecutionArn": child.arn,
        "Input": child.input,
        "InputDetails": details,
        "Name": child.name,
        "RedriveCount": 0,
        "StartDate": instant(child.started),
        "StateMachineArn": child.machine_arn,
        "Status": child.status.value,
    }
    optional = {
        "Output": child.output,
        "OutputDetails": details if child.output is not None else None,
        "Error": child.error,
        "Cause": child.cause,
        "StopDate": instant(child.stopped) if child.stopped else None,
    }
    return row | {name: value for name, value in optional.items() if value is not None}
