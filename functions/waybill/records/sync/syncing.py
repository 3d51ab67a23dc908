"""Brings a workbook up to date: plans what to read from what the workbook holds, and writes what was read into it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from openpyxl import Workbook

from waybill.clock import iso, parse_iso, utcnow
from waybill.errors import InvalidInput, NotReady
from waybill.orgs.asking import Organization
from waybill.orgs.connections import OWN
from waybill.records.domain import RowVerdict
from waybill.records.schema import ObjectSchema
from waybill.records.sync import target
from waybill.records.sync.book import open_book, saved
from waybill.records.sync.changes import Change
from waybill.records.sync.conflicts import Conflict, by_object, read_conflicts, write_conflicts
from waybill.records.sync.memory import Memory, Remembered, read_memory, write_memory
from waybill.records.sync.plan import ObjectPlan, SyncPlan
from waybill.records.sync.planning import plan_objects
from waybill.records.sync.sheets import SheetEditor
from waybill.runs.inputs import SyncOptions
from waybill.runs.model import RowCounts
from waybill.runs.work import WorkBucket

_COUNTED: Final = ("inserted", "updated", "unchanged", "rejected", "deleted")


@dataclass(frozen=True, slots=True)
class Planned:
    """`known`: of each object the ids that the workbook has as living."""

    plan: SyncPlan
    known: tuple[tuple[str, ...], ...]


def plan_sync(
    options: SyncOptions,
    *,
    run_id: str,
    full: bool,
    org: Organization,
    connection: str,
    work: WorkBucket,
    describe: Callable[[Sequence[str]], list[ObjectSchema | None]],
    count: Callable[[ObjectPlan], int],
    most_cells: int,
) -> Planned:
    """`org`: what it said before anything was read; `connection`: its name here. Raises NotReady with what is wrong: nothing was done."""
    name, current = options.workbook, target.find(work, options.workbook)
    key = options.input or (target.target_key(name) if current is not None else "")
    file = f"{name}.xlsx"
    try:
        data = work.get(key) if key else None
        if key and data is None:
            raise NotReady(f"There is nothing under {key} in the work bucket: upload the workbook first.")
        opened = open_book(data, file, lossless=True) if data is not None else None
        book = opened.book if opened is not None else None
        memory = read_memory(book) if book is not None else None
        _same_org(memory, org, connection)
        if options.input is not None and current is not None and not options.replace:
            _same_edition(memory, current)
        schemas = _schemas(options, memory, describe)
        objects = plan_objects(book, memory, schemas, full=full, describe=lambda parent: describe([parent])[0])
    except InvalidInput as error:
        raise NotReady(str(error)) from error
    _fits(objects, book, count, most_cells)
    plan = SyncPlan(
        name=name,
        file=file,
        source=key,
        etag=current.etag if current is not None and not options.input else "",
        current=current.etag if current is not None else "",
        edition=run_id if options.input is not None or current is None else current.edition,
        began=iso(org.time or utcnow()),
        objects=objects,
        warnings=tuple(opened.warnings) if opened is not None else (),
        org=org.id,
        connection=connection,
    )
    return Planned(plan, tuple(tuple(_live(memory, each.object)) for each in objects))


def _same_org(memory: Memory | None, org: Organization, connection: str) -> None:
    """One that was synced before orgs were noted is of the stage's own: there was no other way."""
    if memory is None or (memory.org == org.id if memory.org else connection == OWN):
        return
    known = f"{memory.connection} ({memory.org})" if memory.org else f"{OWN}, the stage's own"
    raise NotReady(
        f"This workbook was synced from the org {known}, and this sync would read {connection} ({org.id}). A workbook belongs to one org: "
        "name that one with --org, or sync to another file name."
    )


