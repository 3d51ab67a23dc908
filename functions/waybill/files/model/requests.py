"""How many requests a run makes, by kind: formulas that mirror what each task does. Checked against counted runs."""

from collections import Counter
from math import ceil, log2

from waybill.files.entries import PAGE
from waybill.files.listing import BATCH
from waybill.files.lookup import WORTH_A_PAGE
from waybill.files.model.shape import Knobs, Look, Piece, Shape, packets, shards_of, turns_of, units
from waybill.files.summaries import AHEAD, ON_A_PAGE
from waybill.files.underway import ASKED_EVERY, tellings
from waybill.inserts import TOGETHER

Requests = Counter[str]

# States that each definition goes through where all goes well; a test reads them out of the definitions.
BACKUP_STATES, DELTA_STATES, CUTOVER_STATES = 11, 10, 13
PACKET_STATES, SHARD_STATES, UNIT_STATES, TURN_STATES = 4, 5, 4, 2

LIST_PAGE = 1_000  # objects of a page of ListObjectsV2
ROWS_PER_COMPOSITE = 1_000  # read, compared and written together
CANARY_ACCOUNTS = 10  # that the canary's rows are spread over
LINKS_OPENED = 20  # to see whether new links open
_MB = 1024 * 1024

# Bytes of the items that are not files, as they turn out: a run with its configuration, what became of a packet, a shard, a turn, ...
_RUN_BYTES, _PACKET_BYTES, _SHARD_BYTES, _UNIT_BYTES = 1_700, 600, 300, 300
_SUMMARY_BYTES, _PAGE_BYTES = 75, 130  # of an account's summary, and of the page around it
_COUNTS_BYTES = 200  # of a call: its requests, which it keeps in the run


def backup_requests(shape: Shape, knobs: Knobs) -> Requests:
    """A full backup of an org that is migrated for the first time."""
    parts = packets(shape, knobs)
    found = _start() + _list_accounts(shape) + _log_in()
    shards = sum(part.number * shards_of(part, knobs) for part in parts)
    for part in parts:
        found += _times(part.number, _list_packet(part, shape, knobs))
    found += _collect(parts)
    for part in parts:
        each = part.files / max(1, shards_of(part, knobs))
        found += _times(part.number * shards_of(part, knobs), _copy_shard(each, shape))
    found += _finish_backup(parts, shape, shards=shards, changed=True)
    found += Counter({"work put": 4, "work get": 2, "transitions": BACKUP_STATES, "executions": 1})
    return found


def cutover_requests(shape: Shape, knobs: Knobs) -> Requests:
    """An executed cutover of everything, the backup inside it included, which finds nothing to copy."""
    parts, pieces = packets(shape, knobs), units(shape, knobs)
    # A client of its own writes, with the same login; the delta also asks what its parent was asked.
    found = _start() + _readiness(shape) + _log_in() + _gets(1)
    found += _start_delta() + _list_accounts(shape) + _gets(1)
    for part in parts:
        found += _times(part.number, _relist_packet(part, shape))
    found += _collect(parts, delta=True)
    found += _finish_backup(parts, shape, shards=0, changed=False)
    found += Counter({"work put": 2, "work get": 1, "transitions": DELTA_STATES, "executions": 2})
    found += _plan_units(shape)
    canary = min(knobs.canary, shape.files)
    if canary:
        # So many rows of each of ten accounts, until there are enough.
        each = ceil(canary / min(CANARY_ACCOUNTS, shape.accounts))
        accounts = ceil(canary / each)
        found += _turn(Piece(1, accounts, canary), shape, read=min(_MB, shape.files / shape.accounts * shape.item_bytes))
    pieces = _after_canary(pieces, canary)
    for piece in pieces:
        found += _times(piece.number, _switch_unit(piece, shape, knobs))
    turns = sum(piece.number * turns_of(piece, knobs) for piece in pieces) + bool(canary)
    found += _finish_cutover(shape, turns=turns)
    found += Counter({"work put": 2, "work get": 1, "transitions": CUTOVER_STATES - 2 * (not canary)})
    return found


