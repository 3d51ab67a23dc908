"""URLs that carry the right to one request for an object, for some minutes. No request is made, and no boto3 is needed."""

import re
import time
from collections.abc import Callable

from waybill.aws.places import elsewhere, regional
from waybill.aws.signing import Keys, Signer, quoted_path
from waybill.aws.transport import Origin

_VIRTUAL = re.compile(r"[a-z0-9][a-z0-9\-]{1,61}[a-z0-9]")  # a dot would not match the certificate


class Presigner:
    """Presigns GET and HEAD of one bucket. `endpoint`: another address than AWS's, where the bucket stands in the path."""

    def __init__(
        self,
        *,
        bucket: str,
        region: str,
        seconds: int,
        credentials: Callable[[], Keys],
        endpoint: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._signer = Signer(service="s3", region=region)
        self._seconds, self._credentials, self._clock = seconds, credentials, clock
        other = Origin.of(endpoint) if endpoint else elsewhere("s3")
        if other is None and _VIRTUAL.fullmatch(bucket):
            place = regional("s3", region)
            self._origin, self._front = Origin(place.scheme, f"{bucket}.{place.host}"), "/"
        else:
            self._origin, self._front = other or regional("s3", region), f"/{bucket}/"

    def __call__(self, method: str, key: str, disposition: str) -> str:
        """S3 answers with this Content-Disposition; the Content-Type is the object's own."""
        path = quoted_path(self._front + key)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        query = self._signer.presigned(
            self._credentials(),
            method,
            path,
            host=self._origin.host,
            parameters={"response-content-disposition": disposition},
            seconds=self._seconds,
            stamp=stamp,
        )
        return f"{self._origin}{path}?{query}"
