"""The Resource ARNs of tasks that this runner has; any other is refused by name."""

import re
from functools import cache

import botocore.session
from botocore.model import ServiceModel

from local.stepfunctions.definition import Call, Resource
from local.stepfunctions.errors import DefinitionError
from local.stepfunctions.values import Json

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

# What each integration takes, and what it must have. Payload and Input are the user's own.
_ARGUMENTS = {
    Call.LAMBDA: (("FunctionName", "Payload", "InvocationType", "Qualifier"), ("FunctionName",)),
    Call.START_EXECUTION: (("StateMachineArn", "Name", "Input"), ("StateMachineArn",)),
    Call.PUT_EVENTS: (("Entries",), ("Entries",)),
}


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def _operation(name: str) -> str:
    return name[:1].upper() + name[1:]


def check_arguments(resource: Resource, arguments: Json) -> str | None:
    """What is wrong with the names of the arguments (an object, evaluated or not), or None."""
    if resource.call is Call.SDK:
        shape = _model(resource.service).operation_model(_operation(resource.name.removesuffix(_TOKEN))).input_shape
        known = tuple(_operation(name) for name in shape.members) if shape else ()
        required = tuple(_operation(name) for name in shape.required_members) if shape else ()
    else:
        known, required = _ARGUMENTS[resource.call]
    unknown = next((name for name in arguments if name not in known), None)
    if unknown is not None:
        return f"the argument '{unknown}' is not supported by '{resource.arn}'"
    missing = next((name for name in required if name not in arguments), None)
    return None if missing is None else f"'{resource.arn}' needs the argument '{missing}'"


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
    if service is None or not bare[:1].islower() or _operation(bare) not in _model(service).operation_names:
        raise unknown
    operation = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", bare).lower()
    return Resource(arn, Call.SDK, kind, name, service=service, operation=operation, token=token)
