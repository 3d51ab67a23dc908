"""The input of a load as files: what was uploaded, fetched from the inbox to the task's own disk."""

import shutil
from pathlib import Path
from typing import BinaryIO

from waybill.errors import InvalidInput
from waybill.runs.work import WorkBucket

_CHUNK = 1024 * 1024


class SingleFile:
    """An upload by itself. Closing it closes whatever was opened: an archive keeps its file open for as long as it is read."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._opened: list[BinaryIO] = []

    def names(self) -> list[str]:
        return [self._name]

    def open(self, name: str) -> BinaryIO:
        if name != self._name:
            raise InvalidInput(f"There is no {name} in the input.")
        self._opened.append(self._path.open("rb"))
        return self._opened[-1]

    def close(self) -> None:
        for file in self._opened:
            file.close()


def fetched(work: WorkBucket, key: str, folder: Path, *, etag: str | None = None) -> SingleFile:
    """The upload under `key`, as one file in `folder`: reading takes archives apart. Raises InvalidInput where there is none.

    Also where it has another ETag than `etag`, if one is given: what somebody has looked at is loaded, and nothing else.
    """
    path = folder / "input"
    found = work.head(key) if etag else None
    if found is not None and found["ETag"].strip('"') != etag:
        raise InvalidInput(f"{key} was replaced after its dry run: look at a dry run of what is there now, and execute that one.")
    with path.open("wb") as file, work.stream(key, etag=found["ETag"] if found else "") as body:
        if body is None:
            raise InvalidInput(f"There is nothing under {key} in the work bucket: upload it (uploads are kept for 30 days).")
        shutil.copyfileobj(body, file, _CHUNK)
    return SingleFile(path, key.rpartition("/")[2])
