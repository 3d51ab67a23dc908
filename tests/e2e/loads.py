"""Loads on the local stack: input in, runs through the HTTP API, the org's rows out."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.e2e.scene import RunResult, Scene

PLAN = Path(__file__).with_name("plans") / "units"
SCHEMA = PLAN.with_name("schema.json")
# Children first.
OBJECTS = ("Part__c", "Unit__c", "Unit_Class__c")


def files_of(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


@dataclass
class Loads:
    """One customer's loads."""

    scene: Scene

    def clear(self) -> None:
        org = self.scene.org
        for sobject in OBJECTS:
            for row in list(org.table(sobject).rows()):
                org.table(sobject).remove(str(row["Id"])[:15])

    def upload(self, files: Mapping[str, str | bytes], name: str = "plan.zip") -> str:
        """The key of the input."""
        data = zipped(files)
        begun = self.scene.call("POST", "/uploads", {"name": name, "size": len(data)}, expect=200)
        reply = requests.put(begun["url"], data=data, headers=begun["headers"], timeout=60)
        assert reply.status_code == 200, reply.text
        return str(begun["input"])

    def drop(self, files: Mapping[str, str | bytes], key: str) -> None:
        """Puts a zip into the work bucket, past the API."""
        work = self.scene.stack.deployment.functions["waybill-local-ReadInput"].environment["WAYBILL_WORK_BUCKET"]
        self.scene.s3.put_object(Bucket=work, Key=key, Body=zipped(files))

    def begin(self, files: Mapping[str, str | bytes], *, mode: str = "execute", **options: Any) -> str:
        return self.scene.start("load", mode=mode, input=self.upload(files), **options)

    def load(self, files: Mapping[str, str | bytes], *, mode: str = "execute", **options: Any) -> RunResult:
        return self.scene.wait(self.begin(files, mode=mode, **options))

    def undo(self, run: RunResult, *, mode: str = "execute") -> RunResult:
        return self.scene.wait(self.scene.start("undo", mode=mode, run_id=run.id))

    def retry(self, run: RunResult, *, mode: str = "execute") -> RunResult:
        return self.scene.wait(self.scene.start("load", mode=mode, retry_of=run.id))

    def rows(self, sobject: str) -> dict[str, dict[str, Any]]:
        """By code, references as the code of what they name. Fails where two rows share a code."""
        codes = {str(row["Id"]): row.get("Code__c") for name in OBJECTS for row in self.scene.org.all(name)}
        found: dict[str, dict[str, Any]] = {}
        for row in self.scene.org.all(sobject):
            fields = {name: value for name, value in row.items() if name.endswith("__c") or name == "Name"}
            own = {name: codes.get(str(value), value) for name, value in fields.items() if value is not None}
            assert own["Code__c"] not in found, f"{own['Code__c']} is there twice"
            found[str(own["Code__c"])] = own
        return found

    def everything(self) -> dict[str, dict[str, dict[str, Any]]]:
        return {sobject: self.rows(sobject) for sobject in OBJECTS}

    def id_of(self, sobject: str, code: str) -> str:
        return next(str(row["Id"]) for row in self.scene.org.all(sobject) if row.get("Code__c") == code)


def counts(run: RunResult) -> dict[str, int]:
    """The counts of rows that are not 0."""
    return {name: number for name, number in run.view["rows"].items() if number}


def codes(run: RunResult) -> list[tuple[str, int, str]]:
    """File, row and code of each error."""
    return [(error["file"], error["row"], error["code"]) for error in run.view["errors"]]
