"""Who is told of runs: a topic with a message for people about every run that has ended, or that waits for an approval."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.stage import Stage


def topic_name(stage: Stage) -> str:
    return f"waybill-{stage.name}-runs"


class Notices(Construct):
    """From the event bus to mail. A run inside another, a cutover's delta, is not told of: the cutover is."""

    def __init__(self, scope: Construct, *, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, "Notices")
        topic = sns.Topic(self, "Runs", topic_name=topic_name(stage), display_name="Waybill", master_key=key, enforce_ssl=True)
        for address in stage.notice_emails:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        rule = events.Rule(
            self,
            "Told",
            rule_name=f"waybill-{stage.name}-notices",
            description="Tells people of runs that have ended, or that wait for an approval",
            event_pattern=events.EventPattern(
                source=[f"waybill.{stage.name}"],
                detail_type=["Run Ended", "Approval Needed"],
                detail={"parent": [{"exists": False}]},
            ),
        )
        rule.add_target(targets.SnsTopic(topic, message=events.RuleTargetInput.from_event_path("$.detail.text")))
