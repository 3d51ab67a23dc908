"""What is dropped into the inbox is planned: a dry run for each file. Executing it is a person's decision."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

# Uploads by the API's links have folders of their own, and start nothing by themselves.
DROPPED = "inbox/drop/"


class Inbox(Construct):
    """Starts a dry run of the load machine for every object that is put below `inbox/drop/` in the work bucket."""

    def __init__(self, scope: Construct, *, bucket_name: str, machine: sfn.StateMachine, stage_name: str) -> None:
        super().__init__(scope, "Inbox")
        key = events.EventField.from_path("$.detail.object.key")
        rule = events.Rule(
            self,
            "Dropped",
            rule_name=f"waybill-{stage_name}-dropped",
            description="Plans a load of what is dropped into the inbox, as a dry run",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [bucket_name]}, "object": {"key": [{"prefix": DROPPED}]}},
            ),
        )
        given = {"mode": "dry_run", "requested_by": "inbox", "load": {"input": key}}
        rule.add_target(targets.SfnStateMachine(machine, input=events.RuleTargetInput.from_object(given)))
