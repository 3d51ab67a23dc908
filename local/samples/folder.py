"""A folder of the user's own files as a sample org: each first-level folder an account, each file below it an entry."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from local.samples.model import MAX_NAME, SOURCE_BUCKET, SampleAccount, SampleFile, SampleOrg, fitting_url
from waybill.files.urls import MAX_KEY_BYTES


@dataclass(frozen=True, slots=True)
class FileBody:
    """A file on disk, read when called."""

    path: Path

    def __call__(self) -> bytes:
        return self.path.read_bytes()


def from_folder(path: Path, *, bucket: str = SOURCE_BUCKET) -> SampleOrg:
    """Reads names only; bodies are read when called. Files directly in `path` belong to an account named after it.

    Links, special files and what cannot be read are skipped, each with a notice. Raises NotADirectoryError.
    """
    if not path.is_dir():
        raise NotADirectoryError(f"{path} is not a folder.")
    found, notices = _walk(path)
    folders = sorted({file.relative_to(path).parts[0] for file in found if file.parent != path} | _subfolders(path))
    accounts = [_shown(folder) for folder in folders]
    if any(file.parent == path for file in found):
        accounts.append(_shown(path.resolve().name or "files"))
    places = {folder: place for place, folder in enumerate(folders)}
    files: list[SampleFile] = []
    for file in found:
        inner = file.relative_to(path)
        account = places[inner.parts[0]] if len(inner.parts) > 1 else len(folders)
        key, url = _address(inner, bucket, len(files))
        files.append(SampleFile(account, entry_name(file.name), url, bucket, key, FileBody(file)))
    return SampleOrg(tuple(SampleAccount(name) for name in accounts), tuple(files), tuple(notices))


def entry_name(name: str) -> str:
    """The file's name as Salesforce's Name holds it: up to 80 characters, keeping the extension, and printable."""
    shown = _shown(name)
    if len(shown) <= MAX_NAME:
        return shown
    extension = _extension(shown)
    return shown[: MAX_NAME - len(extension)].rstrip() + extension


def _walk(root: Path) -> tuple[list[Path], list[str]]:
    found: list[Path] = []
    notices: list[str] = []

    def skip(path: str | Path, why: str) -> None:
        notices.append(f"Skipped {_shown(os.path.relpath(path, root))}: {why}.")

    def unreadable(error: OSError) -> None:
        skip(error.filename, "the folder cannot be read")

    for folder, subfolders, names in os.walk(root, onerror=unreadable):
        for name in [name for name in subfolders if Path(folder, name).is_symlink()]:
            skip(Path(folder, name), "it is a link")
        subfolders.sort()
        for file in (Path(folder, name) for name in sorted(names)):
            if file.is_symlink():
                skip(file, "it is a link")
            elif not file.is_file():
                skip(file, "it is no ordinary file")
            elif not os.access(file, os.R_OK):
                skip(file, "it cannot be read")
            else:
                found.append(file)
    return found, notices


def _subfolders(root: Path) -> set[str]:
    return {entry.name for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink()}


def _address(inner: Path, bucket: str, form: int) -> tuple[str, str]:
    """Key and URL. Where no URL of the path fits Salesforce's field, the key is a hash of the path with the extension."""
    raw = os.fsencode(inner.as_posix())
    key = f"docs/{raw.decode(errors='replace')}"
    url = fitting_url(bucket, key, form) if key.encode() == b"docs/" + raw and len(key.encode()) <= MAX_KEY_BYTES else None
    if url is None:
        extension = _extension(inner.name)
        key = f"docs/{hashlib.sha256(raw).hexdigest()[:32]}{extension if extension.isascii() else ''}"
        url = fitting_url(bucket, key, form)
    if url is None:
        raise ValueError(f"The name of the bucket {bucket} leaves no room for a key.")
    return key, url


def _extension(name: str) -> str:
    extension = os.path.splitext(name)[1]  # noqa: PTH122 - a Path would refuse some names
    return extension if len(extension) <= 11 and extension[1:].isalnum() else ""


def _shown(name: str) -> str:
    """Undecodable bytes as the replacement character, control characters as spaces, no space around; never empty."""
    text = os.fsencode(name).decode(errors="replace")
    return "".join(c if c.isprintable() else " " for c in text).strip()[:255] or "unnamed"
