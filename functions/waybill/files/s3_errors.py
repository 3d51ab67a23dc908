"""Vendor errors of S3 mapped to our own."""

from typing import TYPE_CHECKING

from waybill.errors import BucketUnavailable, ServiceUnavailable, WaybillError
from waybill.files.storage import Refusal, Refused

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

_REASONS = {
    "PreconditionFailed": Refusal.PRECONDITION,
    "ConditionalRequestConflict": Refusal.CONFLICT,
    "OperationAborted": Refusal.CONFLICT,
    "InvalidObjectState": Refusal.ARCHIVED,
    "ObjectNotInActiveTierError": Refusal.ARCHIVED,
    "NoSuchKey": Refusal.MISSING,
    "NoSuchVersion": Refusal.MISSING,
    "NoSuchUpload": Refusal.MISSING,
    "MethodNotAllowed": Refusal.MISSING,  # the version asked for is a delete marker
    "AccessDenied": Refusal.DENIED,
    "403": Refusal.DENIED,  # HEAD has no body to say more
}
_REASONS_BY_STATUS = {
    404: Refusal.MISSING,
    405: Refusal.MISSING,
    409: Refusal.CONFLICT,
    412: Refusal.PRECONDITION,
}
_BUCKET_GONE = frozenset(
    {"NoSuchBucket", "AllAccessDisabled", "AccountProblem", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
    | {"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "PermanentRedirect"}
)
_BUSY = frozenset(
    {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"}
    | {"RequestTimeout", "InternalError", "ServiceUnavailable", "503", "500"}
)


def by_code(code: str, status: int, message: str, *, bucket: str = "") -> WaybillError:
    """Our own error for S3's, by code first: an error in the body of a 200 has no status worth the name."""
    if code in _BUCKET_GONE:
        return BucketUnavailable(f"The bucket {bucket} cannot be used: {message}" if bucket else message)
    if code in _REASONS:
        return Refused(_REASONS[code], message)
    if code in _BUSY or status >= 500 or status == 429:  # noqa: PLR2004 - HTTP's own numbers
        return ServiceUnavailable(message)
    if status == 403:  # noqa: PLR2004
        return Refused(Refusal.DENIED, message)
    return Refused(_REASONS_BY_STATUS.get(status, Refusal.INVALID), message)


def mapped(error: "ClientError | BotoCoreError", *, bucket: str = "") -> WaybillError:
    """Our own error for botocore's."""
    # It is loaded already where there is such an error, and a task that needs no boto3 does not pay for it.
    from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError, NoCredentialsError
    from botocore.exceptions import ConnectionError as BotoConnectionError

    if isinstance(error, ClientError):
        given = error.response.get("Error", {})
        code = str(given.get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        message = f"{error.operation_name}: {code} ({status}): {given.get('Message', '')}"
        return by_code(code, status, message, bucket=str(given.get("BucketName") or bucket))
    if isinstance(error, HTTPClientError | BotoConnectionError | IncompleteReadError):
        return ServiceUnavailable(f"S3: {error}")
    if isinstance(error, NoCredentialsError):
        return BucketUnavailable(f"S3: {error}")
    return Refused(Refusal.INVALID, f"S3: {error}")
