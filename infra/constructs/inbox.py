"""What is dropped into the work bucket: a load below `inbox/drop/` is planned, a list of ids below `requests/` is backed up."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

REQUESTS = "requests/"
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


class Requests(Construct):
    """Starts an incremental backup of just the accounts or entries that a CSV below `requests/` names. It writes nothing to Salesforce.

    EventBridge names the execution after the event: one that is delivered twice starts it once.
    """

    def __init__(self, scope: Construct, *, bucket_name: str, machine: sfn.StateMachine, stage_name: str) -> None:
        super().__init__(scope, "Requests")
        key = events.EventField.from_path("$.detail.object.key")
        rule = events.Rule(
            self,
            "Requested",
            rule_name=f"waybill-{stage_name}-requested",
            description="Backs up what a dropped list of ids names",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [bucket_name]}, "object": {"key": [{"prefix": REQUESTS}]}},
            ),
        )
        given = {"mode": "incremental", "requested_by": "requests", "request": key}
        rule.add_target(targets.SfnStateMachine(machine, input=events.RuleTargetInput.from_object(given)))
