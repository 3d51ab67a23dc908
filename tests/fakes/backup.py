"""A backup's steps, one by one, for tests: the org is the simulator, table and work bucket are moto; sources are all there."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from local.aws.endpoint import Endpoint
from local.salesforce import SalesforceSimulator
from tests.contract.conftest import create_table
from waybill import compose
from waybill.files.discovery import Rules
from waybill.files.domain import FileState, HttpLocation, S3Location, SourceFacts, VerifiedBy
from waybill.files.entries import EntryReader
from waybill.files.ledger import FileItem, Ledger
from waybill.files.listing import Listing, SourceLook
from waybill.files.manifest import ManifestRow
from waybill.files.names import KeyLimits
from waybill.files.picking import PacketScope
from waybill.files.sharding import shards_of
from waybill.files.tasks.list_files import ListFilesReply, ListFilesRequest, list_files
from waybill.files.urls import LinkBuilder
from waybill.runs.lock import Lock
from waybill.runs.model import Context, Options, RunKind, RunRecord, RunStatus
from waybill.runs.requests import RequestLog
from waybill.runs.starting import context_of
from waybill.runs.store import RunStore
from waybill.runs.work import Row, WorkBucket
from waybill.salesforce.connect import connect
from waybill.salesforce.token_cache import MemoryTokenCache
from waybill.settings import AuthFlow, SalesforceSettings

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
BUCKET = "theirs"
RULES = Rules(LinkBuilder("https://files.example.com", "ours"), frozenset({BUCKET}), frozenset(), 1_000, every_source=True)


def never() -> bool:
    return False


class BackupWorld:
    """An org with accounts and entries, and the backups that look at them."""

    def __init__(self, simulator: SalesforceSimulator) -> None:
        self.org = simulator.org
        settings = SalesforceSettings(login_url=simulator.url, auth=AuthFlow.CLIENT_CREDENTIALS)
        secret = {"client_id": simulator.client_id, "client_secret": simulator.client_secret}
        self.reader = EntryReader(client=connect(settings, secret, cache=MemoryTokenCache()), settings=settings)
        table = create_table(compose.aws("dynamodb"), "backup")
        self.store, self.ledger, self.log = RunStore(table), Ledger(table), RequestLog(table)
        self.lock = Lock(table=table, name=Context.FILES, is_running=lambda _: True)
        compose.aws("s3").create_bucket(Bucket="work-bucket")
        self.look: SourceLook = found
        self.work = WorkBucket(client=compose.aws("s3"), bucket="work-bucket")

    # -- what there is ------------------------------------------------------------------------------------------------

    def account(self, name: str = "Acme") -> str:
        return str(self.org.insert("Account", {"Name": name}))

    def entry(self, account: str | None, name: str = "a.txt") -> str:
        fields = {"Name": name, "URL__c": f"https://{BUCKET}.s3.amazonaws.com/{name}", "Account__c": account}
        return str(self.org.insert("DocListEntry__c", {field: value for field, value in fields.items() if value}))

    def known(self, account: str, entry: str, state: FileState = FileState.VERIFIED, name: str = "a.txt") -> FileItem:
        """A file that an earlier run has dealt with."""
        switched = state is FileState.SWITCHED
        file = FileItem(
            account,
            entry,
            state,
            name,
            f"https://{BUCKET}.s3.amazonaws.com/{name}",
            key=f"uploads/{account}/{entry}",
            size=1,
            etag="e",
            proof=VerifiedBy.ETAG,
            new_url=f"https://files.example.com/uploads/{account}/{entry}" if switched else None,
            run="backup-0",
        )
        self.ledger.write(file)
        return replace(file, version=1)

    def states(self, account: str) -> dict[str, int]:
        """As the account's summary has them."""
        summary = self.ledger.summary(account)
        return {} if summary is None else summary.states

    # -- runs ---------------------------------------------------------------------------------------------------------

    def begin(self, run_id: str = "backup-1", *, arn: str = "arn:1", **options: Any) -> RunRecord:
        """A run that holds the lock."""
        kind = RunKind(run_id.partition("-")[0])
        granted = self.lock.acquire(run_id=run_id, execution_arn=arn)
        record = RunRecord(
            run_id=run_id,
            kind=kind,
            options=Options.model_validate({"mode": "full" if kind is RunKind.BACKUP else "execute", **options}),
            status=RunStatus.RUNNING,
            execution_arn=arn,
            fence=getattr(granted, "fence", 0),
            started_at="2026-01-02T11:00:00.000Z",
        )
        return self.store.claim(record)

    def list_packet(
        self,
        record: RunRecord,
        scope: PacketScope,
        *,
        time_is_up: Callable[[], bool] = never,
        cursor: dict[str, Any] | None = None,
        store: RunStore | None = None,
        shard_size: int = 2,
        batch: int = 5_000,
    ) -> ListFilesReply:
        """One call of ListFiles."""
        run = context_of(record)
        listing = Listing(
            run=run,
            reader=self.reader,
            ledger=self.ledger,
            look=self.look,
            work=self.work,
            rules=RULES,
            prefix="",
            limits=KeyLimits(link_base_length=30),
            shard_size=shard_size,
            max_files=record.options.max_files,
            batch=batch,
        )
        request = ListFilesRequest(run=run, packet=scope, cursor=cursor)
        return list_files(
            request,
            listing=listing,
            reader=self.reader,
            store=store or self.store,
            work=self.work,
            now=lambda: NOW,
            time_is_up=time_is_up,
        )

    def parts(self, record: RunRecord) -> list[Row]:
        return list(self.store.results(record.run_id, "PACKET#"))

    def accounts_of(self, part: Row) -> dict[str, Row]:
        return {row["account_id"]: row for row in self.work.rows(part["accounts"])}

    def shards(self, record: RunRecord) -> list[Row]:
        return [shard for part in self.parts(record) for shard in shards_of(part, self.work)]

    def manifest(self, record: RunRecord) -> dict[str, ManifestRow]:
        """What a run's shards say, by entry."""
        rows = (ManifestRow.from_json(line) for shard in self.shards(record) for line in self.work.rows(shard["manifest"]))
        return {row.file.entry_id: row for row in rows}

    def copied(self, record: RunRecord) -> None:
        """Every shard without a result is copied and validated."""
        for shard in self.shards(record):
            if self.store.result(record.run_id, f"SHARD#{shard['shard']}"):
                continue
            rows = [ManifestRow.from_json(line) for line in self.work.rows(shard["manifest"])]
            for row in rows:
                file = replace(row.file, run=record.run_id, fence=record.fence)
                if row.location is not None:
                    file = replace(file, state=FileState.VERIFIED, key=row.keys[0], size=1, etag="e", proof=VerifiedBy.ETAG)
                self.ledger.write(file)
            counts = dict.fromkeys(("skipped", "held_back", "conflicts", "deleted", "failed", "bytes"), 0)
            counts |= {"copied": len(rows), "verified": len(rows), "files": len(rows)}
            self.store.record(record.run_id, f"SHARD#{shard['shard']}", {**counts, "classes": {}, "errors": None})


def found(
    locations: Sequence[S3Location | HttpLocation],
) -> list[tuple[S3Location | HttpLocation, SourceFacts | str | None]]:
    """Every source is there."""
    return [(location, SourceFacts(size=1, etag="e")) for location in locations]


def packet(*accounts: str, number: int = 0, large: bool = False, named: bool = False) -> PacketScope:
    """All accounts from the first to the last; `named`: just these."""
    ordered = tuple(sorted(accounts))
    return PacketScope(number, ordered[0], ordered[-1], ordered if named else (), large, None)


@contextmanager
def backup_world() -> Iterator[BackupWorld]:
    endpoint = Endpoint()
    endpoint.start()
    compose.forget()
    try:
        with SalesforceSimulator() as simulator:
            yield BackupWorld(simulator)
    finally:
        endpoint.stop()
        compose.forget()
