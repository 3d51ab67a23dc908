"""What the file tasks' handlers build alike from their environment."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from waybill import compose
from waybill.errors import ConfigurationError
from waybill.files.discovery import Rules
from waybill.files.names import KeyLimits
from waybill.files.sources import NO_TIME, Sources
from waybill.files.web import Hosts, Web, connect, resolve
from waybill.salesforce.client import SalesforceClient
from waybill.settings import CopyEnvironment, SourceEnvironment
from waybill.telemetry import emit


def _never() -> bool:
    return False


def rules_for(environment: SourceEnvironment | CopyEnvironment, *, every_source: bool) -> Rules:
    config = environment.config
    return Rules(
        links=compose.links(config.destination, environment.destination_bucket),
        source_buckets=frozenset(config.source.buckets),
        allowed_extensions=frozenset(config.migration.allowed_extensions),
        max_file_size=config.migration.max_file_size,
        every_source=every_source,
    )


def key_limits(environment: SourceEnvironment, client: SalesforceClient) -> KeyLimits:
    """How long a new URL may be: as long as Salesforce says that the URL field is. Raises ConfigurationError."""
    settings = environment.config.salesforce
    described = client.describe(settings.sobject).field(settings.url_field)
    if described is None:
        raise ConfigurationError(f"{settings.sobject} has no field {settings.url_field}, or the user may not see it.")
    links, longest = compose.links(environment.config.destination, environment.destination_bucket), described.length or 255
    if links.longest > longest:
        raise ConfigurationError(
            f"Links at {links.base} have up to {links.longest} characters, and {settings.url_field} takes {longest}: shorten link_base."
        )
    # Links of the gateway hold no key. Keys are as short all the same: another style may be chosen later, and none is ever renamed.
    return KeyLimits(link_base_length=len(links.base), max_url=longest)


def sources_for(
    environment: SourceEnvironment, *, time_is_up: Callable[[], bool] = _never, unseen: str | None = NO_TIME
) -> Sources:
    """The look at sources for one task, which remembers for its duration what hosts do not answer. `unseen`: see Sources."""
    return Sources(
        store=compose.source_store(environment.config, environment.source_secret),
        head_http=Web(resolve, connect, hosts=Hosts(time.monotonic)).facts,
        in_flight=environment.config.migration.copies_in_flight,
        time_is_up=time_is_up,
        unseen=unseen,
    )


@contextmanager
def metered(*clients: SalesforceClient, kind: str, stage: str) -> Iterator[None]:
    """Emits how much of the org's daily limit is used."""
    try:
        yield
    finally:
        used = max(client.usage.share for client in clients)
        emit({"SalesforceQuotaUsed": round(used * 100, 2)}, kind=kind, stage=stage)