def _same_edition(memory: Memory | None, current: target.Stored) -> None:
    if memory is None or memory.edition != current.edition:
        raise NotReady(
            f"This copy of the workbook does not come from the one that Waybill keeps under this name, which run {current.edition} took up. "
            "What was edited in that one would be lost. Sync to another file name, or fetch that one and edit it; --replace puts this copy in its place."
        )


def _schemas(
    options: SyncOptions, memory: Memory | None, describe: Callable[[Sequence[str]], list[ObjectSchema | None]]
) -> list[ObjectSchema]:
    names = options.objects or (tuple(each.object for each in memory.objects.values()) if memory is not None else ())
    if not names:
        raise NotReady("The workbook has not been synced before: name the objects that it is to hold.")
    names = tuple({name.lower(): name for name in names}.values())
    found = describe(names)
    unknown = [name for name, schema in zip(names, found, strict=True) if schema is None]
    if unknown:
        raise NotReady(f"Salesforce knows no object {', '.join(unknown)}, or the user may not see it: check the API name.")
    return [schema for schema in found if schema is not None]


def _live(memory: Memory | None, sobject: str) -> Iterator[str]:
    known = memory.of(sobject) if memory is not None else None
    return known.live() if known is not None else iter(())


def _fits(objects: Sequence[ObjectPlan], book: Workbook | None, count: Callable[[ObjectPlan], int], most: int) -> None:
    """A workbook is edited whole, in memory."""
    ours = {each.sheet for each in objects}
    cells = sum(len(sheet._cells) for sheet in book.worksheets if sheet.title not in ours) if book is not None else 0  # noqa: SLF001
    told = []
    for each in objects:
        records, columns = count(each), len(each.places) + 2
        cells += records * columns
        told.append(f"{each.object} {records:,} x {columns}")
    if cells > most:
        raise NotReady(
            f"The workbook would have {cells:,} cells ({', '.join(told)}), and may have {most:,}. Give it a sheet with only the columns that you "
            "need: Id and the fields' names in the first row."
        )


@dataclass(slots=True)
class Synced:
    """What came of it. `data`: the workbook."""

    data: bytes
    objects: dict[str, RowCounts] = field(default_factory=dict)
    verdicts: list[RowVerdict] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def sync_workbook(plan: SyncPlan, data: bytes | None, *, changes: Callable[[int], Iterator[Change]]) -> Synced:
    """The same from the same, however often. `data`: the workbook as it is; `changes`: of an object, by its number in the plan."""
    book = open_book(data, plan.file, lossless=True).book if data is not None else _empty()
    memory = read_memory(book) or Memory(plan.name, plan.edition)
    memory.name, memory.edition, memory.org, memory.connection = plan.name, plan.edition, plan.org, plan.connection
    conflicts = by_object(read_conflicts(book))
    left: list[tuple[Conflict, int, object]] = []
    synced = Synced(b"", warnings=list(plan.warnings))
    for number, each in enumerate(plan.objects):
        known = memory.objects.setdefault(each.object.lower(), Remembered(each.object, each.sheet, fields=tuple(each.paths)))
        editor = SheetEditor(
            book=book,
            plan=each,
            known=known,
            conflicts=dict(conflicts.pop(each.object.lower(), {})),
            file=plan.file,
            moment=parse_iso(plan.began),
        )
        editor.decide()
        editor.apply(changes(number))
        editor.finish()
        known.watermark = plan.began
        left += editor.disputed()
        synced.verdicts += editor.verdicts()
        synced.warnings += editor.warnings
        counts = {name: editor.counts[name] for name in _COUNTED}
        synced.objects[each.object] = RowCounts(total=sum(counts.values()), **counts)
    # Of objects that were not asked for, what is to be decided stays to be.
    left += [(conflict, conflict.row, conflict.mine) for of in conflicts.values() for conflict in of.values()]
    write_conflicts(book, left)
    write_memory(book, memory)
    synced.data = saved(book)
    return synced


def _empty() -> Workbook:
    book = Workbook()
    book.remove(book.worksheets[0])
    return book
