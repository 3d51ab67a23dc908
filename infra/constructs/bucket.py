"""A bucket as all of ours are: private, TLS only, access-logged, versioned, without custom resources."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct


def private_bucket(
    scope: Construct,
    construct_id: str,
    *,
    logs: s3.IBucket | None,
    key: kms.IKey | None,
    retain: bool,
    name: str | None = None,
    rules: Sequence[s3.LifecycleRule] = (),
    origins: Sequence[str] = (),
) -> s3.Bucket:
    """A bucket, encrypted with `key` or, without one, by S3 itself. `logs` takes its access log, under a prefix of its own.

    `origins`: whose pages may put objects there, by links that they are given.
    """
    cors: dict[str, Any] = {}
    if origins:
        put = s3.CorsRule(allowed_methods=[s3.HttpMethods.PUT], allowed_origins=list(origins), allowed_headers=["content-type"])
        cors = {"cors": [put]}
    encryption: dict[str, Any] = {"encryption": s3.BucketEncryption.S3_MANAGED}
    if key is not None:
        # One key request for many objects: without it each copy costs a call to KMS.
        encryption = {"encryption": s3.BucketEncryption.KMS, "encryption_key": key, "bucket_key_enabled": True}
    logging: dict[str, Any] = {}
    if logs is not None:
        logging = {"server_access_logs_bucket": logs, "server_access_logs_prefix": f"{construct_id}/"}
    return s3.Bucket(
        scope,
        construct_id,
        bucket_name=name,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        versioned=logs is not None,
        removal_policy=RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY,
        lifecycle_rules=[
            s3.LifecycleRule(id="abandoned-uploads", abort_incomplete_multipart_upload_after=Duration.days(7)),
            *rules,
        ],
        **encryption,
        **logging,
        **cors,
    )
