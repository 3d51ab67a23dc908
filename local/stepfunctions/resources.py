"""The Resource ARNs of tasks that this runner has; any other is refused by name."""

import re
from functools import cache

import botocore.session

from local.stepfunctions.definition import Call, Resource
from local.stepfunctions.errors import DefinitionError

_PREFIX = "arn:aws:states:::"
_TOKEN = ".waitForTaskToken"
# Step Functions' name of a service (that of the Java SDK) -> boto3's.
SDK_SERVICES = {
    "dynamodb": "dynamodb",
    "eventbridge": "events",
    "lambda": "lambda",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sfn": "stepfunctions",
    "sns": "sns",
    "sqs": "sqs",
}
READERS = "arn:aws:states:::s3:getObject"
WRITER = "arn:aws:states:::s3:putObject"


@cache
def _operations(service: str) -> frozenset[str]:
    return frozenset(botocore.session.get_session().get_service_model(service).operation_names)


def parse_resource(arn: str, where: str) -> Resource:
    """The integration behind a task's Resource, the operation of an SDK call checked against the service's model."""
    unknown = DefinitionError(f"{where}: the Resource '{arn}' is not supported")
    if not arn.startswith(_PREFIX):
        raise unknown
    token = arn.endswith(_TOKEN)
    path = arn.removeprefix(_PREFIX)
    kind, _, name = path.rpartition(":") if not path.endswith(":2") else path.removesuffix(":2").rpartition(":")
    name = path.removeprefix(f"{kind}:")
    bare = name.removesuffix(_TOKEN)
    if kind == "lambda" and bare == "invoke":
        return Resource(arn, Call.LAMBDA, kind, name, token=token)
    if kind == "states" and bare == "startExecution":
        return Resource(arn, Call.START_EXECUTION, kind, name, token=token)
    if kind == "states" and name == "startExecution.sync:2":
        return Resource(arn, Call.START_EXECUTION, kind, name, sync=True)
    if kind == "events" and bare == "putEvents":
        return Resource(arn, Call.PUT_EVENTS, kind, name, service="events", operation="put_events", token=token)
    service = SDK_SERVICES.get(kind.removeprefix("aws-sdk:")) if kind.startswith("aws-sdk:") else None
    if service is None or not bare[:1].islower() or bare[0].upper() + bare[1:] not in _operations(service):
        raise unknown
    operation = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", bare).lower()
    return Resource(arn, Call.SDK, kind, name, service=service, operation=operation, token=token)
