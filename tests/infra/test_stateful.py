"""What holds data is private, encrypted, and survives where it must."""

from .conftest import Assembly


def _retention(assembly: Assembly) -> str:
    return "Retain" if assembly.stage == "prod" else "Delete"


def test_the_table_is_the_ledgers(assembly: Assembly) -> None:
    (table,) = assembly.stateful.of_type("AWS::DynamoDB::GlobalTable").values()
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    (replica,) = table["Replicas"]
    (index,) = table["GlobalSecondaryIndexes"]
    assert table["KeySchema"] == keys
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert replica["DeletionProtectionEnabled"] is (assembly.stage == "prod")
    assert index["IndexName"] == "summaries"
    assert index["KeySchema"] == [
        {"AttributeName": "summary_bucket", "KeyType": "HASH"},
        {"AttributeName": "pk", "KeyType": "RANGE"},
    ]
    assert table["DeletionPolicy"] == _retention(assembly)


def test_every_bucket_is_closed_encrypted_and_takes_tls_only(assembly: Assembly) -> None:
    buckets = assembly.stateful.of_type("AWS::S3::Bucket")
    policies = assembly.stateful.of_type("AWS::S3::BucketPolicy").values()
    for bucket in buckets.values():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    denied = {
        policy["Bucket"]["Ref"]
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}} and statement["Effect"] == "Deny"
    }
    assert denied == set(buckets)


def test_buckets_of_data_are_versioned_logged_and_kept_in_production(assembly: Assembly) -> None:
    # Neither logs nor the console's files are data.
    buckets = {
        name: bucket
        for name, bucket in assembly.stateful.of_type("AWS::S3::Bucket").items()
        if not name.startswith(("AccessLogs", "Console"))
    }
    assert len(buckets) == (3 if assembly.stage == "local" else 2)
    for bucket in buckets.values():
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["LoggingConfiguration"]["DestinationBucketName"]
        assert bucket["DeletionPolicy"] == _retention(assembly)


def test_run_files_expire_and_migrated_files_never_do(assembly: Assembly) -> None:
    buckets = assembly.stateful.of_type("AWS::S3::Bucket")
    (work,) = (bucket for name, bucket in buckets.items() if name.startswith("WorkBucket"))
    (destination,) = (bucket for name, bucket in buckets.items() if name.startswith("DestinationBucket"))
    expiring = [rule for rule in work["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule]
    assert [(rule["Prefix"], rule["ExpirationInDays"]) for rule in expiring] == [
        ("runs/", 400),
        ("describes/", 7),
        ("inbox/", 30),
        ("requests/", 30),
        ("rejected/", 30),
    ]
    assert [set(rule) for rule in destination["LifecycleConfiguration"]["Rules"]] == [
        {"AbortIncompleteMultipartUpload", "Id", "Status"}
    ]


def test_only_the_local_stack_makes_the_source_bucket(assembly: Assembly) -> None:
    names = {bucket.get("BucketName") for bucket in assembly.stateful.of_type("AWS::S3::Bucket").values()}
    assert ("trackland-doc-storage" in names) is (assembly.stage == "local")


def test_keys_rotate_and_are_kept_in_production(assembly: Assembly) -> None:
    keys = assembly.stateful.of_type("AWS::KMS::Key").values()
    assert len(keys) == 1 + (assembly.links is not None)
    for key in keys:
        assert key["EnableKeyRotation"] is True
        assert key["DeletionPolicy"] == _retention(assembly)


def test_the_secret_is_made_with_a_placeholder_and_our_key(assembly: Assembly) -> None:
    (secret,) = assembly.stateful.of_type("AWS::SecretsManager::Secret").values()
    assert secret["KmsKeyId"]
    assert "replace" in secret["GenerateSecretString"]["SecretStringTemplate"]
