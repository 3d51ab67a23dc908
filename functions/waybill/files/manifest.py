"""The rows of a shard's manifest: what listing hands to copying, as JSON lines in the work bucket."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from waybill.errors import WorkDamaged
from waybill.files.domain import FileState, HttpLocation, S3Location, SourceFacts, VerifiedBy
from waybill.files.jobs import CopyJob
from waybill.files.ledger import FileItem
from waybill.lean import lean

Json = dict[str, Any]


@lean(frozen=True, slots=True)
class ManifestRow:
    """One file of a shard.

    Without a `location` nothing is copied: `file` is what the ledger is to learn. With one, `file` is the discovered file and
    `keys` are the destination keys to try, in order. `suspect`: the entry is unknown, and older than the last backup: it may
    have moved here from another account.
    """

    file: FileItem
    location: S3Location | HttpLocation | None = None
    facts: SourceFacts | None = None
    keys: tuple[str, ...] = ()
    suspect: bool = False

    def to_json(self) -> Json:
        row: Json = {"file": file_to_json(self.file)}
        if isinstance(self.location, S3Location):
            row["s3"] = _given(self.location)
        elif isinstance(self.location, HttpLocation):
            row["http"] = self.location.url
        if self.facts is not None:
            facts = _given(self.facts)
            facts.pop("modified", None)
            row["facts"] = facts
        if self.keys:
            row["keys"] = list(self.keys)
        if self.suspect:
            row["suspect"] = True
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "ManifestRow":
        """Raises WorkDamaged."""
        try:
            return cls._from_json(row)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(error) from error

    @classmethod
    def _from_json(cls, row: Mapping[str, Any]) -> "ManifestRow":
        return cls(
            file=file_from_json(row["file"]),
            location=_location(row),
            facts=SourceFacts(**row["facts"]) if "facts" in row else None,
            keys=tuple(row.get("keys", ())),
            suspect=row.get("suspect", False),
        )


class ManifestLine:
    """A manifest's row, read as far as it is asked: copying needs the job, validation the file. One that is damaged raises WorkDamaged."""

    __slots__ = ("_row", "entry_id", "suspect", "to_copy")

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row
        try:
            self.entry_id: str = row["file"]["entry_id"]
            self.suspect: bool = row.get("suspect", False)
            self.to_copy = "s3" in row or "http" in row
        except (KeyError, TypeError) as error:
            raise _damaged(error) from error

    def job(self, bucket: str, *, deep: bool) -> CopyJob | None:
        """None where nothing is to be copied."""
        row = self._row
        try:
            location = _location(row)
            if location is None:
                return None
            facts = SourceFacts(**row["facts"]) if "facts" in row else None
            return CopyJob(self.entry_id, location, facts, bucket, tuple(row["keys"]), deep=deep)
        except (KeyError, TypeError) as error:
            raise _damaged(error) from error

    def file(self) -> FileItem:
        try:
            return file_from_json(self._row["file"])
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(error) from error

    def whole(self) -> ManifestRow:
        return ManifestRow.from_json(self._row)


def _location(row: Mapping[str, Any]) -> S3Location | HttpLocation | None:
    if "s3" in row:
        return S3Location(**row["s3"])
    return HttpLocation(row["http"]) if "http" in row else None


def _damaged(error: Exception) -> WorkDamaged:
    return WorkDamaged(f"A row of a manifest is not what Waybill wrote ({type(error).__name__}).")


def file_to_json(file: FileItem) -> Json:
    return _given(file)


def file_from_json(row: Mapping[str, Any]) -> FileItem:
    proof = row.get("proof")
    return FileItem(**{**row, "state": FileState(row["state"]), "proof": VerifiedBy(proof) if proof else None})


_FIELDS = {kind: (kind.__slots__, attrgetter(*kind.__slots__)) for kind in (FileItem, S3Location, SourceFacts)}


def _given(value: FileItem | S3Location | SourceFacts) -> Json:
    """The fields that are not None."""
    names, values = _FIELDS[type(value)]
    return {name: given for name, given in zip(names, values(value), strict=True) if given is not None}
