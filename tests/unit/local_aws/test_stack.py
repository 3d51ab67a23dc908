"""The local stack on the real template: starts, answers, stops cleanly."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from infra.catalogue import KINDS
from local.aws.home import LocalHome
from local.layout import Ports
from local.samples.org import build_org
from local.stack import LocalStack
from local.up import run

RUN = """
import sys, pathlib
from local.up import run
sys.exit(run(home=pathlib.Path(sys.argv[1]), ports="0", empty=False, from_dir=None, accounts=2, files=6))
"""


def test_ports_are_three_numbers_or_any() -> None:
    assert (Ports.parse(None), Ports.parse("0"), Ports.parse("1,2,3")) == (Ports(4566, 4567, 8080), Ports(), Ports(1, 2, 3))
    for wrong in ("1", "1,2", "a", "1,2,70000", ""):
        with pytest.raises(ValueError):
            Ports.parse(wrong)


def test_a_schema_that_is_none_keeps_the_stack_from_starting_and_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text("{}", encoding="utf-8")
    code = run(home=tmp_path, ports="0", empty=True, from_dir=None, accounts=None, files=None, schema=schema)
    told = capfd.readouterr().err
    assert (code, "Waybill cannot start" in told, str(schema) in told) == (2, True, True)


def test_a_stack_starts_loads_samples_answers_and_stops(tmp_path: Path) -> None:
    stack = LocalStack(LocalHome(tmp_path))
    with stack:
        loaded = stack.load(build_org(accounts=2, files=6))
        stack.announce()
        local = json.loads((tmp_path / "local.json").read_text())
        s3 = _client("s3", local)
        new = f"{local['aws']['endpoint_url']}/{local['destination_bucket']}/uploads/a.txt"
        s3.put_object(Bucket=local["destination_bucket"], Key="uploads/a.txt", Body=b"opens")

        assert len(loaded.entry_ids) == 6
        assert s3.list_objects_v2(Bucket=local["source_bucket"])["KeyCount"] == loaded.objects
        assert requests.get(new, timeout=5).content == b"opens"
        assert _client("dynamodb", local).describe_table(TableName=local["table"])["Table"]["TableStatus"] == "ACTIVE"
        machines = _client("stepfunctions", local).list_state_machines()["stateMachines"]
        assert {machine["name"] for machine in machines} == {f"waybill-local-{kind}" for kind in KINDS}
        assert requests.get(local["console"]["url"], timeout=5).status_code == 200
        assert requests.get(f"{local['api']['url']}/status", timeout=5).status_code == 401

    assert not (tmp_path / "local.json").exists()
    with pytest.raises(requests.ConnectionError):
        requests.get(local["console"]["url"], timeout=5)


def _client(service: str, local: dict[str, Any]) -> Any:
    aws = local["aws"]
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=aws["endpoint_url"],
        region_name=aws["region"],
        aws_access_key_id=aws["access_key_id"],
        aws_secret_access_key=aws["secret_access_key"],
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_within_seconds_also_while_a_run_executes(tmp_path: Path, number: signal.Signals) -> None:
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(tmp_path)], stdout=out, stderr=out, cwd=Path(__file__).parents[3]
        )
        try:
            local_file = tmp_path / "local.json"
            for _ in range(600):
                if local_file.exists() or process.poll() is not None:
                    break
                time.sleep(0.1)
            assert local_file.exists(), (tmp_path / "out").read_text()
            machines = _client("stepfunctions", json.loads(local_file.read_text()))
            backup = next(m for m in machines.list_state_machines()["stateMachines"] if m["name"].endswith("backup"))
            machines.start_execution(stateMachineArn=backup["stateMachineArn"], input="{}")
            second = subprocess.run(
                [sys.executable, "-c", RUN, str(tmp_path)],
                capture_output=True,
                text=True,
                cwd=Path(__file__).parents[3],
                check=False,
            )
            os.kill(process.pid, number)

            assert process.wait(15) == 0
            assert not local_file.exists()
            assert "Next, in another terminal" in (tmp_path / "out").read_text()
            assert (second.returncode, f"process {process.pid}" in second.stderr) == (2, True)
        finally:
            process.kill()
            process.wait()
