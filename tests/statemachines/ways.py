"""The tables of scenarios: every way through each machine, by kind."""

from collections.abc import Mapping

from .lambdas import PARKED, error, finished, more
from .scenarios import BEGIN, ENDED, FAILED, Scenario, approvals, common, ends, units

PACKET = "ReadPacket > ListFiles > IsPacketListed? > PacketEnded"
SHARD = "ReadShard > CopyFiles > IsShardCopied? > ValidateFiles > ShardEnded"
UPDATED = "ReadUnit > UpdateUrls > IsUnitDone? > UnitEnded"
RESTORED = "ReadUnit > RestoreUrls > IsUnitDone? > UnitEnded"

LISTED = f"{BEGIN} > ListAccounts > AreAccountsListed? > List > CollectShards > IsThereAnythingToCopy?"
COPIED = f"{LISTED} > Copy > {ENDED}"

BACKUP = (
    Scenario(
        title="a full backup lists, copies and validates",
        path=COPIED,
        children={"List": PACKET, "Copy": SHARD},
        given={"mode": "full"},
    ),
    Scenario(
        title="no account has entries, so nothing is listed",
        path=f"{BEGIN} > ListAccounts > AreAccountsListed? > {ENDED}",
        items={"packets": 0},
    ),
    Scenario(
        title="nothing is new, so nothing is copied",
        path=f"{LISTED} > {ENDED}",
        children={"List": PACKET},
        items={"shards": 0},
    ),
    Scenario(
        title="a dry run stops before copying",
        path=f"{LISTED} > {ENDED}",
        children={"List": PACKET},
        given={"mode": "full", "dry_run": True},
    ),
    Scenario(
        title="listing accounts takes several calls, each with the cursor of the one before",
        path=f"{BEGIN} > ListAccounts > AreAccountsListed? > {COPIED.removeprefix(f'{BEGIN} > ')}",
        children={"List": PACKET, "Copy": SHARD},
        replies={"ListAccounts": (more(after="001"),)},
        cursors={"ListAccounts": (None, {"after": "001"}), "CollectShards": (None,)},
    ),
    Scenario(
        title="listing a packet takes several calls, each with the cursor of the one before",
        path=COPIED,
        children={"List": "ReadPacket > ListFiles > IsPacketListed? > ListFiles > IsPacketListed? > PacketEnded", "Copy": SHARD},
        replies={"ListFiles": (more(sequence=1, after=["001", "a"]),)},
        cursors={"ListFiles": (None, {"sequence": 1, "after": ["001", "a"]})},
    ),
    Scenario(
        title="collecting shards takes several calls, each with the cursor of the one before",
        path=f"{LISTED} > CollectShards > IsThereAnythingToCopy? > Copy > {ENDED}",
        children={"List": PACKET, "Copy": SHARD},
        replies={"CollectShards": (more(start={"pk": "a"}),)},
        cursors={"CollectShards": (None, {"start": {"pk": "a"}})},
    ),
    Scenario(
        title="copying a shard takes several calls, and it is validated once, at the end",
        path=COPIED,
        children={
            "List": PACKET,
            "Copy": "ReadShard > CopyFiles > IsShardCopied? > CopyFiles > IsShardCopied? > ValidateFiles > ShardEnded",
        },
        replies={"CopyFiles": ({"status": "more"},)},
    ),
    Scenario(
        title="parked while listing accounts: no packet is listed",
        path=f"{BEGIN} > ListAccounts > AreAccountsListed? > {ENDED}",
        replies={"ListAccounts": (PARKED,), **ends("paused")},
        status="paused",
    ),
    Scenario(
        title="parked while listing a packet: the packet ends, and nothing is copied",
        path=f"{LISTED} > {ENDED}",
        children={"List": PACKET},
        replies={"ListFiles": (PARKED,), "CollectShards": (PARKED,), **ends("paused")},
        status="paused",
    ),
    Scenario(
        title="parked while copying: the shard is not validated",
        path=COPIED,
        children={"List": PACKET, "Copy": "ReadShard > CopyFiles > IsShardCopied? > ShardEnded"},
        replies={"CopyFiles": (PARKED,), **ends("cancelled")},
        status="cancelled",
    ),
    Scenario(
        title="listing accounts fails, and FinishRun is told why",
        path=f"{BEGIN} > ListAccounts > {FAILED}",
        replies={"ListAccounts": (error("SalesforceLoginFailed"),)},
        told="SalesforceLoginFailed",
        error="RunFailed",
    ),
    Scenario(
        title="the packets cannot be read, and FinishRun is told why",
        path=f"{BEGIN} > ListAccounts > AreAccountsListed? > List > {FAILED}",
        items={"packets": 0},
        replies={"ListAccounts": ({"packets": 1},)},
        told="States.ItemReaderFailed",
        error="RunFailed",
    ),
    Scenario(
        title="collecting shards fails, and FinishRun is told why",
        path=f"{BEGIN} > ListAccounts > AreAccountsListed? > List > CollectShards > {FAILED}",
        children={"List": PACKET},
        replies={"CollectShards": (error("LockLost"),)},
        told="LockLost",
        error="RunFailed",
    ),
    Scenario(
        title="the shards cannot be read, and FinishRun is told why",
        path=f"{LISTED} > Copy > {FAILED}",
        children={"List": PACKET},
        items={"shards": 0},
        replies={"CollectShards": ({"shards": 1},)},
        told="States.ItemReaderFailed",
        error="RunFailed",
    ),
    Scenario(
        title="a packet fails: that is noted, and the run goes on",
        path=COPIED,
        children={"List": "ReadPacket > ListFiles > NoteFailedPacket", "Copy": SHARD},
        replies={"ListFiles": (error("SalesforceDenied"),)},
        faults={"FAULT#PACKET#0": "SalesforceDenied"},
    ),
    Scenario(
        title="copying a shard fails: that is noted, and the shard is not validated",
        path=COPIED,
        children={"List": PACKET, "Copy": "ReadShard > CopyFiles > NoteFailedShard"},
        replies={"CopyFiles": (error("BucketUnavailable"),)},
        faults={"FAULT#SHARD#00000-0000": "BucketUnavailable"},
    ),
    Scenario(
        title="validating a shard fails: that is noted",
        path=COPIED,
        children={"List": PACKET, "Copy": "ReadShard > CopyFiles > IsShardCopied? > ValidateFiles > NoteFailedShard"},
        replies={"ValidateFiles": (error("LockLost"),)},
        faults={"FAULT#SHARD#00000-0000": "LockLost"},
    ),
    *common(
        COPIED.removeprefix(f"{BEGIN} > ").removesuffix(f" > {ENDED}"),
        {"List": PACKET, "Copy": SHARD},
        {"mode": "full"},
    ),
)

