"""Where a service answers: its own address in a region, or another one that the environment names."""

import os
from collections.abc import Mapping

from waybill.aws.transport import Origin
from waybill.errors import ConfigurationError


def region_of(environment: Mapping[str, str] | None = None) -> str:
    """The function's own region, which Lambda puts into both variables. Raises ConfigurationError."""
    given = os.environ if environment is None else environment
    region = given.get("AWS_DEFAULT_REGION") or given.get("AWS_REGION")
    if not region:
        raise ConfigurationError("The region is not known: set AWS_REGION.")
    return region


def elsewhere(service: str, environment: Mapping[str, str] | None = None) -> Origin | None:
    """The address that AWS_ENDPOINT_URL_<SERVICE> or AWS_ENDPOINT_URL names."""
    given = os.environ if environment is None else environment
    url = given.get(f"AWS_ENDPOINT_URL_{service.upper()}") or given.get("AWS_ENDPOINT_URL")
    return Origin.of(url) if url else None


def regional(service: str, region: str) -> Origin:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return Origin("https", f"{service}.{region}.{suffix}")
