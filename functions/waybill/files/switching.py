"""Switching and restoring: which rows, from what value to what, and what became of each. Pure but for what is handed in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from waybill.files.domain import (
    FileEvent,
    FileState,
    HttpLocation,
    S3Location,
    SourceFacts,
    transition,
)
from waybill.files.ledger import FileItem
from waybill.files.urls import LinkBuilder, locate, mask


class Outcome(StrEnum):
    """What became of a row. ALREADY: it had the value that it was to get, from an attempt that could not say so."""

    DONE = "done"
    ALREADY = "already"
    TO_DO = "to_do"
    CONFLICT = "conflict"
    DELETED = "deleted"
    HELD = "held"
    FAILED = "failed"
    LEFT = "left"  # not this step's business: another step of the run sees to it


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is to be changed from `old` to `new`. `held`: class and reason why it is not. `sure`: the ledger says it has `old`."""

    file: FileItem
    old: str
    new: str
    held: tuple[str, str] | None = None
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """A row and what became of it; `found` is the value that a conflict met. `told`: the ledger has it from an earlier attempt."""

    row: Row
    outcome: Outcome
    error: str = ""
    message: str = ""
    found: str | None = None
    told: bool = False


class Direction(Protocol):
    """What tells switching from restoring."""

    def wants(self, file: FileItem) -> bool:
        """Whether the ledger's file is to be looked at."""

    def row(self, file: FileItem) -> Row:
        """What is to be changed."""

    def done(self, row: Row) -> FileItem:
        """The file once its row has the new value."""

    def wrote(self, file: FileItem, found: str) -> bool:
        """Whether Waybill itself has written another link of this file that stands there."""


@dataclass(frozen=True, slots=True)
class Switch:
    """From the old URL to the new one: verified files. Links of the gateway that are out of date are written anew."""

    links: LinkBuilder
    run_id: str

    def wants(self, file: FileItem) -> bool:
        if file.key is None or file.proof is None:
            return False
        return file.state is FileState.VERIFIED or outdated(file, self.links)

    def row(self, file: FileItem) -> Row:
        old = file.new_url if renewed(file) else file.url
        return Row(file, old or "", self.links.link_of(file))

    def done(self, row: Row) -> FileItem:
        state = transition(row.file.state, FileEvent.SWITCHED)
        # Whoever took the row off its source is asked to put it back, and not who gave it another link since.
        run_id = row.file.switched_by if renewed(row.file) else self.run_id
        return replace(row.file, state=state, new_url=row.new, switched_by=run_id, error=None, message=None)

    def wrote(self, file: FileItem, found: str) -> bool:
        return self.links.wrote(file, found)


def renewed(file: FileItem) -> bool:
    """Whether a file that a cutover looks at has a link of Waybill's already: its row gets another one, and is not switched."""
    return file.state is FileState.SWITCHED


def outdated(file: FileItem, links: LinkBuilder) -> bool:
    """Whether a switched file has a link that is to be written anew."""
    return file.state is FileState.SWITCHED and file.new_url is not None and links.stale(file.account_id, file.new_url)


def old_value(row: Row) -> str:
    """What a row of a cutover's plan goes back to, should Waybill be gone: the link that it had before Waybill wrote any."""
    return row.file.url if renewed(row.file) else row.old


@dataclass(frozen=True, slots=True)
class Restore:
    """Back from the value that Waybill wrote to the old URL. `of_run`: only what that run switched."""

    links: LinkBuilder
    of_run: str | None

    def wants(self, file: FileItem) -> bool:
        if file.new_url is not None:
            # Also one that was deleted or edited since: it may be back, or the edit taken back, and nobody has listed it yet.
            return self.of_run is None or file.switched_by == self.of_run
        # A task may have died between switching and saying so: such a row has our URL, the ledger says verified.
        return file.state is FileState.VERIFIED and file.key is not None

    def row(self, file: FileItem) -> Row:
        if file.new_url is not None:
            return Row(file, file.new_url, file.url, sure=file.state is FileState.SWITCHED)
        # While no link can have been written there is nothing to restore: the old value is the new one.
        return Row(file, self.links.link_of(file) if self.links.writes else file.url, file.url, sure=False)

    def wrote(self, file: FileItem, found: str) -> bool:
        return self.links.wrote(file, found)

    def done(self, row: Row) -> FileItem:
        state = row.file.state
        if state in {FileState.CONFLICT, FileState.ENTRY_DELETED}:
            for event in (FileEvent.LISTED_ANEW, FileEvent.COPIED, FileEvent.VERIFIED):
                state = transition(state, event)
        if state is FileState.VERIFIED:
            state = transition(state, FileEvent.SWITCHED)
        restored = transition(state, FileEvent.RESTORED)
        return replace(row.file, state=restored, new_url=None, switched_by=None, error=None, message=None)


def source_of(file: FileItem, *, links: LinkBuilder, source_buckets: frozenset[str]) -> S3Location | HttpLocation | None:
    """Where a verified file came from; None where its URL no longer tells, which only a changed configuration explains."""
    location = locate(file.url, links=links, source_buckets=source_buckets)
    if isinstance(location, S3Location):
        return replace(location, key=file.source_key or location.key, alternate_key=None)
    return location if isinstance(location, HttpLocation) else None


