"""Takes an input apart into tables; of a retry, the rows of the earlier run that were not written."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from waybill import compose
from waybill.errors import InvalidInput, NotFound, NotReady
from waybill.records.domain import StagedRow
from waybill.records.from_org import from_org
from waybill.records.inputs import fetched
from waybill.records.mapping import SavedMapping, apply
from waybill.records.mappings import MappingStore
from waybill.records.reading.files import ReadJob
from waybill.records.reading.read import ReadOptions, read_input
from waybill.records.reporting import count_rows
from waybill.records.staging import StagedTables, find_job, put_job
from waybill.runs.loads import LoadOptions
from waybill.runs.model import RunContext
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.runs.work import WorkBucket
from waybill.salesforce.client import SalesforceClient
from waybill.settings import OrgEnvironment


class ReadRequest(Request):
    run: RunContext


@task(OrgEnvironment, ReadRequest)
def handler(environment: OrgEnvironment, request: ReadRequest, _: Clock) -> Reply:
    store, work = compose.runs(environment), compose.work(environment)
    store.enter(request.run.run_id, "reading the input")
    options = store.get(request.run.run_id).options.load or LoadOptions()
    mapping = None
    if options.mapping is not None:
        mapping = MappingStore(compose.table(environment.table)).get(options.mapping, options.mapping_version).mapping
    source = partial(compose.salesforce_of, environment, options.from_org)
    return stage(request.run, options=options, store=store, work=work, mapping=mapping, source=source)


def stage(
    run: RunContext,
    *,
    options: LoadOptions,
    store: RunStore,
    work: WorkBucket,
    source: Callable[[], SalesforceClient],
    mapping: SavedMapping | None = None,
) -> Reply:
    """Writes tables and job, once per run, as the mapping reads them: what comes after knows nothing of it, nor does a retry.

    `source`: the org that rows are copied from. Raises NotReady for an input that cannot be read, with the reason.
    """
    if store.control(run.run_id):
        return Reply(status=Status.PARKED)
    if find_job(work, run.run_id) is not None:
        return Reply()
    tables = StagedTables(work=work, run_id=run.run_id)
    try:
        if options.retry_of is not None:
            copy_failed(options.retry_of, run.run_id, tables=tables, store=store, work=work)
        elif options.input is not None:
            with ExitStack() as stack:
                scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="waybill-"))
                files = stack.enter_context(closing(fetched(work, options.input, Path(scratch), etag=options.etag)))
                read = read_input(files, options=_reading(options), scratch=Path(scratch))
                if options.from_org is not None:
                    read = copied(read, source(), name=options.from_org)
                job, found = apply(mapping, read.job, read) if mapping is not None else (read.job, read)
                for table in job.tables:
                    tables.put(table.number, found.rows(table.number))
                put_job(work, run.run_id, job)
    except InvalidInput as error:
        raise NotReady(str(error)) from error
    return Reply()


def copied(read: ReadJob, client: SalesforceClient, *, name: str) -> ReadJob:
    """The plan with the rows of another org. Raises InvalidInput where there is no plan that says which."""
    if not read.plan:
        raise InvalidInput("A copy from org to org needs an SFDMU plan, export.json, whose queries say what is to be copied.")
    return from_org(read.job, client, name=name)


def _reading(options: LoadOptions) -> ReadOptions:
    return ReadOptions(object=options.object or "", external_id=options.external_id or "")


def copy_failed(earlier: str, run_id: str, *, tables: StagedTables, store: RunStore, work: WorkBucket) -> None:
    """The earlier run's job with the rows that it rejected or that failed, under their old row numbers."""
    job = find_job(work, earlier)
    if job is None:
        raise NotFound(f"Run {earlier} has not read its input, or its files have expired: load it anew.")
    wanted: dict[tuple[str, str], set[int]] = {}
    for error in count_rows(store.get(earlier), store=store, work=work).errors():
        wanted.setdefault((error.file, error.sheet), set()).add(error.row)
    source = StagedTables(work=work, run_id=earlier)
    for table in job.tables:
        rows = wanted.get((table.file, table.sheet), set())
        tables.put(table.number, _only(source.rows(table.number), rows))
    put_job(work, run_id, job)


def _only(rows: Iterator[StagedRow], wanted: set[int]) -> Iterator[StagedRow]:
    return (row for row in rows if row.row in wanted)
