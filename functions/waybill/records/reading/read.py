"""An input of any kind into a job: an SFDMU plan, a workbook, CSV files, or an archive of these."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from dataclasses import field as data_field
from pathlib import Path
from typing import BinaryIO, Final

from waybill.errors import InvalidInput
from waybill.records.domain import Job, ObjectJob, Operation, StagedRow, Table
from waybill.records.reading import csvs, sfdmu
from waybill.records.reading.archives import ArchiveFiles
from waybill.records.reading.files import InputFiles, ReadJob
from waybill.records.reading.sniff import no_text
from waybill.records.reading.workbooks import SheetTable, Workbook

_ZIP: Final = b"PK\x03\x04"
_EMPTY_ZIP: Final = b"PK\x05\x06"
_OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# What a zip holds that is a workbook.
_OF_WORKBOOKS: Final = frozenset({"[Content_Types].xml", "mimetype", "xl/workbook.xml", "xl/workbook.bin"})
_WORKBOOK_ENDINGS: Final = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_TEXT_ENDINGS: Final = (".csv", ".tsv", ".txt")
# What lies about in folders of data, and is none.
_OTHER_ENDINGS: Final = (".json", ".md", ".html", ".pdf", ".xml", ".yml", ".yaml", ".log", ".py", ".apex", ".cls", ".png", ".jpg")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """`object`: the object of a single table, in place of its file's or sheet's name. `external_id` as SFDMU writes it."""

    operation: Operation = Operation.UPSERT
    object: str = ""
    external_id: str = ""


def read_input(files: InputFiles, *, options: ReadOptions, scratch: Path) -> ReadJob:
    """Raises InvalidInput with a reason for what cannot be read. `scratch`: a folder for workbooks while they are read, which the
    caller clears away.

    A plain workbook or CSV file says of itself what it holds: a sheet's or a file's name is the object. Its key is chosen when it is
    planned: an External ID field among its headers, else the id, else the name.
    """
    names = [name for name in files.names() if not name.rpartition("/")[2].startswith((".", "~$"))]
    if sfdmu.find_plan(names) is not None:
        return sfdmu.read(files)
    if len(names) == 1:
        unpacked = _archive(files, names[0])
        if unpacked is not None:
            return read_input(unpacked, options=options, scratch=scratch)
    return _Plain(files, options, scratch).read(sorted(names))


def _archive(files: InputFiles, name: str) -> InputFiles | None:
    """The files of a zip that is no workbook."""
    file = files.open(name)
    start = file.read(4)
    file.seek(0)
    if start not in (_ZIP, _EMPTY_ZIP):
        file.close()
        return None
    unpacked = ArchiveFiles(file, name)
    inside = unpacked.names()
    if not inside:
        raise InvalidInput(f"{name} is an empty archive.")
    if _OF_WORKBOOKS & set(inside):
        file.close()
        return None
    return unpacked


@dataclass
class _Plain:
    files: InputFiles
    options: ReadOptions
    scratch: Path
    objects: list[ObjectJob] = data_field(default_factory=list)
    tables: list[Table] = data_field(default_factory=list)
    sources: dict[int, Callable[[], Iterator[StagedRow]]] = data_field(default_factory=dict)
    warnings: list[str] = data_field(default_factory=list)

    def read(self, names: list[str]) -> ReadJob:
        for name in names:
            with self.files.open(name) as file:
                start = file.read(8)
            ending = Path(name).suffix.lower()
            if not start:
                if len(names) == 1:
                    raise InvalidInput(f"{name} is empty: it has no bytes at all.")
                self.warnings.append(f"{name} is empty: it has no bytes at all.")
            elif start.startswith((_ZIP, _EMPTY_ZIP, _OLD_OFFICE)) or ending in _WORKBOOK_ENDINGS:
                self._workbook(name)
            elif ending in _TEXT_ENDINGS or (not ending and len(names) == 1):
                self._csv(name)
            elif len(names) == 1 or ending not in _OTHER_ENDINGS:
                other = f"is {no_text(start)}, and" if no_text(start) else "is"
                raise InvalidInput(f"{name} {other} neither a workbook nor a CSV file, nor a zip of these.")
            else:
                self.warnings.append(f"{name} is no table: it is left out.")
        if not self.tables:
            raise InvalidInput("There is no table with a header in the input. " + " ".join(self.warnings))
        if self.options.object and len(self.tables) > 1:
            raise InvalidInput(f"The object {self.options.object} is given for {len(self.tables)} tables: give one table.")
        return ReadJob(Job(tuple(self.objects), tuple(self.tables), tuple(self.warnings)), self.sources)

    def _add(
        self, name: str, sheet: str, *, sobject: str, headers: tuple[str, ...], source: Callable[[], Iterator[StagedRow]]
    ) -> None:
        number = len(self.tables)
        self.tables.append(Table(number, name, sheet, headers))
        self.sources[number] = source
        key = tuple(part.strip() for part in self.options.external_id.split(";") if part.strip())
        self.objects.append(
            ObjectJob(self.options.object or sobject, operation=self.options.operation, external_id=key, table=number)
        )

    def _csv(self, name: str) -> None:
        def open_file() -> BinaryIO:
            return self.files.open(name)

        table = csvs.look(open_file, name)
        if not table.headers:
            self.warnings.append(f"{name} has no header.")
            return
        self.warnings += table.warnings
        self._add(
            name, "", sobject=Path(name).stem.strip(), headers=table.headers, source=lambda: csvs.rows(open_file, name, table)
        )

    def _workbook(self, name: str) -> None:
        path = self._on_disk(name)
        workbook = Workbook(path, name)
        tables, warnings = workbook.tables()
        self.warnings += warnings
        for table in tables:
            self.warnings += table.warnings
            self._add(name, table.name, sobject=table.name.strip(), headers=table.headers, source=_rows_of(workbook, table))

    def _on_disk(self, name: str) -> Path:
        """Calamine reads from a path without keeping the file in memory. The copy lives as long as the scratch folder."""
        with (
            self.files.open(name) as file,
            tempfile.NamedTemporaryFile(dir=self.scratch, suffix=Path(name).suffix, delete=False) as copy,
        ):
            shutil.copyfileobj(file, copy, 1 << 20)
            return Path(copy.name)


def _rows_of(workbook: Workbook, table: SheetTable) -> Callable[[], Iterator[StagedRow]]:
    return lambda: workbook.rows(table)
