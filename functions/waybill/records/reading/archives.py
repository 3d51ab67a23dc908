"""Zip archives of input files: opened with care, for they come from anywhere."""

import re
import shutil
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, cast

from waybill.errors import InvalidInput

MOST_FILES: Final = 2_000
# Of all files together, unpacked, in bytes.
LARGEST: Final = 4 * 1024**3
# Text packs to a tenth or a twentieth; what packs to less is no text that a person wrote.
_LARGEST_RATIO: Final = 200
_RATIO_MATTERS: Final = 50 * 1024 * 1024
_IN_MEMORY: Final = 16 * 1024 * 1024
_ENCRYPTED: Final = 0x1
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_IGNORED: Final = ("__MACOSX/", ".DS_Store", "Thumbs.db")


class ArchiveFiles:
    """The files of a zip. Raises InvalidInput for one that is corrupt, encrypted, or would unpack to more than is reasonable."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name = name
        # What is in it is read as long as somebody has these files; then nobody else can close it.
        weakref.finalize(self, file.close)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
            raise InvalidInput(f"{name} is not a zip that can be opened: {error}. It may be cut off: upload it again.") from error
        infos = list(self._infos())
        self._members = dict(infos)
        check_sizes(self._members.values(), name)
        twice = next((path for path, info in infos if self._members[path] is not info), None)
        if twice is not None:
            raise InvalidInput(f"{name} holds two files of the name {twice}: leave one of them out.")

    def _infos(self) -> Iterator[tuple[str, zipfile.ZipInfo]]:
        """By path, with slashes: some programs of Windows write the other ones."""
        for info in self._zip.infolist():
            path = info.filename.replace("\\", "/")
            if info.is_dir() or path.startswith(_IGNORED[0]) or path.rpartition("/")[2] in _IGNORED:
                continue
            if path.startswith("/") or ".." in path.split("/") or _DRIVE.match(path):
                raise InvalidInput(f"{self._name} holds {path[:80]!r}, which leads out of the archive.")
            yield path, info

    def names(self) -> list[str]:
        return list(self._members)

    def open(self, name: str) -> BinaryIO:
        """A copy, unpacked: it can be gone through more than once."""
        if name not in self._members:
            raise InvalidInput(f"There is no {name} in {self._name}.")
        copy = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the caller closes it
        try:
            # More than the directory promised is not read: a file that lies about its size fails.
            with self._zip.open(self._members[name]) as packed:
                shutil.copyfileobj(packed, copy, 1 << 20)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
            copy.close()
            raise InvalidInput(f"{name} in {self._name} cannot be unpacked: {error}.") from error
        copy.seek(0)
        return cast("BinaryIO", copy)


def check_sizes(infos: Iterable[zipfile.ZipInfo], name: str) -> None:
    """Refuses an archive by what its directory says of its files."""
    members = list(infos)
    if len(members) > MOST_FILES:
        raise InvalidInput(f"{name} holds {len(members)} files; {MOST_FILES} are the most.")
    if any(info.flag_bits & _ENCRYPTED for info in members):
        raise InvalidInput(f"{name} is protected by a password: take the protection away.")
    unpacked, packed = sum(info.file_size for info in members), sum(info.compress_size for info in members)
    if unpacked > LARGEST or (unpacked > _RATIO_MATTERS and unpacked > packed * _LARGEST_RATIO):
        raise InvalidInput(f"{name} would unpack from {packed:,} to {unpacked:,} bytes: it is refused as a zip bomb.")
