"""From what a function may do to IAM statements: the calls, and the resources by name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager

from infra.catalogue import CONTEXTS, KINDS, Access, FunctionSpec
from infra.constructs.live_api import STAGE as LIVE_STAGE
from infra.grant import Grant
from infra.nag import CONNECTIONS, EXECUTIONS, OBJECTS, ORG_SECRETS
from infra.stage import Stage

INDEX = "summaries"
FILE_KEYS = "ACCOUNT#*"
SUMMARY_KEYS = "SUMMARIES"
RUN_KEYS = "RUN#*"
LOCK_KEYS = "LOCK#*"
AUDIT_KEYS = "AUDIT*"  # days, and the head of the chain
MAPPING_KEYS = "MAPPING*"  # versions, and their heads
MIGRATION_KEYS = "MIGRATIONS"
ORG_KEYS = "ORGS*"  # connections, and authorisations under way
SESSION_KEYS = "SESSION#*"
TICKET_KEYS = "TICKET#*"
CONNECTION_KEYS = "LIVE#CONNECTIONS"
# Events stand with their run and in the stage's list, and are written together.
EVENT_KEYS = (RUN_KEYS, "LIVE", "LIVE#EVENTS")
LINK_KEYS = "LINKS"  # versions of the key, wrapped, and what is revoked
_COLON = ArnFormat.COLON_RESOURCE_NAME


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What the functions work on. `machine_names`: kind of run -> name of its state machine."""

    stage: Stage
    table_name: str
    table_arn: str
    key: kms.IKey
    # Of the gateway's links; None where links are of another style.
    link_key: kms.IKey | None
    work_bucket: s3.IBucket
    work_arn: str
    destination_bucket: s3.IBucket
    destination_arn: str
    salesforce_secret: secretsmanager.ISecret
    source_secret: secretsmanager.ISecret | None
    machine_names: Mapping[str, str]
    live_api_id: str


def machine_arn(stack: Stack, name: str) -> str:
    """The ARN of a state machine by its name: a reference would tie function, policy and machine into a circle."""
    return stack.format_arn(service="states", resource="stateMachine", resource_name=name, arn_format=_COLON)


def executions_arn(stack: Stack, name: str) -> str:
    """The ARN of all executions of the state machine of that name."""
    return stack.format_arn(service="states", resource="execution", resource_name=f"{name}:*", arn_format=_COLON)


def grants(spec: FunctionSpec, resources: Resources, stack: Stack) -> list[Grant]:
    """What a function is granted, without its log group and tracing."""
    # A task knows the state machines of its own context only.
    kinds = CONTEXTS.get(spec.handler.split(".")[1], KINDS)
    own = replace(resources, machine_names={kind: name for kind, name in resources.machine_names.items() if kind in kinds})
    found = [grant for access in sorted(spec.access) for grant in _GRANTS[access](own, stack)]
    found.append(Grant(["kms:Decrypt"] if spec.reads_only else KEY_USE, [resources.key.key_arn]))
    fields = spec.environment.model_fields
    secrets = []
    if "salesforce_secret" in fields:
        secrets.append(resources.salesforce_secret)
        # The session's token is shared through the table, also by functions that may write nothing else there.
        found.append(Grant(["dynamodb:UpdateItem"], [resources.table_arn], keys=SESSION_KEYS))
    if "source_secret" in fields and resources.source_secret is not None:
        secrets.append(resources.source_secret)
    if "org_secrets" in fields:
        found.append(Grant(["secretsmanager:GetSecretValue"], [org_secrets_arn(resources, stack)], ORG_SECRETS))
    if secrets:
        found.append(Grant(["secretsmanager:GetSecretValue"], [secret.secret_arn for secret in secrets]))
    return found


# A version named in a URL is read, and its tags, by calls of their own.
SOURCE_LOOK = ("s3:GetObject", "s3:GetObjectVersion")
SOURCE_READ = (*SOURCE_LOOK, "s3:GetObjectTagging", "s3:GetObjectVersionTagging")

# What S3, DynamoDB and Secrets Manager do with the key in the caller's name.
KEY_USE = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)


def _table(*actions: str, keys: str | Sequence[str] | None = None) -> Callable[[Resources, Stack], Iterator[Grant]]:
    """Calls on the table; with `keys`, on items of these partitions only."""

    def grant(resources: Resources, _: Stack) -> Iterator[Grant]:
        yield Grant([f"dynamodb:{action}" for action in actions], [resources.table_arn], keys=keys)

    return grant


def _index(resources: Resources, _: Stack) -> Iterator[Grant]:
    yield Grant(["dynamodb:Query"], [f"{resources.table_arn}/index/{INDEX}"])


def _work(*actions: str) -> Callable[[Resources, Stack], Iterator[Grant]]:
    def grant(resources: Resources, _: Stack) -> Iterator[Grant]:
        yield Grant([f"s3:{action}" for action in actions], [f"{resources.work_arn}/runs/*"], OBJECTS)

    return grant


