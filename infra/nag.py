"""cdk-nag's AwsSolutions checks, run at every synthesis, and the findings that we accept: each in its place, with its reason."""

from collections.abc import Iterable

from aws_cdk import Acknowledgment, App, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

OBJECTS = "Objects are named by the data. The bucket, and where it is ours the prefix, is the boundary."
EXECUTIONS = "An execution's ARN ends in the name it was started under. Only the executions of this stage's machines match."
CONNECTIONS = "A connection's id is made up by API Gateway when somebody comes in. Only those of this stage's API match."
ORG_SECRETS = "Connections to orgs are added while the stage stands. Their secrets share what their names begin with, and nothing else has it."
NO_RESOURCES = "X-Ray and the delivery of logs by Step Functions know no resources: AWS documents these calls with '*' alone."


def check(app: App) -> None:
    """Any finding that is not acknowledged makes the synthesis fail, and so the deployment."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def acknowledge(construct: IConstruct, *, finding: str, reason: str) -> None:
    """Accepts one finding, `Rule` or `Rule[detail]`, at `construct` and below."""
    Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))


def acknowledge_wildcards(construct: IConstruct, arns: Iterable[str], *, reason: str) -> None:
    """Accepts that policies of `construct` name exactly these ARNs with a wildcard in them."""
    for arn in arns:
        resource = _as_nag_writes_it(Stack.of(construct).resolve(arn))
        acknowledge(construct, finding=f"AwsSolutions-IAM5[Resource::{resource}]", reason=reason)


def _as_nag_writes_it(value: object) -> str:
    """A resolved CloudFormation value in the notation of nag's findings: `<Ref>`, and the bare name of an import."""
    match value:
        case str():
            return value
        case {"Fn::Join": [str() as separator, list() as parts]}:
            return separator.join(_as_nag_writes_it(part) for part in parts)
        case {"Fn::ImportValue": str() as name}:
            return name
        case {"Ref": str() as name}:
            return f"<{name}>"
        case _:
            raise TypeError(f"an ARN with {value!r} in it: nag's notation for that is not known here")
