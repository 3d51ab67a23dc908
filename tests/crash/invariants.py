"""The eight invariants of the design, section 3, as far as a run over a few files can break them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from local.salesforce.messages import Request
from tests.crash import inside
from tests.crash.asked import AwsRequest
from tests.crash.calls import Call, place_of, updated_rows
from tests.crash.scenario import State
from tests.e2e.scene import ENTRY, Planted, Scene
from waybill.files.domain import FileState

WRITERS = {"UpdateUrls", "RestoreUrls"}
_SETTLED = {FileState.VERIFIED, FileState.SWITCHED, FileState.ROLLED_BACK}
_SAFE = {"GET", "HEAD"}
# What may differ between two ways to the same end; a summary has times and runs as well.
_PASSING: dict[str, Any] = {"version": 0, "fence": 0, "run": "", "message": None, "switched_by": None}
_SUMMED = ("name", "states", "size")


@dataclass
class Watch:
    """Asked about each call before it is answered: rules 1 to 4 are broken in a moment, and may look whole at the end.

    `alone`: one invocation at a time, so that a call tells whose it is. Otherwise whoever asks says whether phase 1 is at work.
    """

    scene: Scene
    alone: bool = True
    phase_1: bool = False
    # When each object was last seen that somebody tried to write over.
    stood: dict[str, str] = field(default_factory=dict)
    _read: set[tuple[str, int]] = field(default_factory=set)
    _by_key: dict[str, Planted] = field(default_factory=dict)

    def __call__(self, call: Call, asked: object) -> str | None:
        return self._aws(asked) if isinstance(asked, AwsRequest) else self._salesforce(call, asked)

    # -- rule 4 -------------------------------------------------------------------------------------------------------

    def _aws(self, asked: AwsRequest) -> str | None:
        bucket, key = place_of(asked.url)
        names = self.scene.stack.names
        if bucket not in {names.source_bucket, names.destination_bucket}:
            return None
        if bucket == names.source_bucket:
            return None if asked.method in _SAFE else f"rule 4: {asked.method} in the source"
        if asked.method == "DELETE" and "uploadId" not in asked.url:
            return "rule 4: DELETE in the destination"
        whole, parts = asked.method == "PUT", asked.method == "POST" and "uploadId" in asked.url
        if not (whole and "partNumber" not in asked.url) and not parts:
            return None
        before = inside.facts(self.scene.stack, bucket, key)
        if before is not None:
            self.stood.setdefault(key, str(before))
        given = {name.lower(): str(value) for name, value in asked.headers.items()}
        return None if given.get("if-none-match") == "*" else "rule 4: a write without If-None-Match"

    # -- rules 1 to 3 -------------------------------------------------------------------------------------------------

    def _salesforce(self, call: Call, asked: object) -> str | None:
        assert isinstance(asked, Request)
        invocation = (call.function, call.invocation)
        if call.operation == "query" or (asked.method == "POST" and not updated_rows(asked)):
            self._read.add(invocation)
            return None
        rows = updated_rows(asked)
        if not rows:
            return None if asked.method == "GET" else f"rule 1: {asked.method} {asked.path}"
        if self.phase_1 or (self.alone and call.function not in WRITERS):
            return "rule 1: phase 1 writes to Salesforce"
        if self.alone and invocation not in self._read:
            return "rule 3: rows are written that this invocation has not read since its last write"
        self._read.discard(invocation)
        found = [wrong for record, url in rows if (wrong := self._wrong_with(record, url))]
        return "; ".join(found) or None

    def _wrong_with(self, record: str, url: str) -> str | None:
        scene, planted = self.scene, self._planted(record)
        item = inside.file(scene.stack, planted.account or "no-account", planted.id)
        if item is None or item.url != planted.url:
            return f"rule 3: the old link of {planted.name} is not in the ledger"
        stands = scene.url(planted)
        if url == planted.url:
            fine = stands == planted.url or self._names(stands, item.key)
            return None if fine else f"rule 3: {planted.name} gets its old link where {stands} stands"
        if item.state not in {FileState.VERIFIED, FileState.SWITCHED} or not self._names(url, item.key):
            return f"rule 2: {planted.name} is switched while it is {item.state}"
        if inside.body(scene.stack, scene.stack.names.destination_bucket, item.key or "") != planted.body:
            return f"rule 2: the copy of {planted.name} is not what its source is"
        return None

    def _planted(self, record: str) -> Planted:
        if len(self._by_key) != len(self.scene.planted):
            self._by_key = {one.id[:15]: one for one in self.scene.planted.values()}
        return self._by_key[record[:15]]

    def _names(self, url: str, key: str | None) -> bool:
        """Whether a link is the one that Waybill writes for a key."""
        return self.scene.is_new(url) and key is not None and unquote(url).endswith(f"/{key}")


# -- at the end ---------------------------------------------------------------------------------------------------------


def state_of(scene: Scene) -> State:
    """What two ways to the same end are compared by: no times, no versions, no fences."""
    stack = scene.stack
    rows = inside.rows(stack)
    # An account is [name, files by state, bytes, ...]: see waybill/files/summaries.py.
    pages = [row["accounts"] for row in rows if row["sk"].startswith("SUMMARY#")]
    summaries = {account: dict(zip(_SUMMED, told, strict=False)) for page in pages for account, told in page.items()}
    return {
        "links": scene.urls(),
        "ledger": {item.entry_id: asdict(replace(item, **_PASSING)) for item in inside.files(stack)},
        "objects": {key: etag for key, (etag, _) in inside.objects(stack, stack.names.destination_bucket).items()},
        "summaries": summaries,
        "lock": [row["held"] for row in rows if row["sk"] == "LOCK"],
        "unfinished uploads": len(scene.s3.list_multipart_uploads(Bucket=stack.names.destination_bucket).get("Uploads", [])),
    }


def broken_at_the_end(scene: Scene, *, watch: Watch, sources: Mapping[str, Any]) -> list[str]:
    """Rules 3, 4, 5 and 7, as the end shows them."""
    stack, wrong = scene.stack, list[str]()
    objects = inside.objects(stack, stack.names.destination_bucket)
    wrong += [f"rule 4: {key} was overwritten" for key, stood in watch.stood.items() if str(objects.get(key)) != stood]
    if source_objects(scene) != sources:
        wrong.append("rule 4: the source is not what it was")
    items = {item.entry_id: item for item in inside.files(stack)}
    keys = Counter(item.key for item in items.values() if item.key)
    wrong += [f"rule 5: {number} entries share {key}" for key, number in keys.items() if number > 1]
    for entry, planted in scene.planted.items():
        item, url = items.get(entry), str((scene.org.get(ENTRY, entry) or {}).get("URL__c"))
        if url != planted.url and (item is None or item.url != planted.url):
            wrong.append(f"rule 3: {planted.name} has a link that the ledger cannot take back")
        if item is not None and item.state not in _SETTLED and not (item.error and item.message and item.run):
            wrong.append(f"rule 7: {planted.name} is {item.state} without class, message and run")
        if planted.body is not None and (item is None or item.state not in _SETTLED):
            wrong.append(f"rule 7: {planted.name} suffers for another file's trouble")
    return wrong


def source_objects(scene: Scene) -> Mapping[str, Any]:
    return inside.objects(scene.stack, scene.stack.names.source_bucket)
