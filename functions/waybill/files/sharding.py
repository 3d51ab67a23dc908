"""Gathers what listing has decided into shards, the manifests that copying works on, and counts what they hold."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from waybill.files.discovery import Skip
from waybill.files.domain import FileState
from waybill.files.manifest import ManifestRow
from waybill.runs.work import Row, WorkBucket, run_prefix, to_lines


@dataclass(slots=True)
class Part:
    """What one call of ListFiles did: stored once per packet and sequence number, never replaced."""

    total: int = 0
    skipped: int = 0
    skipped_verified: int = 0
    to_copy: int = 0
    bytes_to_copy: int = 0
    to_verify: int = 0
    failed: int = 0
    held_back: int = 0
    conflicts: int = 0
    suspects: int = 0
    shards: list[Row] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "shards"}


def shards_of(part: Mapping[str, Any], work: WorkBucket) -> Iterator[Row]:
    """The shards of a part that was recorded. Their number has no bound, so that an object lists them, and not the table's item."""
    return work.rows(part["shards"]) if part["shards"] else iter(())


def put_hashed(work: WorkBucket, stem: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Writes rows under their content's hash: an attempt that saw others cannot replace what was recorded. Gives the key."""
    body = to_lines(rows)
    key = f"{stem}-{sha256(body).hexdigest()[:12]}.jsonl"
    work.put(key, body, content_type="application/jsonl")
    return key


class Shards:
    """Gathers manifest rows into shards and counts what they hold."""

    def __init__(self, *, work: WorkBucket, run_id: str, stem: str, size: int) -> None:
        self._work, self._folder, self._stem, self._size = work, f"{run_prefix(run_id)}shards/", stem, size
        self.part = Part()
        self._rows: list[ManifestRow] = []

    def skip(self, skip: Skip) -> None:
        self.part.skipped += 1
        self.part.skipped_verified += skip.verified

    def add(self, row: ManifestRow) -> None:
        self._rows.append(row)
        part = self.part
        part.suspects += row.suspect
        if row.location is not None:
            part.to_copy += 1
            part.bytes_to_copy += row.facts.size if row.facts else 0
        else:
            match row.file.state:
                case FileState.VERIFIED:
                    part.to_verify += 1
                case FileState.EXCLUDED:
                    part.held_back += 1
                case FileState.CONFLICT:
                    part.conflicts += 1
                case FileState.ENTRY_DELETED:
                    pass
                case _:
                    part.failed += 1
        if len(self._rows) >= self._size:
            self.close()

    def close(self) -> None:
        if not self._rows:
            return
        shard = f"{self._stem}-{len(self.part.shards):04d}"
        key = put_hashed(self._work, f"{self._folder}{shard}", (row.to_json() for row in self._rows))
        self.part.shards.append(
            {
                "shard": shard,
                "manifest": key,
                "files": len(self._rows),
                "first": self._rows[0].file.account_id,
                "last": self._rows[-1].file.account_id,
                "suspects": sum(row.suspect for row in self._rows),
            }
        )
        self._rows = []
