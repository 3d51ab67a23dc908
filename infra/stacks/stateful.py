"""What holds data: the key, the ledger's table, the buckets and the secrets. Changed rarely, deleted never by accident."""

import json

from aws_cdk import CfnOutput, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.catalogue import KINDS
from infra.constructs.bucket import private_bucket
from infra.constructs.console import ConsoleSite
from infra.constructs.notices import topic_name
from infra.constructs.user_pool import OperatorPool
from infra.grants import INDEX, Resources
from infra.nag import acknowledge
from infra.stage import Encryption, Stage


class StatefulStack(Stack):
    """The resources that the stateless stack works on."""

    def __init__(self, scope: Construct, *, stage: Stage) -> None:
        super().__init__(
            scope,
            f"waybill-{stage.name}-stateful",
            # The destination bucket is made here, so its region, which links may name, is the stack's.
            env=Environment(region=stage.config.destination.region),
            description=f"Waybill {stage.name}: table, buckets, secrets and their key",
            termination_protection=stage.retain,
        )
        self._stage = stage
        self.key, self.link_key = self._key(), self._link_key() if stage.gateway else None
        self.table = self._table()
        self._access_logs = self._log_bucket()
        self.destination_bucket = private_bucket(
            self,
            "DestinationBucket",
            name=stage.destination_bucket,
            logs=self._access_logs,
            key=self.key if stage.destination_encryption is Encryption.KMS else None,
            retain=stage.retain,
        )
        # The local stack serves the console itself.
        self.console = None if stage.local else ConsoleSite(self, stage=stage, logs=self._access_logs)
        self.console_origins = [*stage.console_origins, *([self.console.origin] if self.console else [])]
        self.work_bucket = private_bucket(
            self,
            "WorkBucket",
            logs=self._access_logs,
            key=self.key,
            retain=stage.retain,
            origins=self.console_origins,
            rules=_kept_for_a_while(stage),
        )
        _tell_event_bridge(self.work_bucket)
        self.salesforce_secret = self._secret("SalesforceSecret", described="How Waybill logs in to Salesforce")
        pages = [f"{origin}/" for origin in self.console_origins]
        self.users = OperatorPool(self, stage=stage, removal=self._removal, pages=pages)
        self.source_secret = None
        if stage.config.source.own_credentials:
            self.source_secret = self._secret("SourceSecret", described="The source bucket's own credentials")
        if stage.local:
            self._source_buckets()
        self._outputs()

    def resources(self, *, live_api_id: str = "") -> Resources:
        """What the functions of the other stacks work on."""
        return Resources(
            stage=self._stage,
            table_name=self.table.table_name,
            table_arn=self.table.table_arn,
            key=self.key,
            link_key=self.link_key,
            work_bucket=self.work_bucket,
            work_arn=self.export_value(self.work_bucket.bucket_arn),
            destination_bucket=self.destination_bucket,
            destination_arn=self.export_value(self.destination_bucket.bucket_arn),
            salesforce_secret=self.salesforce_secret,
            source_secret=self.source_secret,
            machine_names={kind: f"waybill-{self._stage.name}-{kind}" for kind in KINDS},
            live_api_id=live_api_id,
        )

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias=f"alias/waybill-{self._stage.name}",
            description=f"Waybill {self._stage.name}: data at rest",
            enable_key_rotation=True,
            removal_policy=self._removal,
        )
        # Three services use the key in nobody's name: Logs for our log groups only, CloudWatch for alarms to the encrypted topic,
        # and EventBridge for the topic of notices, where AWS knows no condition on who asks.
        log_groups = [f"arn:aws:logs:{self.region}:{self.account}:log-group:{name}*" for name in self._log_names()]
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{self.region}.amazonaws.com")],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
            )
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        topic = self.format_arn(service="sns", resource=topic_name(self._stage))
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": topic}},
            )
        )
        return key

    def _link_key(self) -> kms.Key:
        """Wraps the key of the gateway's links, and nothing else: a right to the data's key is none to the links."""
        return kms.Key(
            self,
            "LinkKey",
            alias=f"alias/waybill-{self._stage.name}-links",
            description=f"Waybill {self._stage.name}: the key of the gateway's links",
            enable_key_rotation=True,
            pending_window=Duration.days(30),
            removal_policy=self._removal,
        )

    def _log_names(self) -> list[str]:
        return [f"/aws/{kind}/waybill-{self._stage.name}-" for kind in ("lambda", "vendedlogs/states", "vendedlogs/http")]

    def _table(self) -> dynamodb.TableV2:
        text = dynamodb.AttributeType.STRING
        return dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=text),
            sort_key=dynamodb.Attribute(name="sk", type=text),
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.customer_managed_key(self.key),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True),
            deletion_protection=self._stage.retain,
            removal_policy=self._removal,
            # Of what lasts for minutes or weeks: tickets, connections, the stage's list of events. Files and runs have none.
            time_to_live_attribute="expires",
            # Sparse: only account summaries carry `summary_bucket`, so no per-file write pays for it.
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=INDEX,
                    partition_key=dynamodb.Attribute(name="summary_bucket", type=text),
                    sort_key=dynamodb.Attribute(name="pk", type=text),
                )
            ],
        )

    def _log_bucket(self) -> s3.Bucket:
        days = Duration.days(self._stage.log_retention_days)
        return private_bucket(
            self,
            "AccessLogs",
            logs=None,
            # S3 delivers access logs to buckets under its own key only.
            key=None,
            retain=self._stage.retain,
            rules=[s3.LifecycleRule(id="logs", expiration=days)],
        )

    def _secret(self, construct_id: str, *, described: str) -> secretsmanager.Secret:
        """A secret with a placeholder; whoever deploys fills it in once, and later deployments leave it alone."""
        secret = secretsmanager.Secret(
            self,
            construct_id,
            description=f"{described} ({self._stage.name}); fill in after the first deployment, see README",
            encryption_key=self.key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps({"client_id": "replace this whole value"}),
                generate_string_key="client_secret",
            ),
            removal_policy=self._removal,
        )
        acknowledge(
            secret,
            finding="AwsSolutions-SMG4",
            reason="The credential belongs to another system, which AWS cannot rotate; the runbook says how to replace it.",
        )
        return secret

    def _source_buckets(self) -> None:
        """The source belongs to others; only the local stack has to play it."""
        for name in self._stage.config.source.buckets:
            bucket = private_bucket(self, f"Source-{name}", name=name, logs=self._access_logs, key=None, retain=False)
            CfnOutput(self, f"SourceBucket-{name}", value=bucket.bucket_name)

    def _outputs(self) -> None:
        CfnOutput(self, "TableName", value=self.table.table_name)
        CfnOutput(self, "DestinationBucketName", value=self.destination_bucket.bucket_name)
        CfnOutput(self, "WorkBucketName", value=self.work_bucket.bucket_name)
        CfnOutput(self, "SalesforceSecretArn", value=self.salesforce_secret.secret_arn)
        if self.source_secret is not None:
            CfnOutput(self, "SourceSecretArn", value=self.source_secret.secret_arn)

    @property
    def _removal(self) -> RemovalPolicy:
        return RemovalPolicy.RETAIN if self._stage.retain else RemovalPolicy.DESTROY


def _tell_event_bridge(bucket: s3.Bucket) -> None:
    """Events of objects go to the default bus. The bucket's own property for it would bring a function of CDK's along."""
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )


def _kept_for_a_while(stage: Stage) -> list[s3.LifecycleRule]:
    """What the work bucket holds, and for how long."""
    return [
        s3.LifecycleRule(
            id="runs",
            prefix="runs/",
            expiration=Duration.days(stage.run_retention_days),
            noncurrent_version_expiration=Duration.days(30),
        ),
        s3.LifecycleRule(
            id="describes",
            prefix="describes/",
            expiration=Duration.days(7),
            noncurrent_version_expiration=Duration.days(1),
        ),
        *(
            s3.LifecycleRule(
                id=name,
                prefix=f"{name}/",
                expiration=Duration.days(30),
                noncurrent_version_expiration=Duration.days(7),
            )
            for name in ("inbox", "requests", "rejected")
        ),
    ]
