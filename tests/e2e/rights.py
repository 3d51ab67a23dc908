"""What functions may do by the synthesised template, and what they were seen to do: calls to AWS as IAM's actions on resources."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from local.aws import synth, template
from local.aws.dispatch import ACCOUNT_ID, REGION, Dispatcher, Headers, Reply, service_of
from local.aws.intrinsics import Universe
from local.aws.names import arn_of, attribute_of, name_of
from local.aws.statements import inserted
from local.stack import LocalStack
from waybill.settings import environ

FUNCTION = "AWS_LAMBDA_FUNCTION_NAME"  # as Lambda itself has it
Json = Any  # of templates and requests


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """An action on resources, as a policy's statement allows it. `keys`: the partition keys that it is limited to."""

    action: str
    resource: str
    keys: str = ""

    def allows(self, call: "Called") -> bool:
        keys = not self.keys or (bool(call.keys) and all(fnmatchcase(key, self.keys) for key in call.keys))
        return self.action == call.action and fnmatchcase(call.resource, self.resource) and keys

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}" + (f" for {self.keys}" if self.keys else "")


@dataclass(frozen=True, slots=True, order=True)
class Called:
    """What a call needs. `keys`: partition keys of the table's items that it names, if it names any."""

    action: str
    resource: str
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}" + (f" for {', '.join(self.keys)}" if self.keys else "")


def allowed(stack: LocalStack) -> dict[str, set[Right]]:
    """Function -> what its role may do, by the template that the local stack runs."""
    universe = Universe(attribute_of)
    for name, body in template.read_templates(synth.templates_folder()).items():
        universe.add(name, body, {"LocalAwsEndpoint": stack.aws.url, "LocalSalesforceUrl": stack.simulator.url})
    resources = list(universe.resources())
    by_role: dict[str, set[Right]] = defaultdict(set)
    for policy in (resource for resource in resources if resource.type == "AWS::IAM::Policy"):
        for role in policy.get("Roles"):
            for statement in policy.get("PolicyDocument")["Statement"]:
                by_role[role] |= set(_rights(statement))
    roles = {arn_of(resource): name_of(resource) for resource in resources if resource.type == "AWS::IAM::Role"}
    functions = [resource for resource in resources if resource.type == "AWS::Lambda::Function"]
    return {name_of(function): by_role[roles[function.get("Role")]] for function in functions}


def _rights(statement: Mapping[str, Json]) -> Iterator[Right]:
    assert statement["Effect"] == "Allow"
    condition = statement.get("Condition", {})
    keys = condition.get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", [""])
    for action in _listed(statement["Action"]):
        for resource in _listed(statement["Resource"]):
            for key in _listed(keys):
                yield Right(action, resource, key)


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


@dataclass
class Recorder:
    """Notes what each function calls, whichever of its threads does; what others call (state machines, tests) it leaves out."""

    called: dict[str, set[Called]] = field(default_factory=lambda: defaultdict(set))
    # Requests that could not be read: a test fails on them, lest a right is missed.
    unread: list[str] = field(default_factory=list)

    @contextmanager
    def recording(self, stack: LocalStack) -> Iterator["Recorder"]:
        dispatcher = stack.aws.dispatcher

        def dispatch(method: str, url: str, headers: Headers, body: Any = None) -> Reply | None:
            function = environ.get().get(FUNCTION)
            if function is not None and service_of(urlsplit(url).netloc) is not None:
                try:
                    self.called[function] |= set(needed(method, url, dict(headers.items()), _bytes(body)))
                except (KeyError, ValueError) as error:
                    self.unread.append(f"{method} {url.partition('?')[0]}: {error!r}")
            return Dispatcher.dispatch(dispatcher, method, url, headers, body)

        vars(dispatcher)["dispatch"] = dispatch
        try:
            yield self
        finally:
            del vars(dispatcher)["dispatch"]