def held_back(file: FileItem, facts: SourceFacts | str | None, *, web: bool) -> tuple[str, str] | None:
    """Why a verified file is not switched after another look at its source; None where all is as it was.

    A server of the web that answers and tells nothing by HEAD (None) was never comparable: its files are switched. One that does
    not answer (a text) may have changed them unseen: they are held back, like those of a bucket that refuses.
    """
    if isinstance(facts, str):
        return ("SOURCE_UNREACHABLE" if web else "SOURCE_DENIED", facts)
    if facts is None:
        return (
            None if web else ("SOURCE_MISSING", "The source is gone since the backup; the copy is kept, the link stays as it is.")
        )
    if facts.etag and file.etag and facts.etag != file.etag:
        return ("SOURCE_CHANGED", "The source changed after it was copied; the next backup copies it again.")
    return None


_TOLD = {
    FileState.SWITCHED: Outcome.ALREADY,
    FileState.ROLLED_BACK: Outcome.ALREADY,
    FileState.CONFLICT: Outcome.CONFLICT,
    FileState.ENTRY_DELETED: Outcome.DELETED,
}


def since_plan(row: Row, current: FileItem | None, *, run_id: str) -> Result | None:
    """What became of a planned row whose item is `current` now; None where it is as planned, and the row is to be gone on with.

    A plan is carried out by whoever comes to it, perhaps days later: what others have changed since is not touched by it.
    """
    if current is not None and current.version == row.file.version:
        return None
    ours = current is not None and current.run == run_id and current.version == row.file.version + 1
    if current is not None and ours and current.state in _TOLD:
        return Result(replace(row, file=current), _TOLD[current.state], current.error or "", current.message or "", told=True)
    message = "The file changed in the ledger after this was planned: the next run sees to it."
    return Result(row, Outcome.HELD, "CHANGED_SINCE_PLAN", message)


def moved_away(row: Row) -> Row:
    """The row, held back because its entry is in another account now."""
    return replace(row, held=("MOVED", "The entry moved to another account after it was listed: the next run follows it."))


def classify(row: Row, found: str | None, *, before_delta: bool, wrote: bool = False) -> Result:
    """What is to be done about a row whose value in Salesforce is `found` (None: the entry is gone).

    `wrote`: it is a link that Waybill wrote there, if another than the ledger knows. `before_delta`: in a cutover's dry run nothing has been copied yet; the delta has listed whatever changed since the backup, and
    counts it.
    """
    if found is None:
        return Result(row, Outcome.LEFT if before_delta or not row.sure else Outcome.DELETED)
    if found == row.new:
        return Result(row, Outcome.ALREADY if row.sure else Outcome.LEFT)
    if before_delta and not wrote and (found != row.old or (row.held is not None and row.held[0] in {"SOURCE_CHANGED", "MOVED"})):
        return Result(row, Outcome.LEFT)
    if row.held is not None:
        return Result(row, Outcome.HELD, *row.held)
    if found == row.old or wrote:
        return Result(row, Outcome.TO_DO)
    return conflict(row, found) if row.sure else Result(row, Outcome.LEFT)


def conflict(row: Row, found: str, *, by: str = "") -> Result:
    who = f", changed by {by}" if by else ""
    message = (
        f"The link is neither the old nor the new one{who}: expected {mask(row.old)}, found {mask(found)}. It is left alone."
    )
    return Result(row, Outcome.CONFLICT, "CONFLICT", message, found)


def confirm(row: Row, found: str | None, *, failure: tuple[str, str] | None) -> Result:
    """What became of a row that was written, by what Salesforce says of it afterwards."""
    if found == row.new:
        return Result(row, Outcome.DONE)
    if found is None:
        return Result(row, Outcome.DELETED)
    if failure is not None:
        return Result(row, Outcome.FAILED, failure[0], failure[1], found)
    if found == row.old:
        return Result(
            row, Outcome.FAILED, "NOT_APPLIED", "Salesforce reported success, and the link is still the old one.", found
        )
    message = f"Another value stands there after the update, from automation or a user: {mask(found)}. It is left alone."
    return Result(row, Outcome.CONFLICT, "CHANGED_AFTERWARDS", message, found)


def settled(result: Result, direction: Direction) -> FileItem | None:
    """What the ledger is to learn of a result; None where nothing."""
    file = result.row.file
    if result.told:
        return None
    match result.outcome:
        case Outcome.DONE | Outcome.ALREADY:
            return direction.done(result.row)
        case Outcome.CONFLICT:
            return replace(file, state=transition(file.state, FileEvent.CONFLICTED), error=result.error, message=result.message)
        case Outcome.DELETED:
            message = "The entry was deleted in Salesforce; its copy is kept."
            return replace(file, state=transition(file.state, FileEvent.DELETED), error="ENTRY_DELETED", message=message)
        case _:
            return None


def outcome_row(result: Result) -> Mapping[str, Any]:
    """A result as a line of the run's outcomes. Whole URLs: the work bucket is as private as the ledger."""
    file = result.row.file
    line = {
        "entry_id": file.entry_id,
        "account_id": file.account_id,
        "name": file.name,
        "old": result.row.old,
        "new": result.row.new,
        "outcome": result.outcome,
        "class": result.error,
        "message": result.message,
        "found": result.found,
        "size": file.size,
        "checksum": file.checksum or file.etag,
    }
    return {name: value for name, value in line.items() if value not in (None, "")}
