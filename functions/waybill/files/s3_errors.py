"""Vendor errors of S3 mapped to our own."""

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError, NoCredentialsError
from botocore.exceptions import ConnectionError as BotoConnectionError

from waybill.errors import BucketUnavailable, ServiceUnavailable, WaybillError
from waybill.files.storage import Refusal, Refused

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


def mapped(error: ClientError | BotoCoreError, *, bucket: str = "") -> WaybillError:
    """Our own error for botocore's, by code first: an error in the body of a 200 has no status worth the name."""
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        message = f"{error.operation_name}: {code} ({status}): {error.response.get('Error', {}).get('Message', '')}"
        if code in _BUCKET_GONE:
            named = error.response.get("Error", {}).get("BucketName") or bucket
            return BucketUnavailable(f"The bucket {named} cannot be used: {message}" if named else message)
        if code in _REASONS:
            return Refused(_REASONS[code], message)
        if code in _BUSY or status >= 500 or status == 429:  # noqa: PLR2004 - HTTP's own numbers
            return ServiceUnavailable(message)
        if status == 403:  # noqa: PLR2004
            return Refused(Refusal.DENIED, message)
        return Refused(_REASONS_BY_STATUS.get(status, Refusal.INVALID), message)
    if isinstance(error, HTTPClientError | BotoConnectionError | IncompleteReadError):
        return ServiceUnavailable(f"S3: {error}")
    if isinstance(error, NoCredentialsError):
        return BucketUnavailable(f"S3: {error}")
    return Refused(Refusal.INVALID, f"S3: {error}")
