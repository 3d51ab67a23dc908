"""Loading puts every object, inserts in collections of 200, and applies a delta to the right records."""

import threading
from typing import Any

import pytest

from local.samples.load import load, load_delta
from local.samples.model import SOURCE_BUCKET
from local.samples.org import build_org, delta


class Bucket:
    """Takes objects like S3, from several threads."""

    def __init__(self, *, refuse: str = "") -> None:
        self.objects: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self._refuse = refuse
        self._lock = threading.Lock()

    def put_object(self, **request: Any) -> dict[str, str]:
        assert request["Bucket"] == SOURCE_BUCKET
        if request["Key"] == self._refuse:
            raise PermissionError(request["Key"])
        with self._lock:
            self.objects[request["Key"]] = request["Body"]
            self.types[request["Key"]] = request["ContentType"]
        return {}


class Org:
    """Takes records like Salesforce."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.calls: list[int] = []

    def insert(self, sobject: str, rows: list[dict[str, Any]]) -> list[str]:
        self.calls.append(len(rows))
        ids = [f"{sobject}-{len(self.records) + place}" for place in range(len(rows))]
        self.records.update(zip(ids, (dict(row) for row in rows), strict=True))
        return ids

    def update(self, sobject: str, record_id: str, fields: dict[str, Any]) -> None:
        assert record_id.startswith(sobject)
        self.records[record_id].update(fields)

    def delete(self, sobject: str, record_id: str) -> None:
        assert record_id.startswith(sobject)
        del self.records[record_id]


def test_every_object_and_record_arrives() -> None:
    org, bucket, salesforce, steps = build_org(files=450, problems=True), Bucket(), Org(), list[tuple[str, int, int]]()
    loaded = load(
        org,
        s3=bucket,
        insert=salesforce.insert,
        source_bucket=SOURCE_BUCKET,
        put_concurrency=3,
        progress=lambda what, done, total: steps.append((what, done, total)),
    )
    present = {file.key: file.body() for file in org.files if file.body is not None}
    assert bucket.objects == present
    assert (loaded.objects, loaded.size) == (len(present), sum(map(len, present.values())))
    assert max(salesforce.calls) == 200
    assert len(loaded.entry_ids) == len(org.files)
    for file, entry_id in zip(org.files, loaded.entry_ids, strict=True):
        row = salesforce.records[entry_id]
        assert (row.get("Name", ""), row.get("URL__c", "")) == (file.name, file.url)
        account = row.get("Account__c")
        assert account == (None if file.account_index is None else loaded.account_ids[file.account_index])
    assert salesforce.records[loaded.account_ids[3]] == {"Name": org.accounts[3].name}
    assert bucket.types["docs/2021/contract.pdf"] == "application/pdf"
    assert ("objects", len(present), len(present)) in steps
    assert steps[-1] == ("DocListEntry__c", len(org.files), len(org.files))


def test_a_refused_object_stops_the_load_before_any_record() -> None:
    salesforce = Org()
    with pytest.raises(PermissionError, match=r"contract\.pdf"):
        load(
            build_org(files=30),
            s3=Bucket(refuse="docs/2021/contract.pdf"),
            insert=salesforce.insert,
            source_bucket=SOURCE_BUCKET,
        )
    assert salesforce.records == {}


def test_a_record_that_salesforce_does_not_take_is_noticed() -> None:
    with pytest.raises(ValueError, match="0 of 3 Account"):
        load(
            build_org(files=3, accounts=3),
            s3=Bucket(),
            insert=lambda _sobject, _rows: [],
            source_bucket=SOURCE_BUCKET,
        )


def test_a_delta_reaches_the_right_records() -> None:
    org, bucket, salesforce = build_org(files=300), Bucket(), Org()
    loaded = load(org, s3=bucket, insert=salesforce.insert, source_bucket=SOURCE_BUCKET)
    changes = delta(org)
    added = load_delta(
        changes,
        loaded,
        s3=bucket,
        insert=salesforce.insert,
        update=salesforce.update,
        delete=salesforce.delete,
        source_bucket=SOURCE_BUCKET,
    )
    for file, entry_id in zip(changes.added, added.entry_ids, strict=True):
        assert salesforce.records[entry_id]["URL__c"] == file.url
    for place, file in (*changes.changed, *changes.repointed):
        assert file.body is not None
        assert bucket.objects[file.key] == file.body()
        assert salesforce.records[loaded.entry_ids[place]]["URL__c"] == file.url
    for place, name in changes.renamed:
        assert salesforce.records[loaded.entry_ids[place]]["Name"] == name
    for place in changes.deleted:
        assert loaded.entry_ids[place] not in salesforce.records
    assert len(salesforce.records) == 25 + 300 + len(changes.added) - len(changes.deleted)
