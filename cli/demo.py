"""The demonstration, from an empty machine to a signed-off migration: the real thing, on a stack of its own, with sample data."""

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from rich.console import Console

from cli.app import App
from cli.client import ApiClient
from cli.errors import CommandError, ExitCode
from cli.results import exit_code_of, run_object, show_run
from cli.signoff import Evidence, FileEvidence, Ledger, page
from cli.waiting import wait_for
from local.aws.home import LocalHome
from local.layout import Ports
from local.samples.load import Loaded, load_delta
from local.samples.model import SampleFile, SampleOrg
from local.samples.org import build_org, delta
from local.stack import LocalStack

ACCOUNTS, FILES = 25, 1_000
READERS = 8


def run(home: Path) -> int:
    """Runs the whole migration on a stack in `home`; returns the exit code: 0 only if all three sides agree in every account."""
    app = App(home_path=str(home))
    console = app.console
    stack = LocalStack(LocalHome(home), Ports())
    with _step(console, "Start local AWS, Salesforce and Waybill"):
        stack.start()
    try:
        stack.announce()
        evidence = _Demo(console, app, stack).play()
    finally:
        with _step(console, "Stop"):
            stack.stop()
    sheet = page(evidence)
    console.print()
    console.print(sheet, markup=False, soft_wrap=True)
    path = home / "sign-off.txt"
    path.write_text(sheet + "\n", encoding="utf-8")
    console.print(f"\nAlso in {path}. `make up` keeps the stack running with the same data, to try the commands yourself.")
    return ExitCode.DONE if evidence.agreed else ExitCode.FAILED


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    began = time.monotonic()
    console.print(f"[bold]▸ {what}[/bold] ...")
    yield
    console.print(f"  done in {time.monotonic() - began:.1f} s", style="dim")


@dataclass(frozen=True, slots=True)
class _Planted:
    """An entry and the object that its old link names."""

    entry_id: str
    old_url: str
    file: SampleFile