EXECUTE = {"mode": "execute"}
DRY_RUN = {"mode": "dry_run"}
CANARY = {"canary": {"unit": "canary", "accounts": ["001000000000001AAA"], "per_account": 20}}
READY = f"{BEGIN} > CheckReadiness > Delta > IsDeltaComplete?"
SWITCHED = f"{READY.removeprefix(f'{BEGIN} > ')} > PlanUnits > AreUnitsPlanned? > Switch"

CUTOVER = (
    Scenario(
        title="a cutover checks, copies the delta, tries the canary and switches",
        path=f"{READY} > PlanUnits > AreUnitsPlanned? > Canary > DidCanaryPark? > Switch > {ENDED}",
        children={"Switch": UPDATED},
        given=EXECUTE,
        replies={"PlanUnits": (CANARY,)},
    ),
    Scenario(
        title="a dry run plans every unit without a canary",
        path=f"{READY} > PlanUnits > AreUnitsPlanned? > Switch > {ENDED}",
        children={"Switch": UPDATED},
        given=DRY_RUN,
    ),
    Scenario(
        title="not ready: nothing is copied or switched, and the run is refused",
        path=f"{BEGIN} > CheckReadiness > {FAILED}",
        given=EXECUTE,
        replies={"CheckReadiness": (error("NotReady", "Phase 1 is not complete."),)},
        told="NotReady",
        error="RunFailed",
    ),
    Scenario(
        title="a delta that was paused pauses the cutover",
        path=f"{READY} > {ENDED}",
        given=EXECUTE,
        replies={"delta:CopyFiles": (PARKED,), "delta:FinishRun": (finished("paused"),)},
        status="paused",
    ),
    Scenario(
        title="a delta that was cancelled cancels the cutover",
        path=f"{READY} > {ENDED}",
        given=EXECUTE,
        replies={"delta:ListAccounts": (PARKED,), "delta:FinishRun": (finished("cancelled"),)},
        status="cancelled",
    ),
    Scenario(
        title="a delta that fails fails the cutover",
        path=f"{BEGIN} > CheckReadiness > Delta > {FAILED}",
        given=EXECUTE,
        replies={"delta:ListAccounts": (error("SalesforceDenied"),)},
        told="States.TaskFailed",
        error="RunFailed",
    ),
    Scenario(
        title="the canary fails: no unit is switched",
        path=f"{READY} > PlanUnits > AreUnitsPlanned? > Canary > {FAILED}",
        given=EXECUTE,
        replies={"PlanUnits": (CANARY,), "UpdateUrls": (error("CanaryFailed"),)},
        told="CanaryFailed",
        error="RunFailed",
    ),
    Scenario(
        title="parked at the canary: no unit is switched",
        path=f"{READY} > PlanUnits > AreUnitsPlanned? > Canary > DidCanaryPark? > {ENDED}",
        given=EXECUTE,
        replies={"PlanUnits": (CANARY,), "UpdateUrls": (PARKED,), **ends("paused")},
        status="paused",
    ),
    *approvals(f"{SWITCHED} > {ENDED}", usual=Scenario(title="", path="", children={"Switch": UPDATED}, given=EXECUTE)),
    *units("UpdateUrls", "Switch", before=READY, given=DRY_RUN),
    *common(SWITCHED, {"Switch": UPDATED}, DRY_RUN),
)

ROLLBACK = (
    Scenario(
        title="a rollback plans and restores",
        path=f"{BEGIN} > PlanUnits > AreUnitsPlanned? > Restore > {ENDED}",
        children={"Restore": RESTORED},
        given={"mode": "execute", "all": True},
    ),
    *approvals(
        f"PlanUnits > AreUnitsPlanned? > Restore > {ENDED}",
        usual=Scenario(title="", path="", children={"Restore": RESTORED}, given={"mode": "execute", "all": True}),
    ),
    *units("RestoreUrls", "Restore", before=BEGIN, given={"mode": "execute", "all": True}),
    *common("PlanUnits > AreUnitsPlanned? > Restore", {"Restore": RESTORED}, {"mode": "execute", "all": True}),
)

SCENARIOS: Mapping[str, tuple[Scenario, ...]] = {"backup": BACKUP, "cutover": CUTOVER, "rollback": ROLLBACK}
