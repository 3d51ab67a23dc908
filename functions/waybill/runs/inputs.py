"""What a sync is asked to do."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from waybill.runs.loads import InputKey
from waybill.settings import ApiName, WorkbookName


class SyncOptions(BaseModel):
    """Which workbook a sync brings up to date, and what with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workbook: WorkbookName
    # Empty: those that the workbook holds already.
    objects: Annotated[tuple[ApiName, ...], Field(max_length=25)] = ()
    # A person's copy, which is taken up instead of what stands in the work bucket.
    input: InputKey | None = None
    # Also where somebody else's copy has been taken up since this one was made.
    replace: bool = False
