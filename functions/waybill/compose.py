"""Builds what tasks work with from their environment. One of each per container and environment: sessions and pools are kept."""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from waybill.clock import sleep
from waybill.counting import counted
from waybill.errors import ConfigurationError
from waybill.orgs.connections import OWN, OrgStore
from waybill.orgs.secrets import secret_name
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket
from waybill.settings import (
    Configuration,
    DestinationSettings,
    Environment,
    LinkStyle,
    OrgEnvironment,
    SalesforceEnvironment,
    SalesforceSettings,
)
from waybill.table import Table

if TYPE_CHECKING:
    from functools import _lru_cache_wrapper

    from waybill.aws.event_bus import EventBus
    from waybill.aws.transport import Sender
    from waybill.files.gateway import LinkKeys
    from waybill.files.ledger import Ledger
    from waybill.files.s3 import S3Store
    from waybill.files.storage import ObjectStore
    from waybill.files.urls import LinkBuilder
    from waybill.salesforce.client import SalesforceClient
    from waybill.salesforce.oauth import Grant
    from waybill.salesforce.patience import Patience


class Manner(StrEnum):
    """How Salesforce is talked to."""

    PATIENT = "patient"  # tries again, for minutes
    HURRIED = "hurried"  # for API Gateway, which gives up after 29 s
    ONCE = "once"  # never repeats a call: whoever writes must look again before the next try


SECRET_SECONDS = 300

F = TypeVar("F", bound=Callable[..., object])

# boto3's default session is not thread-safe while a client is built.
_building = threading.RLock()
_caches: "list[_lru_cache_wrapper[Any]]" = []


def once(function: F) -> F:
    """Calls `function` once for each set of arguments, also when threads ask at the same time."""
    cached = lru_cache(maxsize=64)(function)

    def guarded(*args: Any) -> object:
        with _building:
            return cached(*args)

    _caches.append(cached)
    return cast("F", guarded)


@once
def aws(service: str, in_flight: int = 32) -> Any:
    """A boto3 client of the function's own role, with time-outs and retries."""
    # boto3 takes a quarter of a second to import: only who talks to AWS pays for it.
    import boto3
    from botocore.config import Config

    client = boto3.client(
        service,  # type: ignore[call-overload]
        config=Config(
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=in_flight,
            retries={"mode": "standard", "total_max_attempts": 6},
        ),
    )
    return counted(client)


@once
def bus() -> "EventBus":
    """EventBridge, which is given up soon: what it is told is worth little, and a task waits for it."""
    from waybill.aws.credentials import own
    from waybill.aws.event_bus import EventBus
    from waybill.aws.places import region_of
    from waybill.aws.transport import hasty, sender

    return EventBus(region=region_of(), credentials=own(), sender=sender(hasty))


@once
def uploads(endpoint: str | None) -> Any:
    """An S3 client that signs links. `endpoint`: the local stack's, by which other processes reach it."""
    import boto3
    from botocore.config import Config

    # The fourth signature, which buckets with a KMS key insist on.
    style: Literal["path", "auto"] = "path" if endpoint else "auto"
    return boto3.client("s3", endpoint_url=endpoint, config=Config(signature_version="s3v4", s3={"addressing_style": style}))


@once
def table(name: str) -> Table:
    from waybill.aws.credentials import own
    from waybill.aws.dynamodb_engine import DynamoDB
    from waybill.aws.places import region_of
    from waybill.aws.transport import sender

    return Table(client=DynamoDB(region=region_of(), credentials=own(), sender=sender()), name=name)


def runs(environment: Environment) -> RunStore:
    return RunStore(table(environment.table))


def ledger(environment: Environment) -> "Ledger":
    from waybill.files.ledger import Ledger

    return Ledger(table(environment.table))


def work(environment: Environment) -> WorkBucket:
    return WorkBucket(client=_objects(), bucket=environment.work_bucket)


@once
def _objects() -> Any:
    from waybill.aws.credentials import own
    from waybill.aws.objects import Objects
    from waybill.aws.places import region_of
    from waybill.aws.s3_engine import Core
    from waybill.aws.transport import sender

    def store() -> "S3Store":
        from waybill.files.s3 import S3Store

        return S3Store(aws("s3"))

    return Objects(Core(region=region_of(), credentials=own(), sender=sender(), boto=store), boto=lambda: aws("s3"))


def links(destination: DestinationSettings, bucket: str, versions: "LinkKeys | None" = None) -> "LinkBuilder":
    """What new URLs look like. Links of the gateway are recognised; to write them, see `waybill.files.linking`. Raises ConfigurationError."""
    from waybill.files.urls import LinkBuilder

    if destination.link_style is LinkStyle.GATEWAY:
        from waybill.files.gateway import at

        return at(destination.link_base, bucket, versions)
    base = destination.link_base if destination.link_style is LinkStyle.DOMAIN else None
    return LinkBuilder(base.rstrip("/"), bucket) if base else LinkBuilder.for_bucket(bucket, destination.region)


