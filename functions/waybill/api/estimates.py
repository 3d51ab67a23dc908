"""What `plan` answers: a scope, made up or counted in the org, and the estimates for both phases."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from itertools import islice

from waybill import compose
from waybill.api.models import AlternativeView, EstimateView, PlanView, ScopeView
from waybill.api.services import Services
from waybill.errors import InvalidInput, WaybillError
from waybill.files.building import sources_for
from waybill.files.domain import Entry, HttpLocation, S3Location, SourceFacts
from waybill.files.planning import (
    SAMPLE,
    Scope,
    alternatives,
    estimate_backup,
    estimate_cutover,
    sampled_scope,
    standing_costs,
)
from waybill.files.urls import locate
from waybill.telemetry import logger

SIZES_LOOKED_UP = 200
COUNTING_SECONDS = 12  # of the 29 that the function has
_LISTED = (
    "Costs are those of sources that can be listed a thousand at a time; looked at one by one they cost 40 cents a million more."
)
_GUESS = "Times are estimates: how fast Salesforce takes updates depends on the org's triggers and flows."


def what_if(files: int, accounts: int | None, largest: int | None = None) -> PlanView:
    """The plan for so many files; without a number of accounts, 50 files each; without a `largest` account, evenly spread."""
    if accounts is not None and accounts > files:
        raise InvalidInput("There cannot be more accounts with files than files.")
    if largest is not None and largest > files:
        raise InvalidInput("The largest account cannot have more files than there are.")
    accounts = accounts if accounts is not None else max(1, files // 50)
    return _plan(Scope(files=files, accounts=accounts, largest=largest or 0), [])


def plan_from_org(services: Services) -> PlanView:
    """The plan for the org's own entries: counted by account, looked at closely in a sample."""
    deadline = services.now() + timedelta(seconds=COUNTING_SECONDS)
    first = last = ""
    files = accounts = largest = 0
    notes: list[str] = []
    for activity in services.reader.accounts():
        first, last = first or activity.account_id, activity.account_id
        files, accounts, largest = files + activity.entries, accounts + 1, max(largest, activity.entries)
        if services.now() > deadline:
            notes.append(
                f"The org has more accounts than could be counted in {COUNTING_SECONDS} seconds: the figures are at least."
            )
            break
    orphans = services.reader.orphans()
    if orphans is not None:
        files, accounts, largest = files + orphans.entries, accounts + 1, max(largest, orphans.entries)
        notes.append(f"Entries without an account: {orphans.entries}.")
    sample = list(islice(services.reader.entries(first=first, last=last), SAMPLE)) if first else []
    scope = sampled_scope(
        sample,
        files=files,
        accounts=accounts,
        largest=largest,
        links=compose.links(services.environment.config.destination, services.environment.destination_bucket),
        source_buckets=services.environment.config.source.buckets,
        sizes=_sizes(services, sample),
    )
    return _plan(scope, notes)


def _plan(scope: Scope, notes: list[str]) -> PlanView:
    if scope.unknown_buckets:
        notes.append(
            "Some entries point to buckets that are not configured as a source: their files will fail, or add the buckets."
        )
    if scope.unusable:
        notes.append(f"Of {scope.sample} entries seen, the links of {scope.unusable} name no file.")
    return PlanView(
        scope=ScopeView(**asdict(scope)),
        backup=EstimateView(**asdict(estimate_backup(scope))),
        cutover=EstimateView(**asdict(estimate_cutover(scope))),
        standing_usd=standing_costs(scope),
        alternatives=[AlternativeView(**asdict(other)) for other in alternatives(scope)],
        notes=[*notes, _LISTED, _GUESS],
    )


def _sizes(services: Services, sample: list[Entry]) -> list[int]:
    """Sizes of some of the sample's files at their source; none where the source cannot be read, which `check` looks into."""
    links = compose.links(services.environment.config.destination, services.environment.destination_bucket)
    buckets = services.environment.config.source.buckets
    chosen = sample[:: max(1, len(sample) // SIZES_LOOKED_UP)][:SIZES_LOOKED_UP]
    places = [locate(entry.url, links=links, source_buckets=buckets) for entry in chosen]
    known = [place for place in places if isinstance(place, S3Location) and place.bucket in buckets]
    look: Callable[[list[S3Location | HttpLocation]], list[tuple[S3Location | HttpLocation, SourceFacts | str | None]]]
    look = sources_for(services.environment)
    try:
        return [facts.size for _, facts in look([*known]) if isinstance(facts, SourceFacts)]
    except WaybillError as error:
        logger.warning("sizes not looked up", extra={"error": type(error).__name__})
        return []
