"""Links by which files are uploaded to the inbox, past the API, which takes no large bodies."""

import uuid
from typing import TYPE_CHECKING

from waybill.api.models import Upload, UploadRequest
from waybill.errors import InvalidInput

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EXPIRES_SECONDS = 900
_TYPE = "application/octet-stream"


class Uploads:
    """Each upload has a folder of its own: nothing is ever overwritten. `largest` in bytes."""

    def __init__(self, *, client: "S3Client", bucket: str, largest: int) -> None:
        self._client = client
        self._bucket = bucket
        self._largest = largest

    def begin(self, request: UploadRequest) -> Upload:
        """Raises InvalidInput for what is too large."""
        if request.size > self._largest:
            raise InvalidInput(f"{request.name} has {request.size:,} bytes; an upload may have {self._largest:,}.")
        key = f"inbox/{uuid.uuid4().hex}/{request.name}"
        # Both headers are part of the signature: nothing but what was announced can be put there.
        given = {"Bucket": self._bucket, "Key": key, "ContentLength": request.size, "ContentType": _TYPE}
        url = self._client.generate_presigned_url("put_object", Params=given, ExpiresIn=EXPIRES_SECONDS)
        return Upload(input=key, url=url, headers={"Content-Type": _TYPE}, expires_in=EXPIRES_SECONDS)
