"""Who names the rows that an undo is about to delete: Salesforce would clear such lookups without a word, delete details along, or refuse."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waybill.errors import SalesforceDenied, SalesforceRequestInvalid
from waybill.records.schema import ObjectSchema
from waybill.salesforce import soql
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.ids import to18

# Ids in a condition, and up to how many rows they are asked for by their ids.
_IDS, _BY_ID = 300, 1_500
# What Salesforce itself keeps beside a record, and takes along with it.
_KEPT_BESIDE = ("Feed", "History", "Share", "ChangeEvent", "Tag")
_BESIDE = frozenset(
    {
        *("ActivityHistory", "AttachedContentDocument", "AttachedContentNote", "CombinedAttachment", "ContentDocumentLink"),
        *("DuplicateRecordItem", "EntitySubscription", "FlowRecordRelation", "LookedUpFromActivity", "NoteAndAttachment"),
        *("OpenActivity", "ProcessInstance", "RecordAction", "TopicAssignment"),
    }
)


@dataclass(frozen=True, slots=True)
class Use:
    """`child`, a record of `object`, names `parent` in its `field`. Ids have 18 characters."""

    parent: str
    object: str
    child: str
    field: str


Users = Callable[[str, Sequence[str]], Iterable[Use]]


def users_of(
    client: SalesforceClient, describe: Callable[[str], ObjectSchema | None], sobject: str, ids: Sequence[str], *, since: str
) -> Iterator[Use]:
    """All uses of these records, which were inserted after `since`, by the org's clock: whoever names them has been written later still.

    One query for each relationship, of some pages; or for each 300 ids, where these are fewer.
    """
    known = describe(sobject)
    wanted = {to18(record) for record in ids}
    for child in known.children if known is not None and wanted else ():
        if child.object.endswith(_KEPT_BESIDE) or child.object in _BESIDE:
            continue
        for where in _conditions(child.field, sorted(wanted), since):
            yield from _uses(client, child.object, child.field, where, wanted)


def _conditions(field: str, ids: Sequence[str], since: str) -> Iterator[str]:
    if len(ids) > _BY_ID and since:
        yield f"{soql.name(field)} != null AND SystemModstamp >= {since}"
        return
    for start in range(0, len(ids), _IDS):
        yield f"{soql.name(field)} IN {soql.literals(ids[start : start + _IDS])}"


def _uses(client: SalesforceClient, sobject: str, field: str, where: str, wanted: set[str]) -> Iterator[Use]:
    """Nothing of an object that cannot be asked for, as there are many among a standard object's children."""
    try:
        rows: Iterable[Mapping[str, Any]] = list(client.query(soql.select(["Id", field], sobject, where=where)))
    except (SalesforceDenied, SalesforceRequestInvalid):
        return
    for row in rows:
        parent = to18(row[field]) if row.get(field) else ""
        if parent in wanted:
            yield Use(parent, sobject, to18(row["Id"]), field)


def in_use(doomed: Iterable[str], uses: Iterable[Use], *, freed: set[tuple[str, str]]) -> dict[str, Use]:
    """Which of the doomed have to stay, with who needs them. `freed`: id and field (lower case) of lookups that the undo sets back itself.

    A row that stays needs its own parents: they stay, too.
    """
    left = set(doomed)
    open_uses = [use for use in uses if (use.child, use.field.lower()) not in freed and use.child != use.parent]
    found: dict[str, Use] = {}
    while True:
        more = {use.parent: use for use in open_uses if use.parent in left and use.child not in left}
        if not more:
            return found
        found |= more
        left -= more.keys()
