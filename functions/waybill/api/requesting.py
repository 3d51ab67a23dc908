"""What a request to start a run means: the state machine's input, and what cannot be meant."""

from collections.abc import Callable
from typing import Any, Literal

from waybill.api.identity import Caller
from waybill.api.models import BackupRequest, CutoverRequest, LoadRequest, RollbackRequest, SyncRequest, UndoRequest
from waybill.api.progress import delta_of
from waybill.errors import InvalidInput, NotFound
from waybill.orgs.connections import OWN, Connection
from waybill.records.mappings import MappingStore
from waybill.records.scope import refuse_orgs, require_load
from waybill.runs.model import RunKind, RunRecord
from waybill.runs.store import RunStore

Started = BackupRequest | CutoverRequest | RollbackRequest | LoadRequest | UndoRequest | SyncRequest
_SHOWN = 10


def input_of(request: Started, *, canary: int, caller: Caller) -> dict[str, Any]:
    """The input of the state machine. `canary`: where the request does not say."""
    given = {name: value for name, value in request.model_dump(mode="json", exclude={"kind"}).items() if value is not None}
    if isinstance(request, CutoverRequest):
        given.setdefault("canary", canary)
    if isinstance(request, LoadRequest | SyncRequest):
        # What a run of any kind may be asked stands beside what only this kind is.
        common: dict[str, Any] = {name: given.pop(name) for name in ("mode", "org") if name in given}
        given = {**common, request.kind: given}
    if request.mode == "execute":  # another person may have to approve it
        given["requested_subject"] = caller.subject
    return {**given, "requested_by": caller.name}


def refuse_nonsense(request: Started, *, store: RunStore, unknown_accounts: Callable[[tuple[str, ...]], list[str]]) -> None:
    """Raises InvalidInput and NotFound."""
    match request:
        case LoadRequest():
            if (request.input is None) == (request.retry_of is None):
                raise InvalidInput("A load needs just one of input, which an upload gives, and retry_of, a run's id.")
            refuse_orgs(org=request.org, from_org=request.from_org, retry=request.retry_of is not None)
            if request.retry_of is not None:
                require_load(store, request.retry_of, executed=False)
        case UndoRequest():
            require_load(store, request.run_id, executed=True)
        case SyncRequest():
            return
        case _:
            _refuse_files(request, store, unknown_accounts)


def pinned(request: Started, mappings: MappingStore, *, connection: Callable[[str], Connection]) -> Started:
    """The request with the version of its mapping: what is saved while the run waits or is retried does not concern it.

    Raises InvalidInput and NotFound, also for an org that Waybill was never let into.
    """
    if isinstance(request, LoadRequest | SyncRequest):
        _require_connected(request, connection)
    if not isinstance(request, LoadRequest):
        return request
    if request.mapping is None:
        if request.mapping_version is not None:
            raise InvalidInput("A mapping_version needs the mapping that it is of.")
        return request
    if request.retry_of is not None:
        raise InvalidInput("A retry goes by the mapping of the load that it retries: name none.")
    found = mappings.get(request.mapping, request.mapping_version).mapping
    return request.model_copy(update={"mapping_version": found.version})


def _require_connected(request: LoadRequest | SyncRequest, connection: Callable[[str], Connection]) -> None:
    for name in (request.org, request.from_org if isinstance(request, LoadRequest) else None):
        if name is not None and name != OWN and not connection(name).connected:
            raise InvalidInput(f"Nobody has let Waybill into {name} yet: `waybill orgs login {name}`.")


def retry_of(record: RunRecord, *, dry_run: bool) -> Started:
    """What tries again what has failed in a run: a backup of its failed files, a load of its rows that were not written.

    A cutover's files are those of its backup: a row that could not be switched is for another cutover. Raises InvalidInput.
    """
    mode: Literal["dry_run", "execute"] = "dry_run" if dry_run else "execute"
    match record.kind:
        case RunKind.LOAD:
            return LoadRequest(kind="load", mode=mode, retry_of=record.run_id)
        case RunKind.BACKUP | RunKind.CUTOVER:
            before = delta_of(record) if record.kind is RunKind.CUTOVER else record.run_id
            return BackupRequest(kind="backup", mode="incremental", dry_run=dry_run, retry_of=before)
        case RunKind.ROLLBACK:
            raise InvalidInput("What a rollback could not restore is restored by starting it again: it takes what is left.")
        case RunKind.UNDO:
            raise InvalidInput("What an undo could not take back is taken back by starting it again.")
        case RunKind.SYNC:
            raise InvalidInput("A sync reads all anew: start it again.")


def _require_listed(store: RunStore, run_id: str) -> None:
    """Raises NotFound, and InvalidInput where there is nothing to take failed files from."""
    record = store.get(run_id)
    if record.kind is not RunKind.BACKUP:
        raise InvalidInput(f"Run {run_id} is a {record.kind}: only a backup's failed files can be tried again.")
    if record.status.active:
        raise InvalidInput(f"Run {run_id} is {record.status.replace('_', ' ')}: wait for it, or cancel it.")
    if record.dry_run:
        raise InvalidInput(f"Run {run_id} was a dry run: start it for real.")
    if store.result(run_id, "PACKETS") is None:
        raise InvalidInput(f"Run {run_id} ended before it knew what to do: resume it, or start it again.")


def _refuse_files(
    request: BackupRequest | CutoverRequest | RollbackRequest,
    store: RunStore,
    unknown_accounts: Callable[[tuple[str, ...]], list[str]],
) -> None:
    if isinstance(request, BackupRequest) and request.retry_of is not None:
        _require_listed(store, request.retry_of)
        if request.accounts or request.max_files is not None:
            raise InvalidInput("A retry is of the failed files of a run: leave out accounts and max_files.")
    if isinstance(request, RollbackRequest):
        if sum([request.run_id is not None, bool(request.accounts), request.all]) != 1:
            raise InvalidInput("A rollback needs just one scope: run_id, accounts, or all.")
        if request.run_id is not None:
            _require_executed_cutover(store, request.run_id)
    unknown = unknown_accounts(request.accounts)
    if unknown:
        named = ", ".join(unknown[:_SHOWN]) + (f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else "")
        raise InvalidInput(
            f"No entry belongs to account {named}: check the id. `waybill accounts` lists those that have entries."
        )


def _require_executed_cutover(store: RunStore, run_id: str) -> None:
    record = store.find(run_id)
    if record is None:
        why = "there is none of this id, or it ended before it began, and switched nothing"
        raise NotFound(f"Run {run_id} is not recorded: {why}. `waybill runs list` shows the runs.")
    if record.kind is not RunKind.CUTOVER:
        raise InvalidInput(f"Run {run_id} is a {record.kind}: only what a cutover switched can be rolled back.")
    if record.dry_run:
        raise InvalidInput(f"Run {run_id} was a dry run: it switched nothing that could be rolled back.")
