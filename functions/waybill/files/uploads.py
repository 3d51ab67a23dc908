"""Multipart uploads on record: whoever comes after a dead task goes on with them, and the run's end gives up what is left."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator

from waybill.errors import WaybillError
from waybill.files.storage import ObjectStore, Upload
from waybill.runs.work import WorkBucket, run_prefix

logger = logging.getLogger(__name__)


class UploadLog:
    """The uploads that a run began, each an object `uploads/<name>-<n>.json` of the work bucket. One that has ended stays on record."""

    def __init__(self, work: WorkBucket, run_id: str) -> None:
        self._work, self._prefix = work, f"{run_prefix(run_id)}uploads/"

    def latest(self, name: str) -> Upload | None:
        """The upload begun last under a name."""
        found = max(self._work.keys(f"{self._prefix}{name}-"), default=None)
        return self._read(found) if found else None

    def note(self, name: str, upload: Upload) -> Upload:
        """Puts an upload on record. Where another attempt has done so in the same moment, its upload is given: that one counts."""
        body = json.dumps({"bucket": upload.bucket, "key": upload.key, "id": upload.id}).encode()
        begun = sum(1 for _ in self._work.keys(f"{self._prefix}{name}-"))
        key = f"{self._prefix}{name}-{begun:04d}.json"
        return upload if self._work.put_new(key, body) else self._read(key)

    def all(self) -> Iterator[Upload]:
        return (self._read(key) for key in self._work.keys(self._prefix))

    def _read(self, key: str) -> Upload:
        return Upload(**json.loads(self._work.get(key) or b"{}"))


def name_of(*parts: object) -> str:
    """A name for an upload: the same for the same copy of the same source, cut in the same way."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def give_up_all(log: UploadLog, store: Callable[[], ObjectStore]) -> None:
    """Gives up every upload of a run that has not ended.

    What cannot be given up, and a part of a late attempt that lands afterwards, the bucket's lifecycle rule clears away.
    """
    for upload in log.all():
        try:
            store().abort(upload)
        except WaybillError as error:
            logger.warning("A multipart upload could not be given up", extra={"upload_id": upload.id, "reason": str(error)})
