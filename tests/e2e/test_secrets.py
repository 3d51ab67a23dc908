"""A canary in every secret: after a whole migration with everything going wrong, none is in anything that Waybill says or keeps."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from moto.core.request import Request

from local.aws.dispatch import Reply
from local.stack import LocalStack
from tests.e2e.scene import ENTRY, Scene
from waybill import compose

# Where a link stands whole, by design: a rollback needs it. Ledger and work bucket are as private as Salesforce itself.
WHOLE_LINKS = re.compile(r"^(work runs/[^/]+/(shards/|plans/|outcomes/|rollback\.csv)|table ACCOUNT#\S+ FILE#)")
# Where the org's session is shared between containers, encrypted with the stage's key.
SESSION = re.compile(r"^table SESSION#salesforce ")
CLIENT_SECRET, KEY_ID, SECRET_KEY, SOURCE_TOKEN = (f"CANARY{n}{'x1Y2' * 6}" for n in range(4))
IN_LINKS = "CANARYlink9x"


@dataclass
class Heard:
    """Everything that came out, by where."""

    texts: dict[str, str] = field(default_factory=dict)

    def add(self, where: str, text: object) -> None:
        self.texts[where] = text if isinstance(text, str) else json.dumps(text, default=str, ensure_ascii=False)

    def places_of(self, secret: str) -> set[str]:
        """Where a secret stands, as it is or as it would travel."""
        forms = {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("="), json.dumps(secret)[1:-1]}
        return {where for where, text in self.texts.items() if any(form in text for form in forms)}


@dataclass
class Secrets:
    """What must not be heard."""

    private_key: str
    tokens: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[str]:
        lines = [line for line in self.private_key.splitlines() if len(line) == 64]
        return [CLIENT_SECRET, KEY_ID, SECRET_KEY, SOURCE_TOKEN, *lines, *(token.partition("!")[2] for token in self.tokens)]


@pytest.fixture(scope="module")
def migration(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Heard, Secrets]]:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    heard, secrets = Heard(), Secrets(pem)
    scene = Scene.new(stack)
    for log in ("lambda.log", "metrics.log"):
        (stack.home.path / log).write_text("")
    with ExitStack() as undo:
        undo.enter_context(noting_tokens(scene, secrets))
        undo.enter_context(noting_events(scene, heard))
        undo.enter_context(client_secret(scene, public))
        migrate(scene, secrets)
        listen(scene, heard, tmp_path_factory.mktemp("reports"))
    yield heard, secrets
    scene.close()


@contextmanager
def noting_tokens(scene: Scene, secrets: Secrets) -> Iterator[None]:
    sessions = scene.stack.simulator.sessions
    issue = sessions.issue

    def noted() -> str:
        secrets.tokens.append(issue())
        return secrets.tokens[-1]

    vars(sessions)["issue"] = noted
    yield
    del vars(sessions)["issue"]


@contextmanager
def noting_events(scene: Scene, heard: Heard) -> Iterator[None]:
    def hook(request: Request) -> Reply | None:
        heard.add(f"event {len(heard.texts)}", request.get_data().decode())
        return None

    scene.stack.aws.dispatcher.hooks["events"].insert(0, hook)
    yield
    scene.stack.aws.dispatcher.hooks["events"].remove(hook)


@contextmanager
def client_secret(scene: Scene, public_key: str) -> Iterator[None]:
    sessions, before = scene.stack.simulator.sessions, scene.stack.simulator.client_secret
    sessions.client_secret, sessions.public_key = CLIENT_SECRET, public_key
    with salesforce_secret(scene, client_id=sessions.client_id, client_secret=CLIENT_SECRET):
        yield
    sessions.client_secret, sessions.public_key = before, None


@contextmanager
def salesforce_secret(scene: Scene, **values: str) -> Iterator[None]:
    name = scene.stack.deployment.functions["waybill-local-ListAccounts"].environment["WAYBILL_SALESFORCE_SECRET"]
    manager = scene.stack.client("secretsmanager")
    before = manager.get_secret_value(SecretId=name)["SecretString"]
    manager.put_secret_value(SecretId=name, SecretString=json.dumps(values))
    scene.stack.simulator.sessions.expire_all()
    compose.forget()
    yield
    manager.put_secret_value(SecretId=name, SecretString=before)
    compose.forget()


def presigned(scene: Scene, key: str) -> str:
    return (
        f"{scene.source_url(key)}?X-Amz-Credential={IN_LINKS}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"
        f"&X-Amz-Expires=60&X-Amz-Security-Token={IN_LINKS}&X-Amz-Signature={IN_LINKS}"
    )


def migrate(scene: Scene, secrets: Secrets) -> None:
    """Backup, cutover and rollback, by each way to log in, with links full of secrets, and with whatever can be refused refused."""
    account = scene.account("Acme")
    good = scene.files_of(account, 3)
    for n in range(3):
        scene.put_source(f"docs/signed/{n}", f"content {n}".encode())
    signed = [scene.file(account, f"signed {n}.txt", url=presigned(scene, f"docs/signed/{n}")) for n in range(3)]
    bad = (
        presigned(scene, "docs/missing"), f"https://127.0.0.1/x?sig={IN_LINKS}", f"http://localhost:1/x;token={IN_LINKS}",
        f"https://user:{IN_LINKS}@127.0.0.1/x", f"htp:/broken?signature={IN_LINKS}", f"https://127.0.0.1/x#access_token={IN_LINKS}",
        f"https://127.0.0.1/x?a=1&next=https%3A%2F%2Fh%2F%3Ftoken%3D{IN_LINKS}", f"https://127.0.0.1/x?Signature={IN_LINKS}&AWSAccessKeyId={IN_LINKS}",
    )  # fmt: skip
    for n, url in enumerate(bad):
        scene.file(account, f"bad {n}.txt", url=url)
    scene.backup("full")
    scene.call("POST", "/check", expect=200)
    scene.cutover("dry_run")
    with scene.between_reading_and_writing(lambda: scene.edit(signed[0], URL__c=presigned(scene, "docs/by-hand"))):
        cut = scene.cutover(canary=0)
    assert cut.files["switched"] >= 4
    scene.edit(signed[1], URL__c=presigned(scene, "docs/by-hand"))
    echo = f"Link: data value too large: {signed[2].url} (max length=255)"
    scene.stack.simulator.faults.fail_rows("STRING_TOO_LONG", echo, 9, ids=[signed[2].id])
    scene.rollback(run_id=cut.id)
    scene.stack.simulator.faults.clear()
    scene.rollback(run_id=cut.id)
    scene.edit(good[0], URL__c=f"https://user:{IN_LINKS}@127.0.0.1/y")
    _refused(scene, secrets)


def _refused(scene: Scene, secrets: Secrets) -> None:
    sessions = scene.stack.simulator.sessions
    jwt = {"client_id": sessions.client_id, "username": sessions.username, "private_key": secrets.private_key}
    by_key: Callable[[dict[str, Any]], object] = lambda config: config["salesforce"].update(auth="jwt_bearer")  # noqa: E731
    with salesforce_secret(scene, **jwt), scene.configured(by_key):
        assert scene.backup("full").status == "completed"
        with salesforce_secret(scene, **{**jwt, "username": "nobody@example.com"}):
            assert scene.backup("full").status == "failed"
        with salesforce_secret(scene, **{**jwt, "private_key": secrets.private_key[:-200]}):
            assert scene.backup("full").status == "failed"
    with salesforce_secret(scene, client_id="another", client_secret=CLIENT_SECRET):
        assert scene.backup("full").status == "failed"
        scene.call("POST", "/check", expect=200)
    for status in (403, 500):
        scene.stack.simulator.faults.unavailable(3, status=status, path="/query")
        scene.backup("full")
        scene.stack.simulator.faults.clear()
    _refused_by_the_source(scene)


def _refused_by_the_source(scene: Scene) -> None:
    """S3 gives back what a refused request was signed with."""
    manager = scene.stack.client("secretsmanager")
    keys = {"access_key_id": KEY_ID, "secret_access_key": SECRET_KEY, "session_token": SOURCE_TOKEN}
    arn = manager.create_secret(Name="canary-source", SecretString=json.dumps(keys))["ARN"]
    seen: list[str] = []
    refused: list[str] = []

    def refuse(request: Request) -> Reply | None:
        authorization = str(request.headers.get("Authorization", ""))
        if KEY_ID not in authorization or not seen:
            return None
        body = (
            f"<Error><Code>{seen[0]}</Code><Message>The request signature we calculated does not match.</Message>"
            f"<AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId><SignatureProvided>{SOURCE_TOKEN}</SignatureProvided>"
            f"<StringToSign>{authorization} {SOURCE_TOKEN}</StringToSign></Error>"
        )
        refused.append(seen[0])
        return 403, {"content-type": "application/xml"}, body.encode()

    scene.stack.aws.dispatcher.hooks["s3"].insert(0, refuse)
    own: Callable[[dict[str, Any]], object] = lambda config: config["source"].update(own_credentials=True)  # noqa: E731
    with scene.configured(own, WAYBILL_SOURCE_SECRET=arn):
        for code in ("", "SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied", "ExpiredToken"):
            seen[:] = [code] if code else []
            scene.file(scene.account("Streamed"), f"streamed {code}.txt")
            compose.forget()
            scene.backup("full")
    scene.stack.aws.dispatcher.hooks["s3"].remove(refuse)
    assert len(set(refused)) == 4
    manager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    compose.forget()


def listen(scene: Scene, heard: Heard, folder: Path) -> None:
    """Reads all that Waybill has said anywhere."""
    stack = scene.stack
    for log in ("lambda.log", "metrics.log"):
        heard.add(f"log {log}", (stack.home.path / log).read_text())
    work = stack.deployment.functions["waybill-local-FinishRun"].environment["WAYBILL_WORK_BUCKET"]
    for page in scene.s3.get_paginator("list_objects_v2").paginate(Bucket=work):
        for entry in page.get("Contents", []):
            heard.add(f"work {entry['Key']}", scene.s3.get_object(Bucket=work, Key=entry["Key"])["Body"].read().decode())
    for item in scene.table_items(""):
        heard.add(f"table {item['pk']['S']} {item['sk']['S']}", item)
    for arn in stack.runner._executions:
        history = stack.client("stepfunctions").get_execution_history(
            executionArn=arn, includeExecutionData=True, maxResults=1000
        )
        heard.add(f"history {arn}", history["events"])
        heard.add(f"execution {arn}", stack.client("stepfunctions").describe_execution(executionArn=arn))
    runs = [run["run_id"] for run in scene.call("GET", "/runs?limit=1000", expect=200)["items"]]
    paths = [
        "/events?limit=1000",
        "/status",
        "/readiness",
        "/plan",
        "/accounts",
        "/accounts?source=ledger",
        "/errors",
        "/settings",
    ]
    paths += [f"/accounts/{row['Id']}/files" for row in scene.org.all("Account")]
    paths += [
        f"/runs/{run}{more}"
        for run in runs
        for more in ("", "/errors?limit=1000", "/accounts", "/logs?limit=1000", "/throughput")
    ]
    paths += [f"/files/{item.entry_id}?account_id={item.account_id}" for item in list(scene.items().values())[:5]]
    for path in paths:
        heard.add(f"api {path}", scene.call("GET", path, expect=200))
    for row in scene.org.all("Account"):
        heard.add(f"api verify {row['Id']}", scene.call("POST", "/verify", {"account_id": row["Id"]}, expect=200))
    _commands(scene, heard, runs, folder)


def _commands(scene: Scene, heard: Heard, runs: list[str], folder: Path) -> None:
    """The command, as a person and as a script calls it, and the files that it writes."""
    scene.stack.announce()
    failed = next(run for run in runs if scene.show(run).status == "failed")
    cut = next(run for run in runs if run.startswith("cutover") and scene.show(run).files.get("switched"))
    commands = [
        ["status", "--errors"], ["status", "--export", str(folder / "status.csv")], ["accounts"], ["check"], ["verify"], ["runs", "show", failed],
        ["runs", "logs", failed], ["runs", "show", cut, "--report", str(folder / "cut.csv")],
        ["runs", "show", cut, "--report", str(folder / "cut.json"), "--json"], ["status", "--errors", "--json"], ["check", "--json"],
    ]  # fmt: skip
    for words in commands:
        done = subprocess.run(
            [sys.executable, "-c", "from cli.main import main; main()", *words, "--home", str(scene.stack.home.path)],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode in {0, 1, 2, 3}, done.stderr
        heard.add(f"command {' '.join(words)}", done.stdout + done.stderr)
    for path in folder.iterdir():
        heard.add(f"file {path.name}", path.read_text())


def test_no_secret_is_said_or_kept_anywhere(migration: tuple[Heard, Secrets]) -> None:
    heard, secrets = migration
    assert len(secrets.tokens) >= 3
    found = {(where, secret[:12]) for secret in secrets.all for where in heard.places_of(secret) if not SESSION.match(where)}
    assert not found


def test_what_a_link_carries_is_only_where_a_rollback_needs_it(migration: tuple[Heard, Secrets]) -> None:
    heard, _ = migration
    places = heard.places_of(IN_LINKS)
    assert [where for where in places if WHOLE_LINKS.match(where)], "the search finds what is there"
    assert sorted(where for where in places if not WHOLE_LINKS.match(where)) == []


def test_all_that_is_said_was_listened_to(migration: tuple[Heard, Secrets]) -> None:
    heard, _ = migration
    kinds = {where.partition(" ")[0] for where in heard.texts}
    assert kinds == {"log", "work", "table", "history", "execution", "api", "command", "file", "event"}
    said = heard.texts["log lambda.log"]
    assert '"task failed"' in said, "errors were forced"
    assert "***" in "".join(text for where, text in heard.texts.items() if where.startswith("api /runs")), (
        "links were shown, masked"
    )
    assert ENTRY not in said or IN_LINKS not in said
