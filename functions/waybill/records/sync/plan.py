"""What a sync is going to read, and into which columns: decided once for a run."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from waybill.records.sync.cells import Column


@dataclass(frozen=True, slots=True)
class Place:
    """A column of the sheet, 1 for the first, that is kept in step."""

    column: int
    path: str
    type: str
    header: str

    @property
    def kind(self) -> Column:
        return Column(self.path, self.type)


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """An object. `header` 0: the sheet is yet to be made. `status` 0: its column is. `since` empty: all records are read, not only the changed."""

    object: str
    label: str
    sheet: str
    header: int
    id_column: int
    status: int
    places: tuple[Place, ...]
    since: str = ""
    # Whether describe knows these fields: without the one, nothing tells what changed, without the other nothing is left of what is deleted.
    stamped: bool = True
    binned: bool = True

    @property
    def paths(self) -> list[str]:
        return [place.path for place in self.places]


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """A run's. `source`: the key of the workbook that is taken up, empty for a new one, and its ETag; `current`: the ETag of what the result
    replaces, empty where nothing stands there yet; `org`, `connection`: as in Memory."""

    name: str
    file: str
    source: str
    etag: str
    current: str
    edition: str
    began: str
    objects: tuple[ObjectPlan, ...]
    warnings: tuple[str, ...] = field(default=())
    org: str = ""
    connection: str = ""

    def as_json(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False).encode()

    @classmethod
    def of_json(cls, data: bytes) -> "SyncPlan":
        given: dict[str, Any] = json.loads(data)
        objects = (
            ObjectPlan(**{**each, "places": tuple(Place(**place) for place in each["places"])}) for each in given["objects"]
        )
        return cls(**{**given, "objects": tuple(objects), "warnings": tuple(given["warnings"])})