def _after_canary(pieces: list[Piece], canary: int) -> list[Piece]:
    """The units without the canary's rows, which are switched by then: those of the first accounts."""
    if not pieces:
        return []
    first, *others = pieces
    left = Piece(1, first.accounts, max(0, first.files - canary))
    return [left, Piece(first.number - 1, first.accounts, first.files), *others]


# -- the tasks ------------------------------------------------------------------------------------------------------------


def _start() -> Requests:
    """StartRun: claims the id, takes the lock."""
    return _kept() + _claimed() + _run_writes(1) + _gets(1) + _puts(1)


def _start_delta() -> Requests:
    return _kept() + _claimed() + _run_writes(1) + _gets(2)


def _claimed() -> Requests:
    """A new run's item, which the index has as well."""
    return Counter({"dynamodb put": 1, "write units": 2 * _units(_RUN_BYTES, 1024)})


def _log_in() -> Requests:
    return Counter({"salesforce login": 1, "dynamodb update": 3, "write units": 3}) + _gets(2)


def _list_accounts(shape: Shape) -> Requests:
    found = _kept() + _run_writes(2) + _gets(3) + _puts(1) + _summaries(shape.accounts) + _query(0) + _runs_listed()
    found += Counter({"salesforce query": shape.accounts // PAGE + 2, "work put": 2, "work get": 1})
    return found


def _list_packet(part: Piece, shape: Shape, knobs: Knobs) -> Requests:
    """ListFiles on files that the ledger does not know."""
    shards = shards_of(part, knobs)
    found = _list_common(part, shape) + _gets(3) + _times(2, _query(0))
    found += _puts(1, size=_PACKET_BYTES)
    # An account's items, of which there are none yet.
    found += _times(part.accounts, _query(0))
    # The manifests, and the list of them.
    found += Counter({"work put": shards + 1, "work get": 1})
    return found


def _relist_packet(part: Piece, shape: Shape) -> Requests:
    """ListFiles where the ledger has everything, as the delta of a cutover."""
    found = _list_common(part, shape) + _gets(4) + _puts(1, size=_PACKET_BYTES)
    found += _summaries(min(part.accounts, ON_A_PAGE)) + _summaries(max(0, part.accounts - ON_A_PAGE), pages=AHEAD)
    return found + _times(part.accounts, _query(part.files / part.accounts * shape.item_bytes))


def _list_common(part: Piece, shape: Shape) -> Requests:
    found = Counter({"salesforce describe": 1, "salesforce query": int(part.files // PAGE) + 1, "work put": 1})
    found += Counter({"transitions": PACKET_STATES, "executions": 1})
    return found + _kept() + _looks(part.files, part.files, shape.look, batch=BATCH)


def _looks(files: float, wanted: float, look: Look, *, batch: int) -> Requests:
    """Looking at the sources of `files` files, `batch` at once."""
    found: Requests = Counter()
    if wanted < 1:
        return found
    full, rest = divmod(ceil(files), batch)
    for number, keys in ((full, batch), (1, rest)):
        if not keys or not number:
            continue
        if keys < WORTH_A_PAGE:
            found["s3 head"] += number * keys
        elif look is Look.LISTED:
            found["s3 list"] += number * ceil(keys / LIST_PAGE)
        else:
            found["s3 head"] += number * keys
            # Poor pages: after each of them twice as many keys are headed before the next is tried.
            found["s3 list"] += number * max(1, int(log2(keys / WORTH_A_PAGE)))
    return found


def _collect(parts: list[Piece], *, delta: bool = False) -> Requests:
    size = sum(part.number for part in parts) * _PACKET_BYTES
    # Where there is something to copy, it also says that copying begins.
    written = _run_writes(1) + _gets(2) if delta else _run_writes(2) + _gets(1)
    return _kept() + written + _times(2, _query(size)) + Counter({"work put": 1})


def _copy_shard(files: float, shape: Shape) -> Requests:
    """CopyFiles and ValidateFiles on one shard."""
    files = ceil(files)
    found = _gets(3 + (files + 1) // ASKED_EVERY) + _puts(1 + tellings(files), size=_SHARD_BYTES)
    found += _kept(2) + _file_writes(files, shape.item_bytes) + Counter({"transitions": SHARD_STATES, "executions": 1})
    found += Counter({"s3 copy": files, "dynamodb batch": ceil(files / TOGETHER), "work list": 2, "work get": 3, "work put": 1})
    if shape.kms:
        found += _looks(files, files, Look.LISTED, batch=BATCH)
    return found


def _finish_backup(parts: list[Piece], shape: Shape, *, shards: int, changed: bool) -> Requests:
    """FinishRun: each account's summary, totals, errors and reports. Where nothing changed, the cutover around it counts anew."""
    listed = sum(part.number for part in parts) * _PACKET_BYTES
    found = _run_writes(3) + _gets(8 if changed else 9) + _summed(4 + sum(part.number for part in parts) + 2 * shards)
    found += _times(5 if changed else 7, _query(listed)) + _times(7, _query(shards * _SHARD_BYTES)) + _times(5, _query(0))
    # The multipart uploads that were begun are looked for, to give up what is left of them: in a dry run there are none.
    found += Counter({"work put": 2, "work list": 1, "work get": sum(part.number for part in parts)})
    for part in parts:
        accounts = part.number * part.accounts
        found += _summaries_written(accounts) if changed else _summaries_read(accounts)
        if changed:
            found += _times(accounts, _query(part.files / part.accounts * shape.item_bytes))
    if changed:
        found += Counter({"dynamodb update": 1, "write units": 1})  # the lock
    return found


def _readiness(shape: Shape) -> Requests:
    found = _kept() + _run_writes(2) + _gets(1) + _summaries(shape.accounts) + _runs_listed()
    each = ceil(LINKS_OPENED / max(1, min(LINKS_OPENED, shape.accounts)))
    some = min(shape.accounts, ceil(LINKS_OPENED / each))
    found += _times(some, _query(min(_MB, shape.files / max(1, shape.accounts) * shape.item_bytes)))
    found += Counter({"work put": 1, "link get": min(LINKS_OPENED, shape.files)})
    return found + Counter(
        {
            "salesforce describe": 1,
            "salesforce identity": 1,
            "salesforce query": 2,
            "salesforce tooling": 2,
            "salesforce limits": 1,
        }
    )


def _plan_units(shape: Shape) -> Requests:
    found = _kept() + _run_writes(2) + _gets(3) + _puts(1) + _summaries(shape.accounts)
    return found + Counter({"work put": 2, "work get": 1, "work list": 1})


def _switch_unit(unit: Piece, shape: Shape, knobs: Knobs) -> Requests:
    turns = turns_of(unit, knobs)
    found: Requests = Counter({"executions": 1, "transitions": UNIT_STATES + (turns - 1) * TURN_STATES})
    full, rest = divmod(unit.files, knobs.unit_size)
    found += _times(int(full), _turn(Piece(1, unit.accounts, knobs.unit_size), shape))
    last = 1 if full and not rest else unit.accounts  # behind the last row, one account is left to look at
    return found + _turn(Piece(1, last, rest), shape)


def _turn(piece: Piece, shape: Shape, *, read: float | None = None) -> Requests:
    """UpdateUrls on up to 2,000 rows. `read`: bytes of each account's items that are read for them, if more than theirs."""
    rows = ceil(piece.files)
    chunks = ceil(rows / ROWS_PER_COMPOSITE)
    found = _kept() + _gets(2) + _puts(1, size=_UNIT_BYTES) + Counter({"work get": 1, "work put": 2})
    found += _times(piece.accounts, _query(piece.files / piece.accounts * shape.item_bytes if read is None else read))
    if rows:
        found += _gets(chunks) + _file_writes(rows, _switched_bytes(shape)) + _looks(rows, rows, shape.look, batch=BATCH)
        found += Counter({"dynamodb put": rows, "salesforce retrieve": chunks + 1, "salesforce composite": chunks})
    return found


def _finish_cutover(shape: Shape, *, turns: int) -> Requests:
    found = _run_writes(3) + _gets(8) + _summed(3 + turns) + Counter({"dynamodb update": 1, "write units": 1})
    for accounts, each in shape.groups():
        found += _summaries_written(accounts) + _times(accounts, _query(each * _switched_bytes(shape)))
    # The turns' results for totals and reports, and whether each unit ended.
    found += _times(4, _query(turns * _UNIT_BYTES)) + _times(5, _query(0))
    # What each turn did is read three times, and its plan once for the old values.
    return found + Counter({"work get": 1 + 4 * turns, "work list": 1, "work put": 3})


# -- DynamoDB -------------------------------------------------------------------------------------------------------------


def _switched_bytes(shape: Shape) -> int:
    return shape.item_bytes + shape.new_link_bytes


def _units(size: float, per: int) -> int:
    return max(1, ceil(size / per))


def _run_writes(number: int) -> Requests:
    """Updates of the run's own item, which the index has as well: the phases, mostly."""
    return Counter({"dynamodb update": number, "write units": 2 * number * _units(_RUN_BYTES, 1024)})


def _gets(number: int) -> Requests:
    return Counter({"dynamodb get": number, "read units": number})


def _puts(number: int, *, size: int = 300) -> Requests:
    return Counter({"dynamodb put": number, "write units": number * _units(size, 1024)})


def _file_writes(files: int, size: int) -> Requests:
    return Counter({"file writes": files, "write units": files * _units(size, 1024)})


def _summaries_read(accounts: int) -> Requests:
    """Those of many accounts by the page: the page, and where the next one begins."""
    return _times(ceil(accounts / ON_A_PAGE), _query(ON_A_PAGE * _SUMMARY_BYTES) + _query(0))


def _summaries_written(accounts: int) -> Requests:
    """Looked at, read again to be written over, and written."""
    full, rest = divmod(accounts, ON_A_PAGE)
    found = _times(2, _summaries_read(accounts)) + _times(full, _puts(1, size=ON_A_PAGE * _SUMMARY_BYTES + _PAGE_BYTES))
    return found + (_puts(1, size=rest * _SUMMARY_BYTES + _PAGE_BYTES) if rest else Counter())


def _query(size: float) -> Requests:
    pages = _units(size, _MB)
    return Counter({"dynamodb query": pages, "read units": _units(size, 4096)})


def _summaries(accounts: int, *, pages: int = 100) -> Requests:
    """One after the other, so many pages at once."""
    size = accounts * (_SUMMARY_BYTES + _PAGE_BYTES / ON_A_PAGE)
    return Counter({"dynamodb query": ceil(accounts / ON_A_PAGE / pages), "read units": _units(size, 4096)})


def _runs_listed() -> Requests:
    return Counter({"dynamodb query index": 1, "read units": 1})


def _kept(calls: int = 1) -> Requests:
    """Calls keep their requests in the run."""
    return _puts(calls, size=_COUNTS_BYTES)


def _summed(calls: int) -> Requests:
    """The run's end sums them up, and keeps the sum, and its own."""
    return _kept(2) + _query(calls * _COUNTS_BYTES)


def _times(number: int, requests: Requests) -> Requests:
    return Counter({kind: number * count for kind, count in requests.items()})


def salesforce_calls(requests: Requests) -> int:
    """Calls that count against the org's quota, logins included."""
    return sum(number for kind, number in requests.items() if kind.startswith("salesforce "))
