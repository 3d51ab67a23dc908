"""The reference model: what users and owners of sources have, and what each run must make of it. No more than the design's rules."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from waybill.files.domain import NO_ACCOUNT
from waybill.files.domain import FileState as State


@dataclass
class Entry:
    """An entry as its users see it. `mine`: the last link that a user gave it. `touched`: the age in which its row last changed."""

    id: str
    account: str
    name: str
    mine: str
    touched: int
    deleted: bool = False


@dataclass(frozen=True)
class File:
    """What the ledger is to know of an entry. `copy`: the bytes of a copy that is good. `link`: where that copy is, or would be."""

    account: str
    state: State
    url: str
    copy: bytes | None = None
    link: str | None = None
    new: str | None = None
    by: str | None = None
    error: str | None = None


Files = dict[str, File]


@dataclass
class World:
    """All that users and owners of sources did. `shown`: what stands in Salesforce, their own link or Waybill's."""

    is_own: Callable[[str], bool]
    entries: dict[str, Entry] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    # Link of a source -> its key; key -> content, None while it is gone.
    keys: dict[str, str] = field(default_factory=dict)
    sources: dict[str, bytes | None] = field(default_factory=dict)
    # An age ends when more time passes than incremental runs look back.
    age: int = 0
    # The age of an account's last complete listing; None where a run broke off, and it cannot be said.
    listed: dict[str, int | None] = field(default_factory=dict)

    def opens(self, link: str) -> bytes | None:
        """What a user gets by a link to a source."""
        return self.sources.get(self.keys.get(link, ""))

    @property
    def living(self) -> dict[str, Entry]:
        return {entry.id: entry for entry in self.entries.values() if not entry.deleted}


@dataclass(frozen=True)
class Expected:
    """Where a run ends: files, which entries show Waybill's link, and the counts of its report."""

    files: Files
    switched: frozenset[str]
    restored: frozenset[str]
    counts: Mapping[str, int]


class Scope:
    """The accounts of a run: those named, or all."""

    def __init__(self, accounts: Collection[str] = ()) -> None:
        self._accounts = frozenset(accounts)

    def __contains__(self, account: str) -> bool:
        return not self._accounts or account in self._accounts

    @property
    def everything(self) -> bool:
        return not self._accounts


def after_backup(world: World, files: Files, scope: Scope, *, full: bool, dry: bool = False) -> Expected:
    """Every entry in scope is looked at; a file follows its entry to an account in scope; what is gone is noted."""
    after, counts = dict(files), Counter[str]()
    for entry in world.living.values():
        if entry.account not in scope:
            continue
        known = files.get(entry.id)
        found = _looked_at(world, entry, known, full=full)
        after[entry.id] = found
        _count(counts, world, known, found)
    for entry_id, known in files.items():
        # Where an entry moved out of scope, nothing is known of it but that it exists.
        if entry_id not in world.living and known.account in scope and known.state is not State.ENTRY_DELETED:
            after[entry_id] = replace(known, state=State.ENTRY_DELETED, error="ENTRY_DELETED")
    return Expected(files if dry else after, frozenset(), frozenset(), counts)


def _looked_at(world: World, entry: Entry, known: File | None, *, full: bool) -> File:
    shown = world.shown[entry.id]
    if known is not None and known.state is State.SWITCHED:
        if shown == known.new:
            return replace(known, account=entry.account)
        return replace(known, account=entry.account, state=State.CONFLICT, error="EDITED")
    if world.is_own(shown):
        if known is not None and known.link == shown and known.copy is not None:
            # Not yet said to be switched; or deleted, edited or rolled back, and there again.
            return File(entry.account, State.VERIFIED, known.url, copy=known.copy, link=known.link)
        if known is not None and known.error == "OWN_LINK":
            return replace(known, account=entry.account)
        old = known.url if known else shown
        return File(entry.account, State.EXCLUDED, old, link=known.link if known else None, error="OWN_LINK")
    held = known is not None and known.state is State.VERIFIED and known.url == shown
    if known is not None and held and not full and known.account == entry.account and _untouched(world, entry):
        return known
    if shown not in world.keys:
        return File(entry.account, State.FAILED, shown, link=known.link if known else None, error="MALFORMED_URL")
    content = world.opens(shown)
    if known is not None and held and content is None:
        return replace(known, account=entry.account)
    if content is None:
        return File(entry.account, State.SOURCE_MISSING, shown, link=known.link if known else None, error="SOURCE_MISSING")
    link = known.link if known is not None and known.copy == content else None
    return File(entry.account, State.VERIFIED, shown, copy=content, link=link)


