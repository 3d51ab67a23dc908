"""What starts by itself: EventBridge Scheduler starts the machine of a nightly backup, or of a workbook's sync."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.stage import WorkbookSync

INPUT = {"mode": "incremental", "requested_by": "schedule"}


class ScheduledRun(Construct):
    """Starts a run by `cron`, in UTC. `given`: the machine's input.

    The universal target is used since only it lets us name the execution: the name is the schedule's own id for the invocation,
    which keeps a delivery that arrives twice from running twice. (Should a retry come under another id, the lock refuses it.)
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        description: str,
        cron: str,
        machine: sfn.IStateMachine,
        given: Mapping[str, Any],
    ) -> None:
        super().__init__(scope, construct_id)
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
            "Input": json.dumps(given),
        }
        scheduler.CfnSchedule(
            self,
            "Schedule",
            name=name,
            description=description,
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


def nightly_backup(scope: Construct, *, cron: str, machine: sfn.IStateMachine, stage_name: str) -> ScheduledRun:
    return ScheduledRun(
        scope,
        "NightlyBackup",
        name=f"waybill-{stage_name}-nightly-backup",
        description="Incremental backup of all accounts",
        cron=cron,
        machine=machine,
        given=INPUT,
    )


def workbook_sync(scope: Construct, *, wanted: WorkbookSync, machine: sfn.IStateMachine, stage_name: str) -> ScheduledRun:
    """A name of Scheduler's may hold less than that of a workbook: a hash of it stands for it."""
    tail = hashlib.sha256(wanted.workbook.encode()).hexdigest()[:8]
    org = {"org": wanted.org} if wanted.org else {}
    return ScheduledRun(
        scope,
        f"Sync{tail}",
        name=f"waybill-{stage_name}-sync-{tail}",
        description=f"Sync of a workbook with {', '.join(wanted.objects) or 'the objects that it holds'}"[:500],
        cron=wanted.cron,
        machine=machine,
        given={**INPUT, **org, "sync": {"workbook": wanted.workbook, "objects": list(wanted.objects)}},
    )
