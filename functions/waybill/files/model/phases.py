"""A run as phases of tasks for the simulation: what each task does, how long it takes, whom it waits for."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import ceil

from waybill.files.ahead import AHEAD
from waybill.files.entries import PAGE
from waybill.files.model.quotas import MEMORY_MB, Quotas, cpu
from waybill.files.model.requests import ROWS_PER_COMPOSITE
from waybill.files.model.shape import Knobs, Look, Piece, Shape, packets, shards_of, turns_of, units
from waybill.files.model.simulation import Outcome, Rate, Step, Work, simulate
from waybill.files.summaries import ON_A_PAGE

LIST_PAGE = 1_000
_MB = 1024 * 1024


class Waits(StrEnum):
    """Whom a task may wait for: what a bottleneck is named after."""

    S3 = "S3 partition"
    LAMBDA = "Lambda concurrency"
    DYNAMODB = "DynamoDB"
    SALESFORCE = "Salesforce"
    QUOTA = "Salesforce quota"
    START = "starting up"


@dataclass(slots=True)
class Timeline:
    """Phases one after the other, in seconds by name."""

    phases: dict[str, float] = field(default_factory=dict)
    gb_seconds: float = 0.0
    calls: int = 0

    def add(self, name: str, outcome: Outcome) -> None:
        self.phases[name] = self.phases.get(name, 0.0) + outcome.seconds
        self.gb_seconds += outcome.gb_seconds
        self.calls += outcome.calls

    @property
    def seconds(self) -> float:
        return sum(self.phases.values())


@dataclass(slots=True)
class Rates:
    """What all tasks of a run share; made anew for each."""

    copies: Rate
    reads: Rate
    writes: Rate
    # The ledger's items of the largest account are one partition.
    largest: Rate

    @classmethod
    def of(cls, quotas: Quotas) -> "Rates":
        slow, most = quotas.partition_doubles_after, quotas.most_partitions
        return cls(
            Rate(Waits.S3, quotas.copies_per_second, slow, quotas.copies_per_second * most),
            Rate(Waits.S3, quotas.reads_per_second, slow, quotas.reads_per_second * most),
            Rate(Waits.DYNAMODB, quotas.writes_per_second, quotas.table_doubles_after, quotas.writes_per_second * most),
            Rate(Waits.DYNAMODB, quotas.partition_writes_per_second),
        )


def backup_timeline(shape: Shape, knobs: Knobs, quotas: Quotas) -> Timeline:
    """A first full backup."""
    line, rates = Timeline(), Rates.of(quotas)
    if not shape.files:
        return line
    line.add("starting", _alone(quotas.start_seconds))
    line.add("accounts", _accounts(shape, quotas))
    line.add("listing", _listing(shape, knobs, quotas, rates, anew=True))
    shards = sum(part.number * shards_of(part, knobs) for part in packets(shape, knobs))
    line.add("collecting", _alone(1 + shards * 0.001))
    line.add("copying", _copying(shape, knobs, quotas, rates))
    line.add("summing up", _finish(shape, quotas, item_bytes=shape.item_bytes))
    return line


def cutover_timeline(shape: Shape, knobs: Knobs, quotas: Quotas) -> Timeline:
    """A cutover of everything, the delta inside it included."""
    line, rates = Timeline(), Rates.of(quotas)
    if not shape.files:
        return line
    line.add("starting", _alone(2 * quotas.start_seconds + 15 * quotas.call_seconds, calls=5))
    line.add("accounts", _accounts(shape, quotas))
    line.add("listing", _listing(shape, knobs, quotas, rates, anew=False))
    line.add("summing up", _alone(1 + ceil(shape.accounts / ON_A_PAGE) * 2 * quotas.item_seconds, function="FinishRun"))
    line.add("planning", _alone(1 + shape.accounts * cpu("PlanUnits", quotas.read_cpu)))
    canary = Piece(1, min(10, shape.accounts), min(knobs.canary, shape.files))
    if canary.files:
        line.add("canary", simulate([_unit(canary, shape, knobs, quotas, rates)], workers=1, scaling=quotas.scaling))
    works = [_unit(piece, shape, knobs, quotas, rates) for piece in units(shape, knobs)]
    line.add("switching", simulate(works, workers=knobs.switch_concurrency, scaling=quotas.scaling))
    line.add("summing up", _finish(shape, quotas, item_bytes=shape.item_bytes + shape.new_link_bytes))
    return line


def _alone(seconds: float, *, calls: int = 1, function: str = "ListAccounts") -> Outcome:
    """A step of the machine itself, in one function."""
    return Outcome(seconds, gb_seconds=seconds * MEMORY_MB[function] / 1_024, calls=calls)


def _accounts(shape: Shape, quotas: Quotas) -> Outcome:
    pages = shape.accounts // PAGE + 2
    return _alone(pages * quotas.groups_seconds + shape.accounts * cpu("ListAccounts", quotas.read_cpu))


def _listing(shape: Shape, knobs: Knobs, quotas: Quotas, rates: Rates, *, anew: bool) -> Outcome:
    works = []
    for part in packets(shape, knobs):
        pages = part.files // PAGE + 1
        salesforce = pages * quotas.page_seconds + quotas.call_seconds
        items = 0.0 if anew else part.files * shape.item_bytes / _MB * quotas.query_page_seconds
        known = 0.0 if anew else part.files * cpu("ListFiles", quotas.read_cpu)
        steps = (
            Step(Waits.LAMBDA, quotas.child_seconds),
            Step(Waits.SALESFORCE, salesforce),
            Step(Waits.DYNAMODB, _asking("ListFiles", part.accounts, quotas) + items),
            _looking(part.files, shape, knobs, quotas, rates),
            Step(Waits.S3, (shards_of(part, knobs) if anew else 0) * quotas.put_seconds),
            Step(Waits.LAMBDA, part.files * cpu("ListFiles", quotas.list_cpu) + known),
        )
        works.append(Work(part.number, _in("ListFiles", *steps)))
    return simulate(works, workers=knobs.list_concurrency, scaling=quotas.scaling)


def _looking(files: float, shape: Shape, knobs: Knobs, quotas: Quotas, rates: Rates) -> Step:
    if shape.look is Look.LISTED:
        return Step(Waits.S3, ceil(files / LIST_PAGE) * quotas.list_seconds)
    each = max(quotas.head_seconds / knobs.copies_in_flight, cpu("ListFiles", quotas.copy_cpu))
    return Step(Waits.LAMBDA, files * each, rates.reads, files)


def _copying(shape: Shape, knobs: Knobs, quotas: Quotas, rates: Rates) -> Outcome:
    works = []
    for part in packets(shape, knobs):
        shards = shards_of(part, knobs)
        each = part.files / max(1, shards)
        # An account that fills shards by itself has all its items in one partition.
        alone = part.accounts == 1 and part.number == 1
        copying = max(quotas.copy_seconds / knobs.copies_in_flight, cpu("CopyFiles", quotas.copy_cpu))
        writing = max(quotas.item_seconds / knobs.copies_in_flight, cpu("ValidateFiles", quotas.write_cpu))
        listing = ceil(each / LIST_PAGE) * quotas.list_seconds if shape.kms else 0.0
        steps = (
            Step(Waits.LAMBDA, quotas.child_seconds, memory_gb=0.0),
            *_in("CopyFiles", Step(Waits.LAMBDA, 3 * quotas.put_seconds), Step(Waits.LAMBDA, each * copying, rates.copies, each)),
            *_in(
                "ValidateFiles",
                Step(Waits.S3, 3 * quotas.put_seconds + listing),
                Step(Waits.LAMBDA, each * writing, rates.largest if alone else rates.writes, each),
            ),
        )
        works.append(Work(part.number * shards, steps, calls=2))
    return simulate(works, workers=knobs.copy_concurrency, scaling=quotas.scaling)


def _unit(piece: Piece, shape: Shape, knobs: Knobs, quotas: Quotas, rates: Rates) -> Work:
    turns = turns_of(piece, knobs)
    full, rest = divmod(piece.files, knobs.unit_size)
    composites = full * ceil(knobs.unit_size / ROWS_PER_COMPOSITE) + ceil(rest / ROWS_PER_COMPOSITE)
    reads = composites + full + bool(rest)
    writing = max(quotas.item_seconds / knobs.copies_in_flight, cpu("UpdateUrls", quotas.write_cpu))
    alone = piece.number == 1 and turns > 1
    steps = (
        Step(Waits.LAMBDA, quotas.child_seconds + turns * 4 * quotas.put_seconds),
        Step(Waits.DYNAMODB, _asking("UpdateUrls", piece.accounts, quotas)),
        _looking(piece.files, shape, knobs, quotas, rates),
        Step(Waits.SALESFORCE, composites * quotas.composite_seconds + reads * quotas.retrieve_seconds),
        Step(Waits.LAMBDA, piece.files * cpu("UpdateUrls", quotas.switch_cpu)),
        Step(Waits.LAMBDA, piece.files * writing, rates.largest if alone else rates.writes, piece.files),
    )
    return Work(piece.number, _in("UpdateUrls", *steps), calls=turns)


def _asking(function: str, accounts: int, quotas: Quotas) -> float:
    """Seconds until each account's items have begun to come: so many accounts are asked for at once."""
    return accounts * max(quotas.item_seconds / max(1, min(accounts, AHEAD)), cpu(function, quotas.write_cpu))


def _in(function: str, *steps: Step) -> tuple[Step, ...]:
    """Steps of that function, which is billed by its memory."""
    return tuple(replace(step, memory_gb=MEMORY_MB[function] / 1_024) for step in steps)


def _finish(shape: Shape, quotas: Quotas, *, item_bytes: int) -> Outcome:
    """Each account is counted anew from its items; so many at once."""
    waiting = shape.accounts * quotas.item_seconds + shape.files * item_bytes / _MB * quotas.query_page_seconds
    pages = ceil(shape.accounts / ON_A_PAGE)
    computing = cpu("FinishRun", shape.files * quotas.tally_cpu + (shape.accounts + 5 * pages) * quotas.write_cpu)
    # One account's items are read one page after the other, however many accounts are counted at once.
    floor = shape.biggest * item_bytes / _MB * quotas.query_page_seconds
    summaries = pages * 5 * quotas.item_seconds  # one page after the other, while the next accounts are counted
    return _alone(2 + max(summaries, waiting / quotas.accounts_in_flight, floor) + computing, function="FinishRun")
