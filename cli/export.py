"""Writes reports to files: JSON, or CSV whose cells no spreadsheet takes for formulas."""

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cli.app import App
from cli.errors import CommandError
from cli.words import neutral


def write_report(app: App, run_id: str, path: Path, *, form: str = "") -> None:
    """The report that the run left, as the API has it. `form`: which; without it the file's name says."""
    name = path.name.lower()
    if name.endswith(".xlsx"):
        save_workbook(app, run_id, path)
        return
    usual = "errors.csv" if name.endswith(".errors.csv") else "csv" if name.endswith(".csv") else "json"
    save(path, app.client.pieces(f"/runs/{run_id}/report", format=form or usual))


def save_workbook(app: App, run_id: str, path: Path) -> None:
    """The workbook that the run left: a sync's, or a load's input with its bad rows marked."""
    link = app.client.get(f"/runs/{run_id}/workbook")
    save_bytes(path, app.client.fetch_file(str(link["url"])))


def as_json(payload: Mapping[str, Any]) -> str:
    return json.dumps(payload, indent=2, ensure_ascii=False) + "\n"


def as_csv(rows: Iterable[Mapping[str, object]], columns: Iterable[str]) -> str:
    buffer = io.StringIO()
    names = list(columns)
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([neutral(row.get(name, "")) for name in names] for row in rows)
    return buffer.getvalue()


def save(path: Path, pieces: Iterable[str]) -> None:
    """Writes the whole file or nothing: a report that was cut short looks complete."""
    save_bytes(path, (piece.encode() for piece in pieces))


def save_bytes(path: Path, pieces: Iterable[bytes]) -> None:
    """Writes the whole file or nothing."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with scratch.open("wb") as file:
            file.writelines(pieces)
        scratch.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}", name="CannotWrite") from None
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()
