"""Inputs of records in memory and in folders."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO


@dataclass
class MemoryFiles:
    """File name to content; a text is UTF-8."""

    content: Mapping[str, bytes | str]

    def names(self) -> list[str]:
        return list(self.content)

    def open(self, name: str) -> BinaryIO:
        content = self.content[name]
        return io.BytesIO(content.encode() if isinstance(content, str) else content)


@dataclass
class FolderFiles:
    """The files of a folder, or one of them."""

    folder: Path
    only: str = ""

    def names(self) -> list[str]:
        return (
            [self.only]
            if self.only
            else sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        )

    def open(self, name: str) -> BinaryIO:
        return (self.folder / name).open("rb")


def an_sfdmu_plan(*objects: Mapping[str, Any], csvs: Mapping[str, str], **options: Any) -> MemoryFiles:
    """A plan with its CSV files by name without the ending; `objects` as export.json has them."""
    plan = {"objects": list(objects), **options} if objects else options
    return MemoryFiles({"export.json": json.dumps(plan), **{f"{name}.csv": text for name, text in csvs.items()}})
