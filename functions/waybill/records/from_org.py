"""A plan's rows read from an org instead of from files: the same columns that a file of the plan would have."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from waybill.errors import InvalidInput, SalesforceDenied, SalesforceRequestInvalid
from waybill.records.domain import Cell, Job, ObjectJob, StagedRow, Table
from waybill.records.finding import at
from waybill.records.keys import COMPOSITE, leaves
from waybill.records.org import SalesforceOrg
from waybill.records.reading.files import ReadJob
from waybill.records.schema import SYSTEM_FIELDS, FieldSchema, ObjectSchema, relationship_of
from waybill.records.values import NULL_TEXT
from waybill.salesforce import soql
from waybill.salesforce.client import SalesforceClient

# What tells rows of objects apart that a plan leads to and does not name.
_USUAL: Final = {"user": "Username", "recordtype": "DeveloperName"}
# Relationships that a path of Salesforce's may lead through.
_DEEPEST: Final = 5


def from_org(job: Job, client: SalesforceClient, *, name: str) -> ReadJob:
    """The job with tables of this org's rows. `name`: the connection's. Raises InvalidInput for what the org cannot be asked."""
    org = SalesforceOrg(client)
    org.expect(each.object for each in job.objects if not each.excluded)
    return _Source(job, client, org, name).read()


@dataclass
class _Source:
    job: Job
    client: SalesforceClient
    org: SalesforceOrg
    name: str
    tables: list[Table] = field(default_factory=list)
    sources: dict[int, Callable[[], Iterator[StagedRow]]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def read(self) -> ReadJob:
        self.keys = {each.object.lower(): leaves(each.external_id) for each in reversed(self.job.objects) if not each.excluded}
        jobs = tuple(self._with_table(each) if not each.excluded else each for each in self.job.objects)
        if not self.tables:
            raise InvalidInput("The plan asks for no rows to be written: there is nothing to copy.")
        # What the plan's own files lack is of no concern here.
        return ReadJob(Job(jobs, tuple(self.tables), tuple(dict.fromkeys(self.warnings))), self.sources)

    def _with_table(self, job: ObjectJob) -> ObjectJob:
        if not job.operation.writes_rows:
            return replace(job, table=None)
        schema = self.org.describe(job.object)
        if schema is None:
            raise InvalidInput(f"{self.name} has no object {job.object}, or its user may not see it.")
        columns = self._columns(job, schema)
        number = len(self.tables)
        self.tables.append(Table(number, f"{self.name}/{job.object}", "", tuple(columns)))
        self.sources[number] = partial(self._rows, schema.name, tuple(columns), job.where)
        return replace(job, table=number)

    def _columns(self, job: ObjectJob, schema: ObjectSchema) -> list[str]:
        """The paths to ask for: what the query names, with parents by their keys, and the row's own key."""
        found: list[str] = []
        asked = job.fields or tuple(known.name for known in schema.fields.values() if known.createable)
        for path in (*asked, *leaves(job.external_id)):
            if path.startswith(COMPOSITE) or f".{COMPOSITE}" in path or path.lower() == "id":
                continue
            if "." in path:
                found.append(path)
                continue
            known = schema.field(path) or schema.relation(path)
            if known is None:
                self.warnings.append(f"{self.name}: {schema.name} has no field {path}: left out.")
            elif known.is_reference:
                found += self._parent(schema, known, depth=1)
            elif known.name.lower() not in SYSTEM_FIELDS and (known.createable or known.updateable):
                found.append(known.name)
        return list({path.lower(): path for path in found}.values())

    def _parent(self, schema: ObjectSchema, known: FieldSchema, *, depth: int) -> list[str]:
        """The paths of a parent's key, behind the lookup. Ids of one org mean nothing in another."""
        if len(known.reference_to) != 1 or depth > _DEEPEST:
            self.warnings.append(f"{self.name}: {schema.name}.{known.name} may lead to several objects: left out.")
            return []
        (target,) = known.reference_to
        relation = known.relationship or relationship_of(known.name)
        there = self.org.describe(target)
        key = self.keys.get(target.lower()) or (_USUAL.get(target.lower(), "Name"),)
        found: list[str] = []
        for leaf in key:
            inner = there.field(leaf) if there is not None and "." not in leaf else None
            if there is not None and inner is not None and inner.is_reference:
                found += [f"{relation}.{path}" for path in self._parent(there, inner, depth=depth + 1)]
            else:
                found.append(f"{relation}.{leaf}")
        return found

    def _rows(self, sobject: str, columns: Sequence[str], where: str) -> Iterator[StagedRow]:
        """A null is said in words: the copy is to be as its source is. Rows are numbered as they come, by id."""
        query = soql.select(["Id", *columns], sobject, where=where, order_by=["Id"])
        try:
            for number, row in enumerate(self.client.query(query), 1):
                yield StagedRow(number, {path: _said(at(row, path)) for path in columns})
        except (SalesforceDenied, SalesforceRequestInvalid) as error:
            raise InvalidInput(f"{self.name} cannot be asked for {sobject}: {error}") from error


def _said(value: Cell) -> Cell:
    return NULL_TEXT if value is None else value