def secret(arn: str) -> Mapping[str, str]:
    """A secret's JSON object, read anew every five minutes. Raises ConfigurationError, never with its content."""
    return _secret(arn, int(time.monotonic() // SECRET_SECONDS))


@once
def _secret(arn: str, _period: int) -> Mapping[str, str]:
    from botocore.exceptions import ClientError

    try:
        value = json.loads(aws("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise ConfigurationError(f"The secret {arn} cannot be read ({code}): check that it exists and the role.") from None
    except ValueError:
        raise ConfigurationError(f"The secret {arn} is not a JSON object.") from None
    if not isinstance(value, dict):
        raise ConfigurationError(f"The secret {arn} is not a JSON object.")
    return {str(name): str(given) for name, given in value.items()}


def _patience(manner: Manner) -> "Patience | None":
    from waybill.salesforce.patience import Patience

    match manner:
        case Manner.PATIENT:
            return None
        case Manner.HURRIED:
            return Patience(
                sleep=sleep,
                random=random.random,
                connect_timeout=3,
                read_timeout=12,
                tries=2,
                tries_after_timeout=1,
                lock_tries=1,
            )
        case Manner.ONCE:
            return Patience(sleep=sleep, random=random.random, tries=1, tries_after_timeout=1, lock_tries=1)


@once
def _salesforce(settings: str, credentials: str, table_name: str, manner: Manner, org: str) -> "SalesforceClient":
    # simple-salesforce takes a quarter of a second to import: only who talks to Salesforce pays for it.
    from waybill.salesforce.connect import connect
    from waybill.salesforce.token_cache import DynamoTokenCache

    cache = DynamoTokenCache(client=aws("dynamodb", 64), table=table_name, org=org)
    found = SalesforceSettings.model_validate_json(settings)
    return connect(found, json.loads(credentials), cache=cache, patience=_patience(manner))


def salesforce(environment: SalesforceEnvironment, manner: Manner = Manner.PATIENT) -> "SalesforceClient":
    """The stage's own org."""
    settings = environment.config.salesforce.model_dump_json()
    # By value: a container that lives on takes new credentials as soon as the secret has them.
    credentials = json.dumps(dict(secret(environment.salesforce_secret)), sort_keys=True)
    return _salesforce(settings, credentials, environment.table, manner, "")


def salesforce_of(environment: OrgEnvironment, org: str | None, manner: Manner = Manner.PATIENT) -> "SalesforceClient":
    """The org of that name; None: the stage's own. Raises NotFound."""
    if org is None or org == OWN:
        return salesforce(environment, manner)
    settings, credentials = login_of(environment, org)
    shown = json.dumps(dict(credentials), sort_keys=True)
    return _salesforce(settings.model_dump_json(), shown, environment.table, manner, org)


def login_of(environment: OrgEnvironment, org: str) -> tuple[SalesforceSettings, Mapping[str, str]]:
    """How to log in to the org of that name, and with what. Raises NotFound."""
    own = environment.config.salesforce
    if org == OWN:
        return own, secret(environment.salesforce_secret)
    return orgs(environment).get(org).settings(own), secret(secret_name(environment.org_secrets, org))


def orgs(environment: Environment) -> OrgStore:
    return OrgStore(table(environment.table))


def on_trial(settings: SalesforceSettings, credentials: Mapping[str, str]) -> "SalesforceClient":
    """A login that nobody else shares: for credentials that are not kept yet."""
    from waybill.salesforce.connect import connect
    from waybill.salesforce.token_cache import MemoryTokenCache

    return connect(settings, credentials, cache=MemoryTokenCache(), patience=_patience(Manner.HURRIED))


def redeem(
    settings: SalesforceSettings, credentials: Mapping[str, str], *, code: str, verifier: str, redirect_uri: str
) -> "Grant":
    """What an org gives for the code that a browser brought back."""
    from waybill.salesforce.auth import authorize
    from waybill.salesforce.patience import Patience
    from waybill.salesforce.transport import SalesforceSession
    from waybill.salesforce.usage import Meter

    patience = _patience(Manner.HURRIED) or Patience(sleep=sleep, random=random.random)
    with SalesforceSession(login_url=settings.login_url, meter=Meter(monotonic=time.monotonic), patience=patience) as session:
        return authorize(settings, credentials, code=code, verifier=verifier, redirect_uri=redirect_uri, session=session)


def forget_session(environment: Environment, org: str) -> None:
    """The token that containers share for an org is nobody's any more."""
    from waybill.salesforce.token_cache import DynamoTokenCache

    DynamoTokenCache(client=aws("dynamodb", 64), table=environment.table, org=org).forget()


@once
def _store(region: str, credentials_arn: str, role_arn: str, in_flight: int) -> "ObjectStore":
    from waybill.files.storage import Credentials, store

    if not credentials_arn:
        return store(region=region, role_arn=role_arn or None, in_flight=in_flight)
    keys = secret(credentials_arn)
    missing = {"access_key_id", "secret_access_key"} - keys.keys()
    if missing:
        raise ConfigurationError(f"The source's secret lacks {', '.join(sorted(missing))}.")
    credentials = Credentials(keys["access_key_id"], keys["secret_access_key"], keys.get("session_token") or None)
    return store(region=region, credentials=credentials, in_flight=in_flight)


def source_store(config: Configuration, source_secret: str) -> "ObjectStore":
    """S3 as the source's reader sees it."""
    arn = source_secret if config.source.own_credentials else ""
    return _store(config.source.region, arn, config.source.role_arn or "", config.migration.copies_in_flight)


def destination_store(config: Configuration) -> "ObjectStore":
    return _store(config.destination.region, "", "", config.migration.copies_in_flight)


def use_transport(transport: "Sender | None") -> None:
    """Signed requests of our own go this way from now on: the local stack answers them in its process. None: over the network."""
    from waybill.aws.transport import use

    use(transport)
    forget()


def forget() -> None:
    """Drops everything that was built: for tests, which change what stands behind the environment."""
    for cached in _caches:
        cached.cache_clear()