def _untouched(world: World, entry: Entry) -> bool:
    listed = world.listed.get(entry.account)
    return listed is not None and entry.touched < listed


def _count(counts: Counter[str], world: World, known: File | None, found: File) -> None:
    """`good`: files whose bytes the run copied or found copied. Copied or skipped depends on the objects that are there."""
    counts["total"] += 1
    told = known is not None and replace(known, account=found.account) == found
    match found.state:
        case State.VERIFIED | State.ROLLED_BACK:
            counts["verified"] += 1
            counts["good"] += 1
            counts["to_copy"] += known is None or known.copy != found.copy
            counts["to_verify"] += known is not None and not told and known.copy == found.copy
        case State.CONFLICT:
            counts["conflicts"] += 1
        case State.EXCLUDED if told:
            counts["good"] += 1  # nothing to be done about it, as before
        case State.EXCLUDED:
            counts["held_back"] += 1
        case State.SWITCHED:
            counts["good"] += 1
        case _:
            counts["failed"] += 1


def after_cutover(world: World, files: Files, scope: Scope, *, run: str, dry: bool) -> Expected:
    """The delta first; then what is verified, whose entry is where it was listed and whose source is what was copied, is switched."""
    delta = after_backup(world, files, scope, full=True)
    after, switched = dict(delta.files), set[str]()
    counts = Counter({name: delta.counts.get(name, 0) for name in ("total", "verified", "good", "conflicts", "to_copy")})
    counts["held_back"] = delta.counts.get("failed", 0) + delta.counts.get("held_back", 0)
    for entry_id, file in delta.files.items():
        if file.state is not State.VERIFIED or file.account not in scope:
            continue
        entry = world.living.get(entry_id)
        if entry is None:
            continue
        shown = world.shown[entry_id]
        if file.link == shown:
            counts["switched"] += 1
            after[entry_id] = replace(file, state=State.SWITCHED, new=shown, by=run, error=None)
        elif entry.account != file.account or world.opens(file.url) != file.copy or shown != file.url:
            counts["held_back"] += 1
        else:
            counts["switched"] += 1
            switched.add(entry_id)
            after[entry_id] = replace(file, state=State.SWITCHED, by=run, error=None)
    if dry:
        counts["to_switch"] = counts.pop("switched", 0)
        return Expected(files, frozenset(), frozenset(), counts)
    return Expected(after, frozenset(switched), frozenset(), counts)


def after_rollback(world: World, files: Files, wanted: Callable[[File], bool], *, dry: bool) -> Expected:
    """Whatever shows Waybill's link gets the old one back; what a user has changed since is left alone."""
    after, restored, counts = dict(files), set[str](), Counter[str]()
    for entry_id, file in files.items():
        link = file.new or (file.link if file.state is State.VERIFIED else None)
        if link is None or not wanted(file):
            continue
        shown = world.shown.get(entry_id) if entry_id in world.living else None
        sure = file.state is State.SWITCHED
        if shown == link:
            restored.add(entry_id)
            counts["rolled_back"] += 1
            after[entry_id] = replace(file, state=State.ROLLED_BACK, new=None, by=None, error=None)
        elif sure and shown is None:
            after[entry_id] = replace(file, state=State.ENTRY_DELETED, error="ENTRY_DELETED")
        elif sure and shown == file.url:
            counts["rolled_back"] += 1
            after[entry_id] = replace(file, state=State.ROLLED_BACK, new=None, by=None, error=None)
        elif sure:
            counts["conflicts"] += 1
            after[entry_id] = replace(file, state=State.CONFLICT, error="CONFLICT")
    if dry:
        counts["to_restore"] = counts.pop("rolled_back", 0)
        return Expected(files, frozenset(), frozenset(), counts)
    return Expected(after, frozenset(), frozenset(restored), counts)


def accounts_of(files: Iterable[File]) -> dict[str, Counter[str]]:
    """Files by account and state: what the summaries must say."""
    found: dict[str, Counter[str]] = {}
    for file in files:
        found.setdefault(file.account, Counter())[file.state.value] += 1
    return found


__all__ = [
    "NO_ACCOUNT", "Entry", "Expected", "File", "Files", "Scope", "State", "World", "accounts_of", "after_backup", "after_cutover",
    "after_rollback",
]  # fmt: skip
