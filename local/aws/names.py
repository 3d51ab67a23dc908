"""What a resource is called locally and which ARN it has: one rule per type, so that a template resolves before anything exists."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from local.aws.dispatch import ACCOUNT_ID, REGION
from local.aws.intrinsics import Resource, TemplateError

# Types that have no local effect. Whatever stands neither here nor in `template.CREATORS` is an error.
WITHOUT_EFFECT = frozenset(
    {
        "AWS::ApiGatewayV2::Stage",
        "AWS::CDK::Metadata",
        # What they say is read where a distribution refers to them.
        "AWS::CloudFront::OriginAccessControl",
        "AWS::CloudFront::OriginRequestPolicy",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::KMS::Alias",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Version",
        "AWS::Logs::LogGroup",
        "AWS::Logs::MetricFilter",
        "AWS::Logs::ResourcePolicy",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::SecretsManager::ResourcePolicy",
        "AWS::StepFunctions::StateMachineVersion",
    }
)
# Type -> the property that names it. Types that are not here are called by stack and logical id.
_NAME_PROPERTY: Mapping[str, str] = {
    "AWS::DynamoDB::GlobalTable": "TableName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::Role": "RoleName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::CloudWatch::Alarm": "AlarmName",
}
_REGIONAL = f"{REGION}:{ACCOUNT_ID}"
_ARN: Mapping[str, str] = {
    "AWS::CloudWatch::Alarm": f"arn:aws:cloudwatch:{_REGIONAL}:alarm:{{name}}",
    "AWS::DynamoDB::GlobalTable": f"arn:aws:dynamodb:{_REGIONAL}:table/{{name}}",
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{_REGIONAL}:table/{{name}}",
    "AWS::Events::EventBus": f"arn:aws:events:{_REGIONAL}:event-bus/{{name}}",
    "AWS::Events::Rule": f"arn:aws:events:{_REGIONAL}:rule/{{name}}",
    "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{ACCOUNT_ID}:policy/{{name}}",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT_ID}:role/{{name}}",
    "AWS::KMS::Key": f"arn:aws:kms:{_REGIONAL}:key/{{name}}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{_REGIONAL}:function:{{name}}",
    "AWS::Lambda::LayerVersion": f"arn:aws:lambda:{_REGIONAL}:layer:{{name}}:1",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{_REGIONAL}:log-group:{{name}}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Topic": f"arn:aws:sns:{_REGIONAL}:{{name}}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{_REGIONAL}:{{name}}",
    "AWS::Scheduler::Schedule": f"arn:aws:scheduler:{_REGIONAL}:schedule/default/{{name}}",
    "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{_REGIONAL}:secret:{{name}}",
    "AWS::StepFunctions::StateMachine": f"arn:aws:states:{_REGIONAL}:stateMachine:{{name}}",
}
# Types whose Ref is the ARN and not the name.
_REF_IS_ARN = frozenset(
    {
        "AWS::IAM::ManagedPolicy",
        "AWS::Lambda::LayerVersion",
        "AWS::SNS::Topic",
        "AWS::SecretsManager::Secret",
        "AWS::StepFunctions::StateMachine",
    }
)
# CDK ends a logical id with 8 digits of a hash.
_HASH = re.compile(r"[0-9A-F]{8}$")


def name_of(resource: Resource) -> str:
    """The resource's own name if the template gives one, else one made of stack and logical id. A key of KMS has a UUID."""
    if resource.type == "AWS::KMS::Key":
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{resource.stack.name}/{resource.logical_id}"))
    named_by = _NAME_PROPERTY.get(resource.type)
    given = resource.get(named_by) if named_by else None
    if given:
        return str(given)
    made = f"{resource.stack.name}-{_HASH.sub('', resource.logical_id) or resource.logical_id}"
    if resource.type == "AWS::S3::Bucket":
        return re.sub(r"[^a-z0-9-]", "-", made.lower())[:63].strip("-")
    return made[:64] if resource.type == "AWS::IAM::Role" else made


def arn_of(resource: Resource) -> str:
    if resource.type not in _ARN:
        raise TemplateError(f"{resource.where}: an ARN of this type is not known locally")
    return _ARN[resource.type].format(name=name_of(resource))


def attribute_of(resource: Resource, attribute: str | None) -> Any:
    """What Ref (None) or GetAtt gives."""
    if attribute is None:
        return arn_of(resource) if resource.type in _REF_IS_ARN else name_of(resource)
    if attribute in {"Arn", "TopicArn", "AlarmArn"}:
        return arn_of(resource)
    if attribute in {"Name", "RoleName", "QueueName", "TopicName", "KeyId", "TableName"}:
        return name_of(resource)
    if resource.type == "AWS::S3::Bucket":
        domain = {
            "DomainName": "s3.amazonaws.com",
            "RegionalDomainName": f"s3.{REGION}.amazonaws.com",
            "DualStackDomainName": f"s3.dualstack.{REGION}.amazonaws.com",
        }
        if attribute in domain:
            return f"{name_of(resource)}.{domain[attribute]}"
    if resource.type == "AWS::ApiGatewayV2::Api" and attribute in {"ApiId", "ApiEndpoint"}:
        return name_of(resource) if attribute == "ApiId" else "http://127.0.0.1"
    if resource.type == "AWS::Lambda::Url" and attribute in {"FunctionArn", "FunctionUrl"}:
        url = f"https://{name_of(resource).lower()}.lambda-url.{REGION}.on.aws/"
        return resource.get("TargetFunctionArn") if attribute == "FunctionArn" else url
    if resource.type == "AWS::CloudFront::OriginAccessControl" and attribute == "Id":
        return name_of(resource)
    if resource.type == "AWS::CloudFront::Distribution" and attribute == "DomainName":
        return f"{name_of(resource).lower()}.cloudfront.net"
    raise TemplateError(f"{resource.where}: GetAtt {attribute} is not known locally")
