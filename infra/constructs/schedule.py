"""The nightly incremental backup: EventBridge Scheduler starts the backup machine."""

import json

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

INPUT = {"mode": "incremental", "requested_by": "schedule"}


class NightlyBackup(Construct):
    """Starts an incremental backup by `cron`, in UTC.

    The universal target is used since only it lets us name the execution: the name is the schedule's own id for the invocation,
    which keeps a delivery that arrives twice from running twice. (Should a retry come under another id, the lock refuses it.)
    """

    def __init__(self, scope: Construct, *, cron: str, machine: sfn.StateMachine, stage_name: str) -> None:
        super().__init__(scope, "NightlyBackup")
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
            ),
        )
        role.add_to_policy(iam.PolicyStatement(actions=["states:StartExecution"], resources=[machine.state_machine_arn]))
        request = {
            "StateMachineArn": machine.state_machine_arn,
            "Name": "<aws.scheduler.execution-id>",
            "Input": json.dumps(INPUT),
        }
        scheduler.CfnSchedule(
            self,
            "Schedule",
            name=f"waybill-{stage_name}-nightly-backup",
            description="Incremental backup of all accounts",
            schedule_expression=cron,
            schedule_expression_timezone="UTC",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=Stack.of(self).format_arn(
                    service="scheduler",
                    region="",
                    account="",
                    resource="aws-sdk",
                    resource_name="sfn:startExecution",
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                ),
                role_arn=role.role_arn,
                input=Stack.of(self).to_json_string(request),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=5
                ),
            ),
        )
