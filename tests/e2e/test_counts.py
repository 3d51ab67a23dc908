"""The cost model's requests are those that real runs make: counted on the local stack by kind, and within 2 %."""

import json
from collections import Counter
from collections.abc import Mapping

import pytest

from bench.counts import counted_runs, cut, work_bucket
from tests.e2e.scene import Scene
from waybill.files.model.requests import Requests, backup_requests, cutover_requests
from waybill.files.model.shape import Knobs, Shape

WITHIN = 0.02
# Sizes, and not requests: the model is told them.
SIZES = {"file bytes"}


def differences(counted: Mapping[str, int], model: Requests) -> dict[str, tuple[int, int]]:
    """Kinds of which model and count differ by more than 2 %: counted, modelled."""
    kinds = (set(counted) | {kind for kind, number in model.items() if number}) - SIZES
    return {
        kind: (counted.get(kind, 0), model[kind])
        for kind in sorted(kinds)
        if abs(counted.get(kind, 0) - model[kind]) > WITHIN * counted.get(kind, 0)
    }


@pytest.mark.parametrize(
    ("files", "accounts", "sizes"),
    [
        (300, 20, {}),
        (240, 6, {"shard_size": 60, "packet_size": 100, "unit_size": 90}),
        (200, 100, {}),
    ],
    ids=["as deployed", "cut small", "small accounts"],
)
def test_the_model_counts_as_the_run_does(scene: Scene, files: int, accounts: int, sizes: dict[str, int]) -> None:
    with cut(scene.stack, **sizes):
        counted = counted_runs(scene.stack, files, accounts)
    backup, cutover = (counted[kind].counts.kinds for kind in ("backup", "cutover"))
    before, after = (run["file bytes"] // run["file writes"] for run in (backup, cutover))
    shape = Shape(files, accounts, item_bytes=before, new_link_bytes=after - before, kms=False)
    knobs = Knobs(**sizes)
    assert differences(backup, backup_requests(shape, knobs)) == {}
    assert differences(cutover, cutover_requests(shape, knobs)) == {}
    for kind, one in counted.items():
        assert reported(scene, one.run_id) == one.counts.operations, f"What the {kind} says of itself"


def reported(scene: Scene, run_id: str) -> Counter[str]:
    """What the run's report says of its requests, of the services that the stack counts."""
    bucket = work_bucket(scene.stack)
    body = scene.stack.client("s3").get_object(Bucket=bucket, Key=f"runs/{run_id}/report.json")["Body"].read()
    requests = json.loads(body)["requests"]
    return Counter(
        {
            f"{service} {operation}": number
            for service in ("s3", "dynamodb", "salesforce", "stepfunctions")
            for operation, number in requests[service].items()
            if not operation.endswith(" units") and operation != "DescribeExecution"
        }
    )
