"""Puts a sample org where Waybill finds it: objects into the source bucket, accounts and entries into Salesforce."""

import mimetypes
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from local.samples.model import SampleDelta, SampleFile, SampleOrg

COLLECTION = 200  # records in one call of Salesforce's sObject Collections

Insert = Callable[[str, list[dict[str, Any]]], list[str]]  # sobject and records -> ids, in order
Update = Callable[[str, str, dict[str, Any]], None]  # sobject, id, fields
Delete = Callable[[str, str], None]  # sobject, id
Progress = Callable[[str, int, int], None]  # what, done, total


class Objects(Protocol):
    """What is needed of an S3 client."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> Any: ...  # noqa: N803 - boto3's names


@dataclass(frozen=True, slots=True)
class Loaded:
    """Ids in the order of the org's accounts and files; what was put into the bucket."""

    account_ids: tuple[str, ...]
    entry_ids: tuple[str, ...]
    objects: int
    size: int


def load(
    org: SampleOrg,
    *,
    s3: Objects,
    insert: Insert,
    source_bucket: str,
    put_concurrency: int = 8,
    progress: Progress | None = None,
) -> Loaded:
    """Objects first, so that no entry ever points at nothing that is still to come. Raises what `s3` and `insert` raise."""
    tell = progress or _silent
    objects, size = _put(org.files, s3=s3, bucket=source_bucket, put_concurrency=put_concurrency, progress=tell)
    accounts = _insert("Account", [{"Name": account.name} for account in org.accounts], insert, tell)
    rows = [record(file, accounts) for file in org.files]
    return Loaded(tuple(accounts), tuple(_insert("DocListEntry__c", rows, insert, tell)), objects, size)


def load_delta(
    delta: SampleDelta,
    loaded: Loaded,
    *,
    s3: Objects,
    insert: Insert,
    update: Update,
    delete: Delete,
    source_bucket: str,
    put_concurrency: int = 8,
) -> Loaded:
    """Makes the changes. Returns the ids of the added entries, with the accounts as they were."""
    others = [file for _, file in (*delta.changed, *delta.repointed)]
    objects, size = _put([*delta.added, *others], s3=s3, bucket=source_bucket, put_concurrency=put_concurrency, progress=_silent)
    ids = _insert("DocListEntry__c", [record(file, loaded.account_ids) for file in delta.added], insert, _silent)
    for place, file in delta.repointed:
        update("DocListEntry__c", loaded.entry_ids[place], {"URL__c": file.url})
    for place, name in delta.renamed:
        update("DocListEntry__c", loaded.entry_ids[place], {"Name": name})
    for place in delta.deleted:
        delete("DocListEntry__c", loaded.entry_ids[place])
    return Loaded(loaded.account_ids, tuple(ids), objects, size)


def record(file: SampleFile, account_ids: Sequence[str]) -> dict[str, Any]:
    """The entry's fields for Salesforce; what it does not have is left out."""
    account: Mapping[str, str] = {} if file.account_index is None else {"Account__c": account_ids[file.account_index]}
    fields = {"Name": file.name, "URL__c": file.url, **account}
    return {name: value for name, value in fields.items() if value}


def _put(files: Iterable[SampleFile], *, s3: Objects, bucket: str, put_concurrency: int, progress: Progress) -> tuple[int, int]:
    """Number of objects and bytes put. Bodies are made one after the other, and only a few are held at a time."""
    present = [(file, file.body) for file in files if file.body is not None]
    size = done = 0
    under_way: deque[Future[object]] = deque()

    def finish_one() -> None:
        nonlocal done
        under_way.popleft().result()
        done += 1
        progress("objects", done, len(present))

    with ThreadPoolExecutor(put_concurrency, thread_name_prefix="samples") as pool:
        for file, body in present:
            if len(under_way) >= 2 * put_concurrency:
                finish_one()
            content = body()
            size += len(content)
            kind = mimetypes.guess_type(file.key)[0] or "application/octet-stream"
            under_way.append(pool.submit(s3.put_object, Bucket=bucket, Key=file.key, Body=content, ContentType=kind))
        while under_way:
            finish_one()
    return done, size


def _insert(sobject: str, rows: list[dict[str, Any]], insert: Insert, progress: Progress) -> list[str]:
    ids: list[str] = []
    for start in range(0, len(rows), COLLECTION):
        ids += insert(sobject, rows[start : start + COLLECTION])
        progress(sobject, len(ids), len(rows))
    if len(ids) != len(rows):
        raise ValueError(f"Salesforce took {len(ids)} of {len(rows)} {sobject} records.")
    return ids


def _silent(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""
