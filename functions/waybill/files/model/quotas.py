"""What a run's time depends on: AWS's quotas, how long requests take, what a file costs in CPU. Every figure may be replaced."""

from dataclasses import dataclass, field, replace
from typing import Self

from waybill.files.model.simulation import Scaling

FULL_CPU_MB = 1_769  # memory at which a function has one vCPU


@dataclass(frozen=True, slots=True)
class Quotas:
    """Defaults: what AWS and Salesforce publish, and cautious guesses where it depends on the customer's org, which say so.

    Seconds are of one request. CPU seconds are of a whole vCPU, well above what bench/ shows.
    """

    # S3: COPYs and PUTs, and reads, a second and partition; `uploads/` is one until S3 splits it, which takes it a while.
    copies_per_second: float = 3_500.0
    reads_per_second: float = 5_500.0
    partition_doubles_after: float = 1_800.0
    most_partitions: int = 16
    # DynamoDB on demand: what a table takes at first, and doubles; what one partition takes, as the items of one account are.
    writes_per_second: float = 4_000.0
    table_doubles_after: float = 1_800.0
    partition_writes_per_second: float = 1_000.0
    # Lambda: environments at once, and as many again each 10 s.
    scaling: Scaling = field(default_factory=Scaling)
    # Salesforce: calls of 24 hours, of which a run takes no more than the quota guard leaves (an Enterprise org without extras).
    salesforce_daily_calls: int = 100_000
    quota_guard: float = 0.8

    # Guesses: a page of 2,000 entries, 2,000 groups, 2,000 rows read by id; 1,000 rows updated in an org with a few triggers.
    page_seconds: float = 1.5
    groups_seconds: float = 2.0
    retrieve_seconds: float = 1.5
    composite_seconds: float = 8.0
    call_seconds: float = 0.4
    # S3 and DynamoDB.
    copy_seconds: float = 0.1  # of a usual document, on the server's side
    head_seconds: float = 0.03
    list_seconds: float = 0.15
    put_seconds: float = 0.05
    item_seconds: float = 0.006
    query_page_seconds: float = 0.05  # a page of 1 MB
    # A child of a Distributed Map: started, its states entered, its functions called.
    child_seconds: float = 0.6
    # Around the work: lock, cold starts, readiness, canary, report.
    start_seconds: float = 12.0

    # CPU: of an entry that is listed, a copy, a ledger write, an item that is read, one that is only counted, a row that is switched.
    list_cpu: float = 0.0002
    copy_cpu: float = 0.0003
    write_cpu: float = 0.0003
    read_cpu: float = 0.0001
    tally_cpu: float = 0.00003
    switch_cpu: float = 0.0003
    accounts_in_flight: int = 16  # that FinishRun counts at once

    def relieved(self, *rates: str, seconds: tuple[str, ...] = ()) -> Self:
        """The same with twice of each rate, and half of each time."""
        changed = {name: 2 * getattr(self, name) for name in rates} | {name: getattr(self, name) / 2 for name in seconds}
        return replace(self, **changed)


# Memory of the functions in MB, as infra's catalogue has them; a test compares.
MEMORY_MB = {
    "ListAccounts": 1_769,
    "ListFiles": 1_024,
    "CollectShards": 512,
    "CopyFiles": 1_024,
    "ValidateFiles": 512,
    "PlanUnits": 1_769,
    "UpdateUrls": 1_024,
    "FinishRun": 1_769,
}


def cpu(function: str, seconds: float) -> float:
    """How long so much CPU takes in that function. Python uses one vCPU at most."""
    return seconds / min(1.0, MEMORY_MB[function] / FULL_CPU_MB)
