"""The input of a load as files: what was uploaded, fetched from the inbox to the task's own disk."""

import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from waybill.errors import InvalidInput
from waybill.records.reading.files import InputFiles
from waybill.runs.work import WorkBucket

_CHUNK = 1024 * 1024


class SingleFile:
    """A workbook or a CSV file by itself."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name

    def names(self) -> list[str]:
        return [self._name]

    def open(self, name: str) -> BinaryIO:
        if name != self._name:
            raise InvalidInput(f"There is no {name} in the input.")
        return self._path.open("rb")


class ZipFiles:
    """The files of a zip."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)

    def names(self) -> list[str]:
        return [info.filename for info in self._zip.infolist() if not info.is_dir()]

    def open(self, name: str) -> BinaryIO:
        return io.BytesIO(self._zip.read(name))


@contextmanager
def fetched(work: WorkBucket, key: str) -> Iterator[InputFiles]:
    """The upload under `key`, as one file: reading takes archives apart. Raises InvalidInput where there is none."""
    with tempfile.TemporaryDirectory(prefix="waybill-") as folder:
        path = Path(folder, "input")
        with path.open("wb") as file, work.stream(key) as body:
            if body is None:
                raise InvalidInput(f"There is nothing under {key} in the work bucket: upload the input first.")
            shutil.copyfileobj(body, file, _CHUNK)
        name = key.rpartition("/")[2]
        yield ZipFiles(path) if name.lower().endswith(".zip") else SingleFile(path, name)
