"""Clients that others wrote work against the local stack: the AWS CLI, and simple-salesforce."""

import json
import os
import shutil
import subprocess
from typing import Any

import pytest
from simple_salesforce.api import Salesforce

from tests.e2e.scene import Scene

needs_cli = pytest.mark.skipif(shutil.which("aws") is None, reason="The AWS CLI is not installed.")


def aws(scene: Scene, *words: str) -> Any:
    where = scene.stack.where()["aws"]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": where["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": where["secret_access_key"],
        "AWS_DEFAULT_REGION": where["region"],
        "AWS_PAGER": "",
    }
    command = ["aws", "--endpoint-url", where["endpoint_url"], "--output", "json", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_cli
def test_the_aws_cli_lists_executions_and_reads_their_history(scene: Scene) -> None:
    scene.files_of(scene.account(), 2)
    run = scene.backup("full")
    machines = aws(scene, "stepfunctions", "list-state-machines")["stateMachines"]
    backup = next(machine["stateMachineArn"] for machine in machines if machine["name"].endswith("backup"))
    executions = aws(scene, "stepfunctions", "list-executions", "--state-machine-arn", backup)["executions"]
    found = {execution["name"]: execution for execution in executions}
    execution = found[run.id.removeprefix("backup-")]
    assert execution["status"] == "SUCCEEDED"
    history = aws(scene, "stepfunctions", "get-execution-history", "--execution-arn", execution["executionArn"])["events"]
    entered = [event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event]
    assert entered[0] == "StartRun"
    assert "FinishRun" in entered
    assert history[0]["type"] == "ExecutionStarted"
    assert history[-1]["type"] == "ExecutionSucceeded"
    assert [event["id"] for event in history] == list(range(1, len(history) + 1))


@needs_cli
def test_the_aws_cli_lists_what_was_copied_and_reads_it(scene: Scene) -> None:
    (file,) = scene.files_of(scene.account(), 1)
    scene.backup("full")
    bucket = scene.stack.names.destination_bucket
    listed = aws(scene, "s3api", "list-objects-v2", "--bucket", bucket, "--prefix", "uploads/")["Contents"]
    assert [entry["Key"] for entry in listed] == [scene.item(file).key]
    head = aws(scene, "s3api", "head-object", "--bucket", bucket, "--key", listed[0]["Key"])
    assert head["ContentLength"] == len(file.body or b"")


def test_simple_salesforce_logs_in_and_queries(scene: Scene) -> None:
    account = scene.account("Ünïcode & Söhne")
    files = scene.files_of(account, 3)
    simulator = scene.stack.simulator
    token = scene.web.post(
        f"{simulator.url}/services/oauth2/token",
        data={"grant_type": "client_credentials", "client_id": simulator.client_id, "client_secret": simulator.client_secret},
        timeout=60,
    ).json()
    org = Salesforce(instance=simulator.url.removeprefix("http://"), session_id=token["access_token"], session=scene.web)
    org.base_url = org.base_url.replace("https://", "http://")
    rows = org.query_all(
        f"SELECT Id, Name, URL__c, Account__r.Name FROM DocListEntry__c WHERE Account__c = '{account}' ORDER BY Id"
    )
    assert [(row["Id"], row["Name"], row["URL__c"]) for row in rows["records"]] == [(f.id, f.name, f.url) for f in files]
    assert {row["Account__r"]["Name"] for row in rows["records"]} == {"Ünïcode & Söhne"}
