"""One object's sheet: changes are written into it, row by row, and what is a person's own in it is left."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from waybill.records.domain import Cell, Origin, RowVerdict, Verdict
from waybill.records.sync.book import Sheet, is_formula, last_row, value_at, write
from waybill.records.sync.cells import UNKNOWN, canonical, cell_of, digest, shown
from waybill.records.sync.changes import Change
from waybill.records.sync.conflicts import Conflict, Decision, explain, explain_no_more, mark
from waybill.records.sync.layout import add_status, dress, grow, ids, make_sheet
from waybill.records.sync.memory import Remembered
from waybill.records.sync.merging import Fate, settle
from waybill.records.sync.plan import ObjectPlan, Place

CONFLICT, REMOVED = "CONFLICT", "REMOVED_IN_WORKBOOK"
_DELETED: Final = "deleted in Salesforce"
_CONFLICT: Final = "conflict"


@dataclass(slots=True, kw_only=True)
class SheetEditor:
    """`conflicts`: what is to be decided, by id and path; at the end, what is still to be. `moment`: the org's, of this sync."""

    book: Workbook
    plan: ObjectPlan
    known: Remembered
    conflicts: dict[tuple[str, str], Conflict]
    file: str
    moment: datetime
    sheet: Sheet = None
    status: int = 0
    warnings: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _rows: dict[str, int] = field(default_factory=dict)
    _last: int = 0
    # The row whose formats and formulas a new one gets; where the sheet's data ended before.
    _model: int = 0
    # Rows whose status may have to change.
    _touched: dict[int, str] = field(default_factory=dict)
    _verdicts: dict[str, RowVerdict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plan = self.plan
        if plan.header:
            self.sheet = self.book[plan.sheet]
            self.status = plan.status or add_status(self.sheet, plan)
        else:
            self.sheet, self.status = make_sheet(self.book, plan), plan.status
        self.known.sheet = self.sheet.title
        self._index()
        self._rebase()

    # -- the sheet as it is -------------------------------------------------------------------------------------------

    @property
    def header(self) -> int:
        return self.plan.header or 1

    def _index(self) -> None:
        twice = 0
        self._last = max(last_row(self.sheet), self.header)
        for row, record in ids(self.sheet, self.plan, last=self._last):
            twice += record in self._rows
            self._rows.setdefault(record, row)
        self._model = max(self._rows.values(), default=0)
        if twice:
            self.warnings.append(
                f"{self.sheet.title}: {twice} rows have an id that stands above already: only the first is kept in step."
            )

    def _rebase(self) -> None:
        """Columns may have come and gone; rows that are deleted in Salesforce and in the sheet are forgotten."""
        known = self.known
        for record in [record for record in known.deleted if record not in self._rows]:
            known.deleted.discard(record)
            known.rows.pop(record, None)
        paths = tuple(self.plan.paths)
        if paths != known.fields:
            for record in known.rows:
                digests = known.digests(record)
                known.rows[record] = "".join(digests.get(path, UNKNOWN) for path in paths)
            known.fields = paths

    # -- what was decided ---------------------------------------------------------------------------------------------

    def decide(self) -> None:
        """Carries out what a person has decided. What he has not, stays."""
        places = {place.path: place for place in self.plan.places}
        for key, conflict in list(self.conflicts.items()):
            record, path = key
            row, place = self._rows.get(record), places.get(path)
            if row is None or place is None or record not in self.known.rows:
                del self.conflicts[key]
                continue
            self._touched[row] = record
            theirs = digest(place.kind, conflict.theirs)
            if conflict.decision is None and self._mine(row, place) != theirs:
                continue
            if conflict.decision is Decision.SALESFORCE:
                self._take(record, row, place, conflict.theirs)
            self._remember(record, path, theirs)
            self._settled(key, row, place)

    def _settled(self, key: tuple[str, str], row: int, place: Place) -> None:
        if self.conflicts.pop(key, None) is not None:
            explain_no_more(self.sheet.cell(row=row, column=place.column))

    def _remember(self, record: str, path: str, base: str) -> None:
        digests = {**self.known.digests(record), path: base}
        self.known.rows[record] = "".join(digests[each] for each in self.known.fields)

    # -- what has changed ---------------------------------------------------------------------------------------------

    def apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if change.values is None:
                self._mark_deleted(change.id)
                continue
            values = [cell_of(place.kind, value) for place, value in zip(self.plan.places, change.values, strict=True)]
            row = self._rows.get(change.id)
            if row is None:
                self._add(change.id, values)
            else:
                self._merge(change.id, row, values)
        if not self.plan.since:
            # All were read: an id that none of them has is of a record that is gone.
            for record in [record for record in self._rows if record not in self.known.rows]:
                self._mark_deleted(record)

    def _mark_deleted(self, record: str) -> None:
        row = self._rows.get(record)
        if row is None:
            self.known.rows.pop(record, None)
            return
        self.known.rows.setdefault(record, UNKNOWN * len(self.plan.places))
        if record in self.known.deleted:
            return
        self.known.deleted.add(record)
        self._touched[row] = record
        for place in self.plan.places:
            self._settled((record, place.path), row, place)
        self._tell(record, row, Verdict.DELETE)

    def _merge(self, record: str, row: int, values: list[Any]) -> None:
        bases = self.known.digests(record)
        if record in self.known.deleted:  # it was taken out of the recycle bin
            self.known.deleted.discard(record)
            self._touched[row] = record
        kept: list[str] = []
        for place, value in zip(self.plan.places, values, strict=True):
            theirs = digest(place.kind, value)
            done = settle(base=bases.get(place.path, UNKNOWN), mine=self._mine(row, place), theirs=theirs)
            kept.append(done.base)
            if done.fate is Fate.TAKE:
                self._take(record, row, place, value)
            if done.fate is Fate.CONFLICT:
                self._dispute(record, place, value)
            else:
                self._settled((record, place.path), row, place)
        self.known.rows[record] = "".join(kept)
        self._touched[row] = record

    def _dispute(self, record: str, place: Place, value: Any) -> None:
        before = self.conflicts.get((record, place.path))
        found = before.found if before is not None else f"{self.moment:%Y-%m-%d %H:%M} UTC"
        self.conflicts[record, place.path] = Conflict(self.plan.object, record, place.path, value, found)

    def _take(self, record: str, row: int, place: Place, value: Any) -> None:
        old = value_at(self.sheet, row, place.column)
        write(self.sheet, row, place.column, value)
        self._tell(record, row, Verdict.UPDATE, {place.path: (_plain(place, old), _plain(place, value))})

    def _add(self, record: str, values: list[Any]) -> None:
        digests = [digest(place.kind, value) for place, value in zip(self.plan.places, values, strict=True)]
        removed = record in self.known.rows
        if removed and self.known.rows[record] == "".join(digests):
            return  # somebody has taken the row out, and nothing has changed since
        self._last += 1
        row = self._last
        if self._model:
            ours = {self.plan.id_column, self.status, *(place.column for place in self.plan.places)}
            dress(self.sheet, row, like=self._model, ours=ours)
        write(self.sheet, row, self.plan.id_column, record)
        for place, value in zip(self.plan.places, values, strict=True):
            write(self.sheet, row, place.column, value)
        self._rows[record] = row
        self.known.rows[record] = "".join(digests)
        self._tell(record, row, Verdict.INSERT)
        if removed:
            self._verdicts[record] = replace(
                self._verdicts[record],
                code=REMOVED,
                message="The row was taken out of the sheet, and the record has changed since: it is in again.",
            )

    def _mine(self, row: int, place: Place) -> str:
        return digest(place.kind, value_at(self.sheet, row, place.column), formula=is_formula(self.sheet, row, place.column))

    def _tell(self, record: str, row: int, verdict: Verdict, changes: Mapping[str, tuple[Cell, Cell]] | None = None) -> None:
        before = self._verdicts.get(record)
        if before is not None and before.verdict is Verdict.UPDATE and verdict is Verdict.UPDATE:
            self._verdicts[record] = replace(before, changes={**before.changes, **(changes or {})})
        else:
            origin = Origin(self.file, self.sheet.title, row)
            self._verdicts[record] = RowVerdict(origin, self.plan.object, verdict, id=record, changes=changes or {})

    # -- the end ------------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Marks, statuses, tables that have grown, and the counts."""
        if self._model and self._last > self._model:
            grow(self.sheet, header=self.header, was=self._model, last=self._last)
        by_row: dict[int, list[str]] = {}
        columns = {place.path: place.column for place in self.plan.places}
        for (record, path), conflict in self.conflicts.items():
            row = self._rows[record]
            by_row.setdefault(row, []).append(path)
            self._touched[row] = record
            explain(self.sheet.cell(row=row, column=columns[path]), conflict, self._shown(row, columns[path]))
        for row, record in self._touched.items():
            self._state(row, record, by_row.get(row, []))
        cells = [f"{get_column_letter(columns[path])}{row}" for row, paths in by_row.items() for path in paths]
        last = get_column_letter(max(self.sheet.max_column, self.status))
        mark(self.sheet, cells, header=self.header, status=get_column_letter(self.status), last=last)
        for row, paths in by_row.items():
            self._tell_conflict(self._touched[row], row, paths)
        self.counts.update(verdict.verdict.value for verdict in self._verdicts.values())
        gone = sum(record in self.known.deleted for record in self._rows)
        alive = sum(record in self.known.rows for record in self._rows) - gone
        told = sum(verdict.verdict is not Verdict.DELETE for verdict in self._verdicts.values())
        self.counts[Verdict.UNCHANGED.value] = alive - told

    def _state(self, row: int, record: str, disputed: list[str]) -> None:
        cell = self.sheet.cell(row=row, column=self.status)
        if record in self.known.deleted:
            text: str | None = f"{_DELETED} (found {self.moment:%Y-%m-%d})"
        else:
            text = f"{_CONFLICT}: {', '.join(disputed)}" if disputed else None
        if cell.value != text:
            cell.value = text

    def _shown(self, row: int, column: int) -> object:
        return value_at(self.sheet, row, column)

    def _tell_conflict(self, record: str, row: int, paths: list[str]) -> None:
        columns = {place.path: place.column for place in self.plan.places}
        said = [
            f"{path}: the workbook has {shown(self._shown(row, columns[path]))}, Salesforce {shown(self.conflicts[record, path].theirs)}"
            for path in paths
        ]
        message = f"{'; '.join(said)}. Both have changed; the workbook's stays until somebody decides."
        before = self._verdicts.get(record)
        changes = before.changes if before is not None else {}
        self._verdicts[record] = RowVerdict(
            Origin(self.file, self.sheet.title, row),
            self.plan.object,
            Verdict.REJECTED,
            id=record,
            field=paths[0],
            code=CONFLICT,
            message=message,
            changes=changes,
        )

    def verdicts(self) -> Iterator[RowVerdict]:
        """Of the rows that have changed, or are in conflict."""
        yield from self._verdicts.values()

    def disputed(self) -> Iterator[tuple[Conflict, int, object]]:
        columns = {place.path: place.column for place in self.plan.places}
        for (record, path), conflict in self.conflicts.items():
            row = self._rows[record]
            yield conflict, row, self._shown(row, columns[path])


def _plain(place: Place, value: object) -> Cell:
    """For the report."""
    return canonical(place.kind, value) if value is not None and not isinstance(value, str | int | float | bool) else value
