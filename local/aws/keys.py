"""Keys of KMS: moto makes up their ids, and the template's are known before."""

from typing import Any

from moto.kms.models import kms_backends

from local.aws.dispatch import ACCOUNT_ID, REGION
from local.aws.intrinsics import Resource
from local.aws.names import arn_of, name_of


def make_key(resource: Resource, kms: Any) -> None:
    """Makes the key that the template says, under its own id. `kms`: a boto3 client."""
    made = kms.create_key(Description=resource.get("Description", ""))["KeyMetadata"]["KeyId"]
    keys = kms_backends[ACCOUNT_ID][REGION].keys
    key = keys.pop(made)
    key.id, key.arn = name_of(resource), arn_of(resource)
    keys[key.id] = key