def _bytes(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else b""


def needed(method: str, url: str, headers: Mapping[str, Any], body: bytes) -> Iterator[Called]:
    """What IAM asks of the caller of a request."""
    given = {name.lower(): value.decode() if isinstance(value, bytes) else str(value) for name, value in headers.items()}
    target = given.get("x-amz-target", "")
    service = service_of(urlsplit(url).netloc)
    if service == "s3":
        yield from _s3(method, url, given)
    elif service == "dynamodb":
        yield from _dynamodb(target.rpartition(".")[2], json.loads(body))
    elif service == "stepfunctions":
        asked = json.loads(body)
        if "taskToken" in asked:  # of which only AWS knows the machine
            return
        arn = asked.get("stateMachineArn") or asked["executionArn"]
        yield Called(f"states:{target.rpartition('.')[2]}", arn)
    elif service == "secretsmanager":
        asked = json.loads(body)
        secret = asked.get("SecretId") or asked["Name"]
        arn = secret if secret.startswith("arn:") else f"arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:{secret}"
        yield Called(f"secretsmanager:{target.rpartition('.')[2]}", arn)
    elif service == "events":
        for entry in json.loads(body)["Entries"]:
            bus = entry.get("EventBusName", "default")
            yield Called(f"events:{target.rpartition('.')[2]}", f"arn:aws:events:{REGION}:{ACCOUNT_ID}:event-bus/{bus}")
    elif service == "apigatewaymanagementapi":
        api, path = urlsplit(url).netloc.partition(".")[0], unquote(urlsplit(url).path)
        yield Called(
            "execute-api:ManageConnections",
            f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{api}{path.replace('/@', f'/{method}/@')}",
        )
    else:
        raise ValueError(f"nothing is known of {service}")


def _dynamodb(operation: str, asked: Json) -> Iterator[Called]:
    if operation == "TransactWriteItems":
        for item in asked["TransactItems"]:
            ((kind, inner),) = item.items()
            yield from _dynamodb({"ConditionCheck": "ConditionCheckItem"}.get(kind, f"{kind}Item"), inner)
        return
    if operation == "BatchExecuteStatement":
        for statement in asked["Statements"]:
            table, item = inserted(statement) or ("", {})
            yield Called("dynamodb:PartiQLInsert", f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{table}", (item["pk"]["S"],))
        return
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{asked['TableName']}"
    if index := asked.get("IndexName"):
        yield Called(f"dynamodb:{operation}", f"{arn}/index/{index}")
        return
    item = asked.get("Key") or asked.get("Item")
    values = asked.get("ExpressionAttributeValues", {})
    key = item["pk"]["S"] if item else values[":pk"]["S"] if ":pk" in values else None
    yield Called(f"dynamodb:{operation}", arn, (key,) if key else ())


def _s3(method: str, url: str, headers: Mapping[str, str]) -> Iterator[Called]:
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    bucket, key = _place(parts.netloc, unquote(parts.path))
    arn = f"arn:aws:s3:::{bucket}"
    if not key:
        yield Called("s3:ListBucket" if method in {"GET", "HEAD"} else f"s3:{method} of a bucket", arn)
        return
    versioned = "Version" if "versionId" in query else ""
    thing = f"{arn}/{key}"
    match method:
        case "GET" | "HEAD" if "tagging" in query:
            yield Called(f"s3:GetObject{versioned}Tagging", thing)
        case "GET" | "HEAD":
            yield Called(f"s3:GetObject{versioned}", thing)
        case "PUT" | "POST" if "tagging" in query:
            yield Called("s3:PutObjectTagging", thing)
        case "PUT" | "POST":
            yield Called("s3:PutObject", thing)
            if "x-amz-tagging" in headers:
                yield Called("s3:PutObjectTagging", thing)
        case "DELETE":
            yield Called("s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject", thing)
    if "x-amz-copy-source" in headers:
        source, _, version = headers["x-amz-copy-source"].lstrip("/").partition("?versionId=")
        read, versioned = f"arn:aws:s3:::{unquote(source)}", "Version" if version else ""
        yield Called(f"s3:GetObject{versioned}", read)
        if headers.get("x-amz-tagging-directive", "COPY") == "COPY" and "partNumber" not in query:  # as S3 asks if there are tags
            yield Called(f"s3:GetObject{versioned}Tagging", read)
            yield Called("s3:PutObjectTagging", thing)


def _place(host: str, path: str) -> tuple[str, str]:
    """Bucket and key, of a URL in virtual-hosted or path style."""
    virtual = re.match(r"(.+)\.s3[.-]", host)
    if virtual:
        return virtual[1], path.removeprefix("/")
    bucket, _, key = path.removeprefix("/").partition("/")
    return bucket, key
