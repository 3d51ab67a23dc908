"""The functions: what each is told, what it may do, and how large it is. The one table that infra is built from."""

from dataclasses import dataclass
from enum import StrEnum, auto

from waybill.settings import (
    ApiEnvironment,
    CopyEnvironment,
    DoorEnvironment,
    Environment,
    GatewayEnvironment,
    LedgerEnvironment,
    LinkEnvironment,
    LiveEnvironment,
    OrgEnvironment,
    SalesforceEnvironment,
    SourceEnvironment,
)

# Context -> the kinds of run that it has: a folder of statemachines/ each, a definition each.
CONTEXTS = {"files": ("backup", "cutover", "rollback"), "records": ("load", "undo", "sync")}
# Which function ends a run whose execution broke off.
FINISHERS = {"files": "FinishRun", "records": "FinishLoad"}
KINDS = tuple(kind for kinds in CONTEXTS.values() for kind in kinds)


class Access(StrEnum):
    """What a function may do; grants.py says which calls on which resources that means."""

    TABLE_GET = auto()
    TABLE_READ = auto()
    TABLE_SCAN = auto()
    FILE_WRITE = auto()
    FILE_INSERT = auto()
    FILE_MOVE = auto()
    SUMMARY_WRITE = auto()
    RUN_RECORD = auto()
    RUN_WRITE = auto()
    RUN_DELETE = auto()
    LOCK_TAKE = auto()
    LOCK_RELEASE = auto()
    AUDIT_APPEND = auto()
    MAPPING_WRITE = auto()
    MIGRATION_WRITE = auto()
    ORG_WRITE = auto()
    LINK_UNWRAP = auto()
    LINK_MAKE = auto()
    LINK_REVOKE = auto()
    LINK_OPEN = auto()
    INDEX_READ = auto()
    WORK_GET = auto()
    WORK_READ = auto()
    WORK_PUT = auto()
    WORK_WRITE = auto()
    DESCRIBES_READ = auto()
    DESCRIBES_WRITE = auto()
    REQUESTS_TAKE = auto()
    INBOX_READ = auto()
    INBOX_WRITE = auto()
    SYNC_READ = auto()
    SYNC_WRITE = auto()
    SOURCE_LOOK = auto()
    SOURCE_READ = auto()
    DESTINATION_READ = auto()
    DESTINATION_WRITE = auto()
    UPLOADS_ABORT = auto()
    RUNS_DESCRIBE = auto()
    RUNS_CONTROL = auto()
    EVENTS_PUT = auto()
    TICKET_ISSUE = auto()
    TICKET_TAKE = auto()
    CONNECTION_KEEP = auto()
    CONNECTION_DROP = auto()
    CONNECTION_POST = auto()
    EVENT_WRITE = auto()


@dataclass(frozen=True)
class FunctionSpec:
    """A Lambda function. `timeout` in seconds, `memory` in MB. Secrets follow from the environment class."""

    id: str
    handler: str
    environment: type[Environment]
    access: frozenset[Access]
    timeout: int = 900
    memory: int = 512
    # Changes nothing: of the key it may only decrypt with it.
    reads_only: bool = False
    # Reads or writes workbooks: it gets the layer with what that takes, which the others are spared.
    workbooks: bool = False


# Nothing but the run's own progress and results is written, and the bus is told.
_RUN = {Access.TABLE_READ, Access.RUN_WRITE, Access.EVENTS_PUT}
_FILES = _RUN | {Access.FILE_WRITE}
_SWITCH = _FILES | {Access.WORK_READ, Access.WORK_PUT, Access.LINK_UNWRAP}
_WORK = {Access.WORK_READ, Access.WORK_WRITE}
_START = {Access.TABLE_GET, Access.RUN_WRITE, Access.LOCK_TAKE, Access.RUNS_DESCRIBE, Access.EVENTS_PUT}
_FINISH = _WORK | {Access.LOCK_RELEASE}


def _task(
    name: str,
    environment: type[Environment],
    access: set[Access],
    *,
    memory: int = 512,
    timeout: int = 900,
    context: str = "files",
    workbooks: bool = False,
) -> FunctionSpec:
    module = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
    return FunctionSpec(
        id=name,
        handler=f"waybill.{context}.tasks.{module}.handler",
        environment=environment,
        access=frozenset(access),
        timeout=timeout,
        memory=memory,
        workbooks=workbooks,
    )


def _records(
    name: str,
    environment: type[Environment],
    access: set[Access],
    *,
    memory: int = 512,
    timeout: int = 900,
    workbooks: bool = False,
) -> FunctionSpec:
    return _task(name, environment, access, memory=memory, timeout=timeout, context="records", workbooks=workbooks)


