"""What a load is asked for, and the names that it may give."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from waybill.settings import OrgName

RunId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,120}$")]

# A file, or a folder as a zip, in the work bucket.
InputKey = Annotated[str, StringConstraints(pattern=r"^inbox/[A-Za-z0-9_-]{4,64}/[^/\x00-\x1f]{1,200}$")]
# What S3 calls an object's content, without quotes.
Etag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,80}$")]
MappingName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
MappingVersion = Annotated[int, Field(ge=1, le=999_999)]


class LoadMode(StrEnum):
    """What a load may do, whatever its plan says."""

    UPSERT = "upsert"
    INSERT = "insert"  # existing rows are left as they are
    UPDATE = "update"  # rows that do not exist are rejected


class LoadOptions(BaseModel):
    """What a load takes in and may do. Either `input` or `retry_of` is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: InputKey | None = None
    # Of the input, where it may have been replaced since somebody looked at it: only this one is taken in.
    etag: Etag | None = None
    # The run whose rejected and failed rows are loaded again.
    retry_of: RunId | None = None
    # Of a single table: its object, in place of the file's name, and its key, as `Name;Type__c`.
    object: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")] | None = None
    external_id: Annotated[str, StringConstraints(max_length=400)] | None = None
    write: LoadMode | None = None
    allow_delete: bool = False
    # What reads the columns into fields. A retry has the tables of its load as they were read: it needs none.
    mapping: MappingName | None = None
    mapping_version: MappingVersion | None = None
    # The connection that the rows are read from, by the plan's queries, in place of files.
    from_org: OrgName | None = None
