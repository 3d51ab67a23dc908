"""A request as AWS gets it."""

from dataclasses import dataclass

from local.aws.dispatch import Headers


@dataclass(frozen=True)
class AwsRequest:
    """`url` as AWS itself would have it: the service's own host, path style."""

    method: str
    url: str
    headers: Headers
    body: bytes
