"""What a login takes, of each org a secret of its own. Nothing of it reaches a message."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from waybill.errors import NotFound, ServiceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_TRANSIENT = frozenset({"InternalServiceError", "ThrottlingException", "LimitExceededException"})


def secret_name(prefix: str, org: str) -> str:
    """The org in the middle: an ending of its own would look like those that Secrets Manager appends."""
    return f"{prefix}{org}/login"


class OrgSecrets:
    """Read and written by the API alone; tasks read one by its name. `key`: ARN of the key that they are encrypted with."""

    def __init__(self, client: "SecretsManagerClient", *, prefix: str, key: str) -> None:
        self._client = client
        self._prefix = prefix
        self._key = key

    def read(self, org: str) -> dict[str, str]:
        """As it is now. Raises NotFound, ServiceUnavailable."""
        found = self._call("get_secret_value", org, SecretId=self._name(org))
        return {str(name): str(value) for name, value in json.loads(found["SecretString"]).items()}

    def write(self, org: str, value: Mapping[str, str]) -> None:
        from botocore.exceptions import ClientError

        text = json.dumps(dict(value))
        try:
            self._call("put_secret_value", org, SecretId=self._name(org), SecretString=text)
        except NotFound:
            described = f"How Waybill logs in to the org {org}"
            try:
                self._call(
                    "create_secret", org, Name=self._name(org), SecretString=text, KmsKeyId=self._key, Description=described
                )
            except ClientError as error:
                raise ServiceUnavailable(f"The secret of the org {org} cannot be kept now ({_code(error)}). Try again.") from None

    def forget(self, org: str) -> None:
        """At once and for good: nobody wants the login of an org back that he has removed. None there is no error."""
        try:
            self._call("delete_secret", org, SecretId=self._name(org), ForceDeleteWithoutRecovery=True)
        except NotFound:
            return

    def _name(self, org: str) -> str:
        return secret_name(self._prefix, org)

    def _call(self, method: str, org: str, **arguments: Any) -> Any:  # Any: boto3's replies
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, method)(**arguments)
        except ClientError as error:
            if _code(error) == "ResourceNotFoundException":
                raise NotFound(f"The org {org} has no credentials yet.") from None
            # One that is about to be deleted is neither there nor can it be made.
            if _code(error) in _TRANSIENT or "deletion" in str(error):
                raise ServiceUnavailable(f"Secrets Manager: {_code(error)}. Try again.") from None
            raise
        except BotoCoreError as error:
            raise ServiceUnavailable(f"Secrets Manager: {type(error).__name__}. Try again.") from None


def _code(error: Any) -> str:  # Any: botocore's ClientError
    return str(error.response.get("Error", {}).get("Code", ""))
