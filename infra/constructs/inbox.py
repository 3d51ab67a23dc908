"""What is dropped into the work bucket: a load below `inbox/drop/` is planned, a list of ids below `requests/` is backed up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct


@dataclass(frozen=True, slots=True)
class Drop:
    """Objects below `prefix` start the machine of `kind`, each with what `given` makes of what the event says of it. `name`, `rule`: in the template."""

    name: str
    rule: str
    kind: str
    prefix: str
    description: str
    given: Callable[[Callable[[str], str]], Mapping[str, Any]]


DROPS = (
    Drop(
        "Inbox",
        "Dropped",
        "load",
        # Uploads by the API's links have folders of their own, and start nothing by themselves.
        "inbox/drop/",
        "Plans a load of what is dropped into the inbox, as a dry run",
        # By the ETag: what is dropped over it later is not what the dry run has looked at.
        lambda dropped: {"mode": "dry_run", "requested_by": "inbox", "load": {"input": dropped("key"), "etag": dropped("etag")}},
    ),
    # An incremental backup of just the accounts or entries that a CSV names: it writes nothing to Salesforce.
    Drop(
        "Requests",
        "Requested",
        "backup",
        "requests/",
        "Backs up what a dropped list of ids names",
        lambda dropped: {"mode": "incremental", "requested_by": "requests", "request": dropped("key")},
    ),
)


class Dropped(Construct):
    """Starts a machine for every object that is put where `drop` says.

    EventBridge names the execution after the event: one that is delivered twice starts it once.
    """

    def __init__(self, scope: Construct, drop: Drop, *, bucket_name: str, machine: sfn.StateMachine, stage_name: str) -> None:
        super().__init__(scope, drop.name)
        rule = events.Rule(
            self,
            drop.rule,
            rule_name=f"waybill-{stage_name}-{drop.rule.lower()}",
            description=drop.description,
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [bucket_name]}, "object": {"key": [{"prefix": drop.prefix}]}},
            ),
        )
        given = drop.given(lambda name: events.EventField.from_path(f"$.detail.object.{name}"))
        rule.add_target(targets.SfnStateMachine(machine, input=events.RuleTargetInput.from_object(given)))
