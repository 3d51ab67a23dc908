"""What a request to start a run means: the state machine's input, and what cannot be meant."""

from collections.abc import Callable
from typing import Any

from waybill.api.identity import Caller
from waybill.api.models import BackupRequest, CutoverRequest, LoadRequest, RollbackRequest, SyncRequest, UndoRequest
from waybill.errors import InvalidInput, NotFound
from waybill.orgs.connections import OWN, Connection
from waybill.records.mappings import MappingStore
from waybill.records.scope import refuse_orgs, require_load
from waybill.runs.model import RunKind
from waybill.runs.store import RunStore

Started = BackupRequest | CutoverRequest | RollbackRequest | LoadRequest | UndoRequest | SyncRequest
_SHOWN = 10


def input_of(request: Started, *, canary: int, caller: Caller) -> dict[str, Any]:
    """The input of the state machine. `canary`: where the request does not say."""
    given = {name: value for name, value in request.model_dump(mode="json", exclude={"kind"}).items() if value is not None}
    if isinstance(request, CutoverRequest):
        given.setdefault("canary", canary)
    if isinstance(request, LoadRequest):
        org = {"org": given.pop("org")} if "org" in given else {}
        given = {"mode": given.pop("mode"), "load": given, **org}
    if isinstance(request, SyncRequest):
        given = {"mode": given.pop("mode"), "sync": given}
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
    if not isinstance(request, LoadRequest):
        return request
    for name in (request.org, request.from_org):
        if name is not None and name != OWN and not connection(name).connected:
            raise InvalidInput(f"Nobody has let Waybill into {name} yet: `waybill orgs login {name}`.")
    if request.mapping is None:
        if request.mapping_version is not None:
            raise InvalidInput("A mapping_version needs the mapping that it is of.")
        return request
    if request.retry_of is not None:
        raise InvalidInput("A retry goes by the mapping of the load that it retries: name none.")
    found = mappings.get(request.mapping, request.mapping_version).mapping
    return request.model_copy(update={"mapping_version": found.version})


def _refuse_files(
    request: BackupRequest | CutoverRequest | RollbackRequest,
    store: RunStore,
    unknown_accounts: Callable[[tuple[str, ...]], list[str]],
) -> None:
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