def _work_read(resources: Resources, stack: Stack) -> Iterator[Grant]:
    """ListBucket also makes a missing object a 404 and not a 403: a plan that nobody has made yet, say."""
    yield from _work("GetObject")(resources, stack)
    yield Grant(["s3:ListBucket"], [resources.work_arn])


def _describes(*actions: str) -> Callable[[Resources, Stack], Iterator[Grant]]:
    """What orgs have said of their objects: it goes with nobody's run."""

    def grant(resources: Resources, _: Stack) -> Iterator[Grant]:
        yield Grant([f"s3:{action}" for action in actions], [f"{resources.work_arn}/describes/*"], OBJECTS)

    return grant


def _requests_take(resources: Resources, _: Stack) -> Iterator[Grant]:
    yield Grant(["s3:GetObject"], [f"{resources.work_arn}/requests/*"], OBJECTS)
    yield Grant(["s3:PutObject"], [f"{resources.work_arn}/rejected/*"], OBJECTS)


def _inbox_read(resources: Resources, _: Stack) -> Iterator[Grant]:
    yield Grant(["s3:GetObject"], [f"{resources.work_arn}/inbox/*"], OBJECTS)


def _inbox_write(resources: Resources, _: Stack) -> Iterator[Grant]:
    """An upload link carries the rights of who signed it."""
    yield Grant(["s3:PutObject"], [f"{resources.work_arn}/inbox/*"], OBJECTS)


def _sync(action: str) -> Callable[[Resources, Stack], Iterator[Grant]]:
    """Workbooks that are kept in step with the org."""

    def grant(resources: Resources, _: Stack) -> Iterator[Grant]:
        yield Grant([action], [f"{resources.work_arn}/sync/*"], OBJECTS)

    return grant


def _source(actions: Sequence[str]) -> Callable[[Resources, Stack], Iterator[Grant]]:
    """The source is another's: buckets by name, reading only. ListBucket also makes a missing object a 404 and not a 403."""

    def grant(resources: Resources, _: Stack) -> Iterator[Grant]:
        arns = [f"arn:aws:s3:::{name}" for name in resources.stage.config.source.buckets]
        yield Grant(list(actions), [f"{arn}/*" for arn in arns], OBJECTS)
        yield Grant(["s3:ListBucket"], arns)
        if resources.stage.source_key_arns:
            yield Grant(["kms:Decrypt"], list(resources.stage.source_key_arns))
        if resources.stage.config.source.role_arn:
            yield Grant(["sts:AssumeRole"], [resources.stage.config.source.role_arn])

    return grant


def _destination_objects(resources: Resources) -> str:
    return f"{resources.destination_arn}/{resources.stage.config.destination.prefix}uploads/*"


def _destination_read(resources: Resources, _: Stack) -> Iterator[Grant]:
    yield Grant(["s3:GetObject"], [_destination_objects(resources)], OBJECTS)
    yield Grant(["s3:ListBucket"], [resources.destination_arn])