FUNCTIONS: tuple[FunctionSpec, ...] = (
    _task("StartRun", LedgerEnvironment, _START | {Access.AUDIT_APPEND}, timeout=60),
    # One vCPU: the run waits for this one alone, and it goes through all accounts.
    _task(
        "ListAccounts",
        SalesforceEnvironment,
        _RUN | {Access.INDEX_READ, Access.WORK_GET, Access.WORK_WRITE, Access.REQUESTS_TAKE},
        memory=1769,
    ),
    _task("ListFiles", SourceEnvironment, _RUN | {Access.WORK_GET, Access.WORK_PUT, Access.SOURCE_LOOK}, memory=1024),
    _task(
        "CollectShards",
        LedgerEnvironment,
        _FILES | {Access.FILE_MOVE, Access.SUMMARY_WRITE, Access.TABLE_SCAN, Access.WORK_GET, Access.WORK_WRITE},
    ),
    _task(
        "CopyFiles",
        CopyEnvironment,
        {Access.TABLE_GET, Access.RUN_RECORD, Access.WORK_READ, Access.WORK_PUT, Access.EVENTS_PUT}
        | {Access.SOURCE_READ, Access.DESTINATION_READ, Access.DESTINATION_WRITE},
        memory=1024,
    ),
    _task(
        "ValidateFiles",
        CopyEnvironment,
        {Access.TABLE_GET, Access.RUN_RECORD, Access.FILE_WRITE, Access.FILE_INSERT, Access.EVENTS_PUT}
        | {Access.WORK_READ, Access.WORK_PUT, Access.DESTINATION_READ},
    ),
    _task("CheckReadiness", SourceEnvironment, _RUN | {Access.INDEX_READ, Access.WORK_PUT, Access.LINK_UNWRAP, Access.LINK_MAKE}),
    _task("PlanUnits", LedgerEnvironment, _RUN | _WORK, memory=1769),
    _task("UpdateUrls", SourceEnvironment, _SWITCH | {Access.SOURCE_LOOK}, memory=1024),
    _task("RestoreUrls", LinkEnvironment, _SWITCH),
    # One vCPU: it counts every file of a run.
    _task(
        "FinishRun",
        LedgerEnvironment,
        _RUN | _FINISH | {Access.SUMMARY_WRITE, Access.UPLOADS_ABORT},
        memory=1769,
    ),
    _records("StartLoad", LedgerEnvironment, _START, timeout=60),
    _records("ReadInput", OrgEnvironment, _RUN | _WORK | {Access.INBOX_READ}, memory=1769, workbooks=True),
    _records("PlanLoad", OrgEnvironment, _RUN | _WORK | {Access.DESCRIBES_READ, Access.DESCRIBES_WRITE}, memory=3008),
    _records("LoadRows", OrgEnvironment, _RUN | _WORK | {Access.DESCRIBES_WRITE}, memory=1769),
    _records("Reconcile", OrgEnvironment, _RUN | _WORK, memory=1769),
    _records("PlanUndo", OrgEnvironment, _RUN | _WORK, memory=3008),
    _records("WriteErrors", LedgerEnvironment, _RUN | _WORK | {Access.INBOX_READ}, memory=3008, workbooks=True),
    _records("ReadChanges", OrgEnvironment, _RUN | _WORK | {Access.INBOX_READ, Access.SYNC_READ}, memory=3008, workbooks=True),
    _records(
        "WriteWorkbook",
        LedgerEnvironment,
        _RUN | _WORK | {Access.INBOX_READ, Access.SYNC_READ, Access.SYNC_WRITE},
        memory=3008,
        workbooks=True,
    ),
    _records("FinishLoad", LedgerEnvironment, _RUN | _FINISH, memory=1769),
    FunctionSpec(
        id="Api",
        handler="waybill.api.app.handler",
        environment=ApiEnvironment,
        access=frozenset(
            {Access.TABLE_READ, Access.RUN_WRITE, Access.TICKET_ISSUE}
            | {Access.INDEX_READ, Access.WORK_READ, Access.INBOX_WRITE, Access.SOURCE_LOOK, Access.DESTINATION_READ}
            | {
                Access.RUNS_DESCRIBE,
                Access.RUNS_CONTROL,
                Access.RUN_DELETE,
                Access.AUDIT_APPEND,
                Access.MAPPING_WRITE,
                Access.ORG_WRITE,
                Access.MIGRATION_WRITE,
            }
            | {Access.LINK_UNWRAP, Access.LINK_MAKE, Access.LINK_REVOKE}
            # To rebuild a lost ledger: its files, and its lock.
            | {Access.FILE_WRITE, Access.SUMMARY_WRITE, Access.LOCK_TAKE}
        ),
        timeout=29,
        # It writes templates.
        workbooks=True,
    ),
    FunctionSpec(
        id="LiveDoor",
        handler="waybill.live.authorize.handler",
        environment=DoorEnvironment,
        access=frozenset({Access.TICKET_TAKE}),
        timeout=10,
    ),
    FunctionSpec(
        id="LiveConnections",
        handler="waybill.live.connect.handler",
        environment=LedgerEnvironment,
        access=frozenset({Access.CONNECTION_KEEP, Access.CONNECTION_DROP}),
        timeout=10,
    ),
    FunctionSpec(
        id="LiveEvents",
        handler="waybill.live.tell.handler",
        environment=LiveEnvironment,
        access=frozenset(
            {Access.TABLE_READ, Access.WORK_READ, Access.EVENT_WRITE, Access.CONNECTION_DROP, Access.CONNECTION_POST}
        ),
        timeout=120,
    ),
)

# The link gateway, which exists where links are its own. 1,769 MB are one vCPU, and with less a cold start takes longer.
OPEN_LINK = FunctionSpec(
    id="OpenLink",
    handler="waybill.files.open_link.handler",
    environment=GatewayEnvironment,
    access=frozenset({Access.LINK_UNWRAP, Access.LINK_OPEN}),
    timeout=10,
    memory=1769,
    reads_only=True,
)