class _Demo:
    """The demonstration's steps, each with what it prints."""

    def __init__(self, console: Console, app: App, stack: LocalStack) -> None:
        self._console, self._app, self._stack = console, app, stack
        self._api: ApiClient = app.client
        self._planted: dict[str, _Planted] = {}
        self._runs: list[dict[str, Any]] = []

    def play(self) -> Evidence:
        org = build_org(accounts=ACCOUNTS, files=FILES, bucket=self._stack.names.source_bucket)
        with _step(
            self._console, f"Make {FILES:,} documents in {ACCOUNTS} accounts: half of them in one, odd names, one file missing"
        ):
            loaded = self._stack.load(org)
            self._plant(org.files, loaded.entry_ids)
        began = time.monotonic()
        reads = self._writes()
        self._run("Phase 1: copy everything, write nothing to Salesforce", "backup", mode="full")
        phase1_writes = self._writes() - reads
        with _step(
            self._console, "Meanwhile people work: new entries, a changed file, a link that now points elsewhere, one deleted"
        ):
            self._work_goes_on(org, loaded)
        self._run("Phase 2, dry run: what would be switched", "cutover", mode="dry_run")
        self._run("Phase 2: copy the delta, switch the links", "cutover", mode="execute")
        phases = time.monotonic() - began
        with _step(self._console, "Open every link as a user would and compare with the source, byte by byte"):
            files = self._open_all()
        account = self._smallest(files)
        self._run(f"The way back, for one account ({account})", "rollback", mode="execute", accounts=[account])
        with _step(self._console, "Ask Salesforce, the ledger and both buckets for the sign-off"):
            return self._evidence(files, phase1_writes=phase1_writes, seconds=phases)

    def _plant(self, files: tuple[SampleFile, ...], entry_ids: tuple[str, ...]) -> None:
        for entry_id, file in zip(entry_ids, files, strict=True):
            self._planted[entry_id] = _Planted(entry_id, file.url, file)

    def _run(self, what: str, kind: str, **options: Any) -> None:
        self._console.print(f"\n[bold]▸ {what}[/bold]")
        started = self._api.post("/runs", {"kind": kind, **options})
        ended = wait_for(self._app, started["run_id"])
        show_run(self._console, ended)
        if exit_code_of(ended) > ExitCode.INCOMPLETE:
            raise CommandError(f"The {kind} did not complete: {ended.get('message')}", code=ExitCode.FAILED, name="DemoFailed")
        self._runs.append(run_object(ended))

    def _writes(self) -> int:
        """Writing calls that Salesforce has seen so far."""
        return self._stack.simulator.calls.write_count

    def _work_goes_on(self, org: SampleOrg, loaded: Loaded) -> None:
        change = delta(org)
        salesforce = self._stack.simulator.org
        added = load_delta(
            change,
            loaded,
            s3=self._stack.client("s3"),
            insert=lambda sobject, rows: [salesforce.insert(sobject, row) for row in rows],
            update=salesforce.update,
            delete=salesforce.delete,
            source_bucket=self._stack.names.source_bucket,
        )
        self._plant(change.added, added.entry_ids)
        for place, file in (*change.changed, *change.repointed):
            entry_id = loaded.entry_ids[place]
            self._planted[entry_id] = _Planted(entry_id, file.url, file)
        for place in change.deleted:
            del self._planted[loaded.entry_ids[place]]

    def _open_all(self) -> list[FileEvidence]:
        with ThreadPoolExecutor(READERS) as pool, requests.Session() as session:
            return list(pool.map(lambda row: self._open(session, row), self._entries()))

    def _entries(self) -> list[dict[str, Any]]:
        """Every entry as Salesforce has it now, with its account's name."""
        org = self._stack.simulator.org
        names = {row["Id"]: row["Name"] for row in org.all("Account")}
        rows = org.all("DocListEntry__c")
        return [{**row, "account_name": names.get(row.get("Account__c") or "", "(no account)")} for row in rows]

    def _open(self, session: requests.Session, row: dict[str, Any]) -> FileEvidence:
        planted, link = self._planted[row["Id"]], str(row["URL__c"])
        source = self._source_sha256(planted.file)
        new: str | None = None
        if link != planted.old_url:
            reply = session.get(link, timeout=30)
            new = hashlib.sha256(reply.content).hexdigest() if reply.ok else f"HTTP {reply.status_code}"
        size = len(planted.file.body()) if planted.file.body else 0
        return FileEvidence(
            row.get("Account__c") or "", row["account_name"], row["Id"], row["Name"], size, planted.old_url, link, source, new
        )

    def _source_sha256(self, file: SampleFile) -> str | None:
        if file.body is None:
            return None
        reply = self._stack.client("s3").get_object(Bucket=file.bucket, Key=file.key)
        return hashlib.sha256(reply["Body"].read()).hexdigest()

    def _smallest(self, files: list[FileEvidence]) -> str:
        counts: dict[str, int] = {}
        for file in files:
            if file.account_id:
                counts[file.account_id] = counts.get(file.account_id, 0) + 1
        return min(counts, key=lambda account: (counts[account], account))

    def _evidence(self, files: list[FileEvidence], *, phase1_writes: int, seconds: float) -> Evidence:
        now = {row["Id"]: str(row["URL__c"]) for row in self._entries()}
        ledgers: dict[str, Ledger] = {}
        for account in self._api.pages("/accounts", source="ledger"):
            for item in self._api.pages(f"/accounts/{account['account_id']}/files"):
                ledgers[item["entry_id"]] = Ledger(item["state"], item.get("message") or "")
        names = self._stack.names
        return Evidence(
            source=f"s3://{names.source_bucket}",
            destination=f"s3://{names.destination_bucket}",
            day=self._app.today(),
            files=files,
            links_now=now,
            ledger=ledgers,
            runs=self._runs,
            phase1_writes=phase1_writes,
            seconds=seconds,
        )
