"""Loads synthesised CloudFormation templates into the local endpoint: what they say exists, and nothing is silently skipped."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.aws import gateway
from local.aws.cors import Cors
from local.aws.distribution import Distribution, distribution_of
from local.aws.events import Rule, Schedule, Target, compile_pattern
from local.aws.http_api import ApiRoute
from local.aws.intrinsics import Json, Resource, TemplateError, Universe
from local.aws.keys import make_key
from local.aws.lambdas import FunctionSpec
from local.aws.live_api import SocketRoutes
from local.aws.names import WITHOUT_EFFECT, arn_of, attribute_of, name_of

# `clients("s3")` gives a boto3 client; their types differ by service.
Clients = Callable[[str], Any]
SecretValues = Callable[[Resource], str]
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


@dataclass
class UserPool:
    """The user pool, as far as tokens tell of it."""

    pool_id: str = ""
    client_id: str = ""
    groups: list[str] = field(default_factory=list)


@dataclass
class Deployment:
    """What the templates made. Functions, machines and schedules by name; outputs by `Output` name."""

    functions: dict[str, FunctionSpec] = field(default_factory=dict)
    machines: dict[str, str] = field(default_factory=dict)
    buckets: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    routes: list[ApiRoute] = field(default_factory=list)
    cors: Cors | None = None
    sockets: SocketRoutes | None = None
    users: UserPool = field(default_factory=UserPool)
    distributions: list[Distribution] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loading:
    """What a creator works with."""

    deployment: Deployment
    clients: Clients
    secret_values: SecretValues


def read_templates(folder: Path) -> dict[str, Mapping[str, Json]]:
    """Stack name -> template, of every template in a folder that CDK synthesised. Raises TemplateError where there is none."""
    suffix = ".template.json"
    found = {path.name.removesuffix(suffix): json.loads(path.read_text()) for path in sorted(folder.glob(f"*{suffix}"))}
    if not found:
        raise TemplateError(f"There is no template in {folder}")
    return found


def load(
    templates: Mapping[str, Mapping[str, Json]], *, clients: Clients, parameters: Mapping[str, str], secret_values: SecretValues
) -> Deployment:
    """Creates what the templates say. Raises TemplateError for a type or function that is not known, before anything exists."""
    universe = Universe(attribute_of)
    for name, template in templates.items():
        universe.add(name, template, parameters)
    resources = list(universe.resources())
    unknown = [resource.where for resource in resources if resource.type not in CREATORS and resource.type not in WITHOUT_EFFECT]
    if unknown:
        raise TemplateError("The local stack does not know: " + "; ".join(unknown))
    loading = Loading(Deployment(), clients, secret_values)
    for kind, create in CREATORS.items():  # in the order of that table
        for resource in resources:
            if resource.type == kind:
                create(resource, loading)
    for stack in universe.stacks.values():
        for name, output in stack.outputs():
            loading.deployment.outputs[name] = str(stack.resolve(output["Value"], where=f"output {name} of {stack.name}"))
    return loading.deployment


def _bucket(resource: Resource, loading: Loading) -> None:
    s3, name = loading.clients("s3"), name_of(resource)
    s3.create_bucket(Bucket=name)
    if resource.get("VersioningConfiguration", {}).get("Status") == "Enabled":
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    notifications = resource.get("NotificationConfiguration", {})
    if set(notifications) - {"EventBridgeConfiguration"}:
        raise TemplateError(f"{resource.where}: only notifications to EventBridge are known locally, not {sorted(notifications)}")
    if notifications:
        s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    loading.deployment.buckets.append(name)


def _table(resource: Resource, loading: Loading) -> None:
    asked: dict[str, Any] = {
        "TableName": name_of(resource),
        "KeySchema": resource.get("KeySchema"),
        "AttributeDefinitions": resource.get("AttributeDefinitions"),
        "BillingMode": "PAY_PER_REQUEST",
    }
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        indexes = resource.get(kind, [])
        if indexes:
            asked[kind] = [{name: index[name] for name in ("IndexName", "KeySchema", "Projection")} for index in indexes]
    loading.clients("dynamodb").create_table(**asked)
    # moto keeps what has expired, as DynamoDB may for days: who reads such an item looks at its time.
    loading.deployment.tables.append(asked["TableName"])


def _secret(resource: Resource, loading: Loading) -> None:
    name = name_of(resource)
    value = resource.get("SecretString") or loading.secret_values(resource)
    loading.clients("secretsmanager").create_secret(Name=name, SecretString=value)
    loading.deployment.secrets.append(name)


def _role(resource: Resource, loading: Loading) -> None:
    # Nothing checks it, but moto's Lambda wants it to exist.
    policy = json.dumps(resource.get("AssumeRolePolicyDocument", {}))
    loading.clients("iam").create_role(RoleName=name_of(resource), AssumeRolePolicyDocument=policy)


def _function(resource: Resource, loading: Loading) -> None:
    runtime = str(resource.get("Runtime", ""))
    if not runtime.startswith("python"):
        raise TemplateError(f"{resource.where}: only functions in Python run locally, not {runtime or 'an image'}")
    spec = FunctionSpec(
        name=name_of(resource),
        arn=arn_of(resource),
        handler=resource.get("Handler"),
        environment={key: str(value) for key, value in resource.get("Environment", {}).get("Variables", {}).items()},
        timeout=int(resource.get("Timeout", 3)),
        memory=int(resource.get("MemorySize", 128)),
    )
    loading.deployment.functions[spec.name] = spec
    # moto lists it for the AWS CLI; invocations never get there.
    loading.clients("lambda").create_function(
        FunctionName=spec.name,
        Runtime="python3.11",
        Role=resource.get("Role"),
        Handler=spec.handler,
        Code={"ZipFile": _EMPTY_ZIP},
        Environment={"Variables": dict(spec.environment)},
        Timeout=spec.timeout,
        MemorySize=spec.memory,
        Description=resource.get("Description", ""),
    )


def _machine(resource: Resource, loading: Loading) -> None:
    text = resource.get("DefinitionString")
    if text is None:
        raise TemplateError(f"{resource.where}: only DefinitionString is known locally")
    substitutions = resource.get("DefinitionSubstitutions", {})

    def fill(match: re.Match[str]) -> str:
        if match.group(1) not in substitutions:
            raise TemplateError(f"{resource.where}: nothing is substituted for the placeholder {match.group(0)}")
        return json.dumps(str(substitutions[match.group(1)]))[1:-1]

    reply = loading.clients("stepfunctions").create_state_machine(
        name=name_of(resource), definition=_PLACEHOLDER.sub(fill, text), roleArn=resource.get("RoleArn")
    )
    loading.deployment.machines[name_of(resource)] = reply["stateMachineArn"]


def _event_bus(resource: Resource, loading: Loading) -> None:
    loading.clients("events").create_event_bus(Name=name_of(resource))


def _rule(resource: Resource, loading: Loading) -> None:
    pattern = resource.get("EventPattern")
    expression = resource.get("ScheduleExpression")
    name = name_of(resource)
    rule = Rule(
        name=name,
        arn=arn_of(resource),
        bus=str(resource.get("EventBusName", "default")).rsplit("/", 1)[-1],
        matches=compile_pattern(pattern, where=resource.where) if pattern else None,
        targets=tuple(Target.of(target, where=resource.where) for target in resource.get("Targets", [])),
    )
    if resource.get("State", "ENABLED") == "ENABLED":
        loading.deployment.rules.append(rule)
    if expression:
        loading.deployment.schedules[name] = Schedule(name, expression=str(expression), rule=rule)
    asked = {"ScheduleExpression": expression} if expression else {}
    asked |= {"EventPattern": json.dumps(pattern)} if pattern else {}
    loading.clients("events").put_rule(Name=name, EventBusName=rule.bus, Description=resource.get("Description", ""), **asked)


def _topic(resource: Resource, loading: Loading) -> None:
    loading.clients("sns").create_topic(Name=name_of(resource))


def _subscription(resource: Resource, loading: Loading) -> None:
    if resource.get("Protocol") != "email":
        raise TemplateError(f"{resource.where}: only subscriptions by mail are known locally, not {resource.get('Protocol')}")
    loading.clients("sns").subscribe(TopicArn=resource.get("TopicArn"), Protocol="email", Endpoint=resource.get("Endpoint"))


def _schedule(resource: Resource, loading: Loading) -> None:
    target = resource.get("Target")
    name = name_of(resource)
    loading.deployment.schedules[name] = Schedule(
        name, expression=resource.get("ScheduleExpression"), target=Target.of(target, where=resource.where)
    )


def _api(resource: Resource, loading: Loading) -> None:
    if gateway.protocol_of(resource) == "WEBSOCKET":
        if loading.deployment.sockets is not None:
            raise TemplateError(f"{resource.where}: only one WebSocket API is known locally")
        loading.deployment.sockets = gateway.socket_routes(resource)
        return
    given = resource.get("CorsConfiguration", None)
    if given is not None:
        try:
            loading.deployment.cors = Cors.of(given)
        except ValueError as error:
            raise TemplateError(f"{resource.where}: {error}") from None


def _route(resource: Resource, loading: Loading) -> None:
    if gateway.protocol_of(resource) == "HTTP":  # the others were read with their API
        loading.deployment.routes.append(gateway.http_route(resource))


def _user_pool(resource: Resource, loading: Loading) -> None:
    loading.deployment.users.pool_id = name_of(resource)


def _user_pool_client(resource: Resource, loading: Loading) -> None:
    loading.deployment.users.client_id = name_of(resource)


def _user_pool_group(resource: Resource, loading: Loading) -> None:
    loading.deployment.users.groups.append(resource.get("GroupName"))


def _nothing(_resource: Resource, _loading: Loading) -> None:
    """Others say all that there is to do: its routes, the local pool, or a distribution."""


def _empty_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("README"), "The code runs in process.")
    return buffer.getvalue()


_EMPTY_ZIP = _empty_zip()
CREATORS: Mapping[str, Callable[[Resource, Loading], None]] = {
    "AWS::KMS::Key": lambda resource, loading: make_key(resource, loading.clients("kms")),
    "AWS::S3::Bucket": _bucket,
    "AWS::DynamoDB::Table": _table,
    "AWS::DynamoDB::GlobalTable": _table,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::IAM::Role": _role,
    "AWS::Lambda::Function": _function,
    "AWS::StepFunctions::StateMachine": _machine,
    "AWS::Events::EventBus": _event_bus,
    "AWS::Events::Rule": _rule,
    "AWS::SNS::Topic": _topic,
    "AWS::SNS::Subscription": _subscription,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::Cognito::UserPool": _user_pool,
    "AWS::Cognito::UserPoolClient": _user_pool_client,
    "AWS::Cognito::UserPoolGroup": _user_pool_group,
    "AWS::Cognito::UserPoolDomain": _nothing,
    "AWS::ApiGatewayV2::Api": _api,
    "AWS::ApiGatewayV2::Authorizer": _nothing,
    "AWS::ApiGatewayV2::Integration": _nothing,
    "AWS::ApiGatewayV2::Route": _route,
    "AWS::Lambda::Url": _nothing,
    "AWS::CloudFront::Distribution": lambda resource, loading: loading.deployment.distributions.append(distribution_of(resource)),
}
