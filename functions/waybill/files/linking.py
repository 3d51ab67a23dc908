"""Builds what links are written, proven and opened with. One of each per container, as in compose."""

from waybill import compose
from waybill.aws.credentials import own
from waybill.aws.kms import KeyManagement
from waybill.aws.places import region_of
from waybill.aws.presigning import Presigner
from waybill.aws.transport import sender
from waybill.compose import once
from waybill.files.gateway import LinkKeys
from waybill.files.keyring import Keyring
from waybill.files.linkstore import LinkStore
from waybill.files.urls import LinkBuilder
from waybill.settings import DestinationSettings, Environment, LinkEnvironment, LinkStyle


def writer(environment: LinkEnvironment, *, strict: bool = True) -> LinkBuilder:
    """The same with the keys that links are written with. Not `strict`: without those that are gone. Raises LinkKeyGone."""
    destination, bucket = environment.config.destination, environment.destination_bucket
    gateway = destination.link_style is LinkStyle.GATEWAY
    return compose.links(destination, bucket, keyring(environment, environment.link_key).load(strict=strict) if gateway else None)


def versions(environment: Environment) -> LinkBuilder:
    """Links that can tell which is out of date, and neither be written nor proven: that takes no key."""
    destination = environment.config.destination
    if destination.link_style is not LinkStyle.GATEWAY:
        return compose.links(destination, "")

    current = max((each.version for each in store(environment).versions()), default=0)
    return compose.links(destination, "", LinkKeys(current))


def store(environment: Environment) -> LinkStore:

    return LinkStore(compose.table(environment.table))


def keyring(environment: Environment, key_arn: str) -> Keyring:
    """The keys of the gateway's links, each unwrapped once."""
    return _keyring(environment.table, environment.stage, key_arn)


@once
def _keyring(table_name: str, stage: str, key_arn: str) -> Keyring:

    kms = KeyManagement(region=region_of(), credentials=own(), sender=sender())
    return Keyring(LinkStore(compose.table(table_name)), kms, key_arn=key_arn, stage=stage)


def presigner(destination: DestinationSettings, bucket: str) -> Presigner:
    """What turns a key of the destination into a URL that opens for some minutes."""
    return _presigner(bucket, destination.region, destination.link_seconds, destination.link_endpoint)


@once
def _presigner(bucket: str, region: str, seconds: int, endpoint: str | None) -> Presigner:

    return Presigner(bucket=bucket, region=region, seconds=seconds, credentials=own(), endpoint=endpoint)
