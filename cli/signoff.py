"""The sign-off of a migration on one page: does what Salesforce, the ledger and the buckets say agree, account by account?"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.cells import cell_len, set_cell_size

from cli import words


@dataclass(frozen=True, slots=True)
class FileEvidence:
    """What was seen of one entry after the cutover: `source` and `new` are SHA-256 of the bytes, None where there are none."""

    account_id: str
    account_name: str
    entry_id: str
    name: str
    size: int
    old_url: str
    link: str
    source: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the ledger says of one entry now."""

    state: str
    message: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the page rests on. `links_now`: each entry's link in Salesforce at the end."""

    source: str
    destination: str
    day: datetime
    files: Sequence[FileEvidence]
    links_now: Mapping[str, str]
    ledger: Mapping[str, Ledger]
    runs: Sequence[Mapping[str, Any]]
    phase1_writes: int
    seconds: float

    @property
    def agreed(self) -> bool:
        return self.phase1_writes == 0 and all(account.agrees for account in accounts(self))


@dataclass(frozen=True, slots=True)
class Account:
    """One account's lines of evidence, summed up."""

    name: str
    entries: int
    moved: int
    restored: int
    left: int
    size: int
    source_sum: str
    new_sum: str
    faults: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        return not self.faults and self.source_sum == self.new_sum


def accounts(evidence: Evidence) -> list[Account]:
    """The accounts, the largest first."""
    grouped: dict[str, list[FileEvidence]] = defaultdict(list)
    for file in evidence.files:
        grouped[file.account_id].append(file)
    return sorted((_account(evidence, files) for files in grouped.values()), key=lambda account: (-account.entries, account.name))


def _account(evidence: Evidence, files: Sequence[FileEvidence]) -> Account:
    moved = [file for file in files if file.new is not None]
    restored = [file for file in moved if evidence.links_now[file.entry_id] == file.old_url]
    return Account(
        name=files[0].account_name,
        entries=len(files),
        moved=len(moved),
        restored=len(restored),
        left=len(files) - len(moved),
        size=sum(file.size for file in moved),
        source_sum=_sum((file.entry_id, file.source) for file in moved),
        new_sum=_sum((file.entry_id, file.new) for file in moved),
        faults=tuple(fault for file in files if (fault := _fault(evidence, file))),
    )


def _sum(pairs: Any) -> str:
    """One checksum over all files of an account: of each entry's id and its content's SHA-256."""
    whole = hashlib.sha256()
    for entry_id, content in sorted(pairs):
        whole.update(f"{entry_id} {content}\n".encode())
    return whole.hexdigest()[:12]


def _fault(evidence: Evidence, file: FileEvidence) -> str | None:
    """Where the three sides contradict each other about one file; None where they agree."""
    known = evidence.ledger.get(file.entry_id)
    link = evidence.links_now.get(file.entry_id)
    if known is None:
        return f"{file.name}: the ledger does not know it"
    if file.new is not None and file.new != file.source:
        return f"{file.name}: the new link's bytes are not the source's"
    expected = {"switched": file.link, "rolled_back": file.old_url}.get(known.state, file.old_url)
    if link != expected:
        return f"{file.name}: the ledger says {known.state}, Salesforce has another link"
    if file.new is None and file.source is not None:
        return f"{file.name}: it has a source and was not moved ({known.state})"
    return None


_COLUMNS = (
    ("Account", 30),
    ("entries", 8),
    ("new link", 9),
    ("old link", 9),
    ("size", 10),
    ("source", 13),
    ("own bucket", 13),
    ("", 6),
)


def page(evidence: Evidence) -> str:
    """The page, for a manager: plain text, about 100 characters wide."""
    rows = accounts(evidence)
    lines = [
        "═" * 100,
        f"MIGRATION SIGN-OFF{evidence.day:%Y-%m-%d %H:%M} UTC".replace("SIGN-OFF", "SIGN-OFF" + " " * 62),
        f"from {evidence.source} to {evidence.destination}",
        "═" * 100,
        "",
        *_verdict(evidence, rows),
        "",
        _row([title for title, _ in _COLUMNS]),
        "─" * 100,
        *(_row(_cells(row)) for row in rows),
        "─" * 100,
        _row(_totals(rows)),
        "",
        "source, own bucket: one SHA-256 over all files of the account, read from the source and through the links that users open.",
        *_left(evidence),
        "",
        *_history(evidence),
        "═" * 100,
    ]
    return "\n".join(line.rstrip() for line in lines)


def _verdict(evidence: Evidence, rows: Sequence[Account]) -> list[str]:
    agreeing = sum(row.agrees for row in rows)
    moved = sum(row.moved for row in rows)
    verdict = "AGREED" if evidence.agreed else "NOT AGREED"
    lines = [
        f"{verdict}: in {agreeing} of {len(rows)} accounts, Salesforce, the ledger and both buckets say the same.",
        f"{moved:,} files were moved; each was opened by its new link and compared with its source, byte by byte.",
        f"Phase 1 wrote to Salesforce {evidence.phase1_writes} times. Both phases took {evidence.seconds:.0f} s on this machine.",
    ]
    lines += [f"  ! {row.name}: {fault}" for row in rows for fault in row.faults[:5]]
    return lines


def _cells(row: Account) -> list[str]:
    on_new, on_old = row.moved - row.restored, row.restored + row.left
    agree = "agree" if row.agrees else "DIFFER"
    return [
        words.safe(row.name),
        f"{row.entries:,}",
        f"{on_new:,}",
        f"{on_old:,}",
        words.size(row.size),
        row.source_sum,
        row.new_sum,
        agree,
    ]


def _totals(rows: Sequence[Account]) -> list[str]:
    new, old = sum(row.moved - row.restored for row in rows), sum(row.restored + row.left for row in rows)
    entries, size = sum(row.entries for row in rows), sum(row.size for row in rows)
    return [f"{len(rows)} accounts", f"{entries:,}", f"{new:,}", f"{old:,}", words.size(size), "", "", ""]


def _row(cells: Sequence[str]) -> str:
    parts = []
    for number, (cell, (_, width)) in enumerate(zip(cells, _COLUMNS, strict=True)):
        text = set_cell_size(cell, width - 1) if cell_len(cell) > width - 1 else cell
        padding = " " * (width - 1 - cell_len(text))
        parts.append(padding + text if 1 <= number <= 4 else text + padding)
    return " ".join(parts)


def _left(evidence: Evidence) -> list[str]:
    """Files on their old link, and why."""
    left = [file for file in evidence.files if file.new is None]
    restored = [file for file in evidence.files if file.new is not None and evidence.links_now[file.entry_id] == file.old_url]
    lines = [""] if left or restored else []
    lines += [
        f"Left on its old link: {words.safe(file.name)} of {words.safe(file.account_name)}. {evidence.ledger[file.entry_id].message}"
        for file in left
    ]
    if restored:
        name = words.safe(restored[0].account_name)
        lines.append(f"Rolled back, to show the way back: {words.plural(len(restored), 'file')} of {name}. Their copies stay.")
    return lines


def _history(evidence: Evidence) -> list[str]:
    lines = ["What was done:"]
    for run in evidence.runs:
        files = run["files"]
        names = ("copied", "to_switch", "switched", "rolled_back", "held_back", "failed", "conflicts")
        done = ", ".join(f"{files[name]:,} {name.replace('_', ' ')}" for name in names if files.get(name))
        mode = str(run.get("mode", "")).replace("_", " ")
        lines.append(f"  {run['kind']} ({mode}): {done or 'nothing to do'}  [{run['run_id']}]")
    return lines