def _destination_write(resources: Resources, _: Stack) -> Iterator[Grant]:
    """No deletion: nothing that Waybill does in a run needs it."""
    uploads = ("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
    yield Grant(["s3:PutObject", "s3:PutObjectTagging", *uploads], [_destination_objects(resources)], OBJECTS)


def _uploads_abort(resources: Resources, _: Stack) -> Iterator[Grant]:
    yield Grant(["s3:AbortMultipartUpload"], [_destination_objects(resources)], OBJECTS)


def _runs_describe(resources: Resources, stack: Stack) -> Iterator[Grant]:
    yield Grant(
        ["states:DescribeExecution"], [executions_arn(stack, name) for name in resources.machine_names.values()], EXECUTIONS
    )


def _runs_control(resources: Resources, stack: Stack) -> Iterator[Grant]:
    names = resources.machine_names.values()
    yield Grant(["states:StartExecution"], [machine_arn(stack, name) for name in names])
    # A token is sent back to the machine that waits on it. A backup waits for nobody.
    waiting = [name for kind, name in resources.machine_names.items() if kind != "backup"]
    yield Grant(["states:SendTaskSuccess"], [machine_arn(stack, name) for name in waiting])
    yield Grant(
        ["states:StopExecution", "states:GetExecutionHistory"], [executions_arn(stack, name) for name in names], EXECUTIONS
    )


def org_secrets_prefix(stage: Stage) -> str:
    """What the names of the secrets of further orgs begin with."""
    return f"waybill-{stage.name}/orgs/"


def org_secrets_arn(resources: Resources, stack: Stack) -> str:
    name = f"{org_secrets_prefix(resources.stage)}*"
    return stack.format_arn(service="secretsmanager", resource="secret", resource_name=name, arn_format=_COLON)


def _org_write(resources: Resources, stack: Stack) -> Iterator[Grant]:
    """Connections come and go while the stage stands: their secrets are known by what their names begin with."""
    yield from _table("PutItem", "UpdateItem", "DeleteItem", keys=ORG_KEYS)(resources, stack)
    actions = ("CreateSecret", "PutSecretValue", "DeleteSecret")
    yield Grant([f"secretsmanager:{action}" for action in actions], [org_secrets_arn(resources, stack)], ORG_SECRETS)


def _events_put(_: Resources, stack: Stack) -> Iterator[Grant]:
    yield Grant(["events:PutEvents"], [stack.format_arn(service="events", resource="event-bus", resource_name="default")])


def _connection_post(resources: Resources, stack: Stack) -> Iterator[Grant]:
    arn = stack.format_arn(
        service="execute-api", resource=resources.live_api_id, resource_name=f"{LIVE_STAGE}/POST/@connections/*"
    )
    yield Grant(["execute-api:ManageConnections"], [arn], CONNECTIONS)


def _link(key: str, *items: str) -> Callable[[Resources, Stack], Iterator[Grant]]:
    """A call on the key of the gateway's links, if any, and calls on the items that keep its versions and what is revoked."""

    def grant(resources: Resources, _: Stack) -> Iterator[Grant]:
        if resources.link_key is not None and key:
            yield Grant([f"kms:{key}"], [resources.link_key.key_arn])
        if resources.link_key is not None and items:
            yield Grant([f"dynamodb:{item}" for item in items], [resources.table_arn], keys=LINK_KEYS)

    return grant


def _link_open(resources: Resources, _: Stack) -> Iterator[Grant]:
    """Who opens a link reads its file's item and what is revoked; the redirection carries the right to read the object on."""
    yield Grant(["dynamodb:BatchGetItem"], [resources.table_arn], keys=(FILE_KEYS, LINK_KEYS))
    yield Grant(["dynamodb:Query"], [resources.table_arn], keys=LINK_KEYS)
    yield Grant(["s3:GetObject"], [_destination_objects(resources)], OBJECTS)


_GRANTS: Mapping[Access, Callable[[Resources, Stack], Iterator[Grant]]] = {
    Access.TABLE_GET: _table("GetItem"),
    Access.TABLE_READ: _table("GetItem", "Query"),
    Access.TABLE_SCAN: _table("Scan"),
    Access.FILE_WRITE: _table("PutItem", keys=FILE_KEYS),
    Access.FILE_INSERT: _table("PartiQLInsert", keys=FILE_KEYS),
    Access.FILE_MOVE: _table("DeleteItem", keys=FILE_KEYS),
    Access.SUMMARY_WRITE: _table("PutItem", keys=SUMMARY_KEYS),
    Access.RUN_RECORD: _table("PutItem", keys=RUN_KEYS),
    Access.RUN_WRITE: _table("PutItem", "UpdateItem", keys=RUN_KEYS),
    Access.RUN_DELETE: _table("DeleteItem", keys=RUN_KEYS),
    Access.LOCK_TAKE: _table("PutItem", keys=LOCK_KEYS),
    Access.LOCK_RELEASE: _table("UpdateItem", keys=LOCK_KEYS),
    Access.AUDIT_APPEND: _table("PutItem", keys=AUDIT_KEYS),
    Access.MAPPING_WRITE: _table("PutItem", keys=MAPPING_KEYS),
    Access.MIGRATION_WRITE: _table("PutItem", "DeleteItem", keys=MIGRATION_KEYS),
    Access.ORG_WRITE: _org_write,
    Access.LINK_UNWRAP: _link("Decrypt"),
    Access.LINK_MAKE: _link("GenerateDataKeyWithoutPlaintext", "PutItem"),
    Access.LINK_REVOKE: _link("", "PutItem", "DeleteItem"),
    Access.LINK_OPEN: _link_open,
    Access.INDEX_READ: _index,
    Access.WORK_GET: _work("GetObject"),
    Access.WORK_READ: _work_read,
    Access.WORK_PUT: _work("PutObject"),
    Access.WORK_WRITE: _work("PutObject", "AbortMultipartUpload"),
    Access.DESCRIBES_READ: _describes("GetObject"),
    Access.DESCRIBES_WRITE: _describes("PutObject"),
    Access.REQUESTS_TAKE: _requests_take,
    Access.INBOX_READ: _inbox_read,
    Access.INBOX_WRITE: _inbox_write,
    Access.SYNC_READ: _sync("s3:GetObject"),
    Access.SYNC_WRITE: _sync("s3:PutObject"),
    Access.SOURCE_LOOK: _source(SOURCE_LOOK),
    Access.SOURCE_READ: _source(SOURCE_READ),
    Access.DESTINATION_READ: _destination_read,
    Access.DESTINATION_WRITE: _destination_write,
    Access.UPLOADS_ABORT: _uploads_abort,
    Access.RUNS_DESCRIBE: _runs_describe,
    Access.RUNS_CONTROL: _runs_control,
    Access.EVENTS_PUT: _events_put,
    Access.TICKET_ISSUE: _table("PutItem", keys=TICKET_KEYS),
    Access.TICKET_TAKE: _table("DeleteItem", keys=TICKET_KEYS),
    Access.CONNECTION_KEEP: _table("PutItem", keys=CONNECTION_KEYS),
    Access.CONNECTION_DROP: _table("DeleteItem", keys=CONNECTION_KEYS),
    Access.CONNECTION_POST: _connection_post,
    Access.EVENT_WRITE: _table("PutItem", keys=EVENT_KEYS),
}
