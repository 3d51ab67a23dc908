"""A stage's table on moto, runs with facts, and who tells of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.contract.conftest import create_table
from waybill.live.events import Event
from waybill.live.feed import Feed
from waybill.live.looking import Watcher
from waybill.runs.model import Counts, ErrorRow, Options, RunKind, RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket
from waybill.table import Table

BEGAN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RUN = "backup-1"


@dataclass
class Stage:
    """`now` is what its clock says."""

    table: Table
    work: WorkBucket
    now: datetime = BEGAN
    told: list[Event] = field(default_factory=list)

    @property
    def store(self) -> RunStore:
        return RunStore(self.table)

    @property
    def feed(self) -> Feed:
        return Feed(self.table)

    def watcher(self) -> Watcher:
        return Watcher(store=self.store, work=self.work, feed=self.feed, now=lambda: self.now)

    def look(self, run_id: str = RUN, *, later: float = 60) -> list[Event]:
        """What is told of the run `later` seconds after the last look."""
        self.now += timedelta(seconds=later)
        found = self.watcher().look(run_id)
        self.told += found
        return found

    def run(self, run_id: str = RUN, **more: Any) -> RunRecord:
        kind = RunKind(run_id.partition("-")[0])
        given = {"mode": "full" if kind is RunKind.BACKUP else "execute", **more.pop("options", {})}
        record = RunRecord(
            run_id=run_id,
            kind=kind,
            options=Options(**given),
            status=RunStatus.RUNNING,
            execution_arn=f"arn:aws:states:us-east-1:1:execution:{kind}:1",
            fence=1,
            started_at="2026-11-21T12:00:00.000Z",
            **more,
        )
        return self.store.claim(record)

    def packet(self, total: int, *, number: int = 0) -> None:
        names = ("skipped", "skipped_verified", "to_copy", "bytes_to_copy", "to_verify", "failed", "held_back", "conflicts")
        self.store.record(RUN, f"PACKET#{number:05d}-0000", {**dict.fromkeys(names, 0), "total": total, "after": None})

    def shard(self, number: int, *, verified: int, failed: int = 0, run_id: str = RUN) -> None:
        """A shard's fact, and its error rows."""
        key = f"runs/{run_id}/errors/{number:05d}.jsonl"
        rows = [ErrorRow(error_class="SOURCE_MISSING", message="gone", entry_id=f"a0{n}", name=f"{n}.txt") for n in range(failed)]
        if failed:
            self.work.put_rows(key, (row.model_dump(by_alias=True) for row in rows))
        counts = {
            "copied": verified,
            "verified": verified,
            "failed": failed,
            "skipped": 0,
            "held_back": 0,
            "conflicts": 0,
            "bytes": verified,
        }
        classes = {"SOURCE_MISSING": failed} if failed else {}
        self.store.record(run_id, f"SHARD#{number:05d}", {**counts, "errors": key if failed else None, "classes": classes})

    def end(self, record: RunRecord, status: RunStatus = RunStatus.COMPLETED, **counts: int) -> None:
        ended = "2026-11-21T13:00:00.000Z"
        arn = self.store.get(record.run_id).execution_arn
        self.store.finish(
            record.run_id, execution_arn=arn, status=status, ended_at=ended, message="", counts=Counts(**counts), errors=[]
        )


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="work")
        yield Stage(create_table(boto3.client("dynamodb"), "ledger"), WorkBucket(client=s3, bucket="work"))
