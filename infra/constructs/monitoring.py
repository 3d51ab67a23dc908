"""What an operator looks at: metrics by kind of run, a dashboard, and alarms with a topic to be told by."""

from collections.abc import Iterable, Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.stage import Stage

NAMESPACE = "Waybill"
FIVE_MINUTES = Duration.minutes(5)
# What a kind of run does to a file when all goes well.
DONE = {"backup": "FilesVerified", "cutover": "UrlsSwitched", "rollback": "UrlsRestored"}
# Kinds whose runs are counted in rows.
RECORDS = ("load", "undo", "sync")
FAILED_PERCENT = 5
QUOTA_PERCENT = 80


class Monitoring(Construct):
    """Dashboard, alarms and their topic. Metric names are those that telemetry writes; dimensions are Kind and Stage."""

    def __init__(self, scope: Construct, *, stage: Stage, key: kms.IKey, machines: Mapping[str, sfn.StateMachine]) -> None:
        super().__init__(scope, "Monitoring")
        self._stage = stage
        self._machines = machines
        self.topic = sns.Topic(
            self, "Alarms", topic_name=f"waybill-{stage.name}-alarms", display_name="Waybill", master_key=key, enforce_ssl=True
        )
        if stage.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(stage.alarm_email))
        alarms = [alarm for kind in DONE for alarm in (self._files_failed(kind), *self._alarms(kind))]
        alarms += [alarm for kind in RECORDS for alarm in self._alarms(kind)]
        for alarm in alarms:
            alarm.add_alarm_action(actions.SnsAction(self.topic))
        self._dashboard(alarms)

    def _metric(self, name: str, *, kind: str, statistic: str = cloudwatch.Stats.SUM) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={"Kind": kind, "Stage": self._stage.name},
            statistic=statistic,
            period=FIVE_MINUTES,
        )

    def _each_kind(
        self, *names: str, statistic: str = cloudwatch.Stats.SUM, kinds: Iterable[str] = tuple(DONE)
    ) -> list[cloudwatch.IMetric]:
        return [
            self._metric(name, kind=kind, statistic=statistic).with_(label=f"{kind}: {name}") for name in names for kind in kinds
        ]

    def _failed_percent(self, kind: str) -> cloudwatch.MathExpression:
        failed, done = f"FILL({kind}_failed, 0)", f"FILL({kind}_done, 0)"
        return cloudwatch.MathExpression(
            expression=f"IF({failed} > 0, 100 * {failed} / ({failed} + {done}), 0)",
            using_metrics={
                f"{kind}_failed": self._metric("FilesFailed", kind=kind),
                f"{kind}_done": self._metric(DONE[kind], kind=kind),
            },
            period=FIVE_MINUTES,
            label=f"{kind}: failed, %",
        )

    def _runs_lost(self, kind: str) -> cloudwatch.MathExpression:
        machine = self._machines[kind]
        return cloudwatch.MathExpression(
            expression=f"FILL({kind}_runs_failed, 0) + FILL({kind}_runs_timed_out, 0)",
            using_metrics={
                f"{kind}_runs_failed": machine.metric_failed(period=FIVE_MINUTES, statistic=cloudwatch.Stats.SUM),
                f"{kind}_runs_timed_out": machine.metric_timed_out(period=FIVE_MINUTES, statistic=cloudwatch.Stats.SUM),
            },
            period=FIVE_MINUTES,
            label=f"{kind}: runs failed",
        )

    def _files_failed(self, kind: str) -> cloudwatch.Alarm:
        return self._alarm(
            f"{kind}-files-failed",
            self._failed_percent(kind),
            above=FAILED_PERCENT,
            says=f"More than {FAILED_PERCENT} % of the files of a {kind} failed within 5 minutes. See the run's errors.",
        )

    def _alarms(self, kind: str) -> Iterable[cloudwatch.Alarm]:
        yield self._alarm(
            f"{kind}-run-failed",
            self._runs_lost(kind),
            above=0,
            says=f"A {kind} failed or timed out. See the execution in the console, then `waybill runs show`.",
        )
        yield self._alarm(
            f"{kind}-tasks-slow",
            self._metric("TaskSeconds", kind=kind, statistic=cloudwatch.Stats.percentile(95)),
            above=self._stage.task_target_seconds,
            says=f"The p95 of a {kind}'s tasks is above {self._stage.task_target_seconds} s.",
        )
        yield self._alarm(
            f"{kind}-salesforce-quota",
            self._metric("SalesforceQuotaUsed", kind=kind, statistic=cloudwatch.Stats.MAXIMUM),
            above=QUOTA_PERCENT,
            says=f"More than {QUOTA_PERCENT} % of the org's daily API requests are used. Runs are parked at the quota guard.",
        )

    def _alarm(self, name: str, metric: cloudwatch.IMetric, *, above: float, says: str) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"waybill-{self._stage.name}-{name}",
            alarm_description=says,
            metric=metric,
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            # No data is a quiet night: nothing runs.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _dashboard(self, alarms: list[cloudwatch.Alarm]) -> None:
        board = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=f"waybill-{self._stage.name}")
        board.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=alarms, width=24, height=4))
        board.add_widgets(
            _graph("Files", self._each_kind("FilesListed", "FilesCopied", "FilesVerified")),
            _graph("URLs in Salesforce", self._each_kind("UrlsSwitched", "UrlsRestored")),
            _graph("Failed and in conflict", self._each_kind("FilesFailed", "Conflicts")),
        )
        board.add_widgets(
            _graph("Bytes copied", self._each_kind("BytesCopied")),
            _graph("Requests", self._each_kind("SalesforceApiCalls", "S3Requests", "DynamoDBRequests", "StateTransitions")),
            _graph(
                "Salesforce's daily quota used, %", self._each_kind("SalesforceQuotaUsed", statistic=cloudwatch.Stats.MAXIMUM)
            ),
        )
        started = [machine.metric_started(period=FIVE_MINUTES) for machine in self._machines.values()]
        board.add_widgets(
            _graph("Task time, p95, s", self._each_kind("TaskSeconds", statistic=cloudwatch.Stats.percentile(95))),
            _graph("Failed, % of files", [self._failed_percent(kind) for kind in DONE]),
            _graph("Runs", [*started, *(self._runs_lost(kind) for kind in self._machines)]),
        )
        p95 = cloudwatch.Stats.percentile(95)
        board.add_widgets(
            _graph("Records", self._each_kind("RecordsProcessed", "ValidationErrors", "RecordsFailed", kinds=RECORDS)),
            _graph("Requests of records", self._each_kind("SalesforceApiCalls", "SalesforceQuotaUsed", kinds=RECORDS)),
            _graph("Task time of records, p95, s", self._each_kind("TaskSeconds", statistic=p95, kinds=RECORDS)),
        )
        board.add_widgets(_graph("Syncs", self._each_kind("SyncOperations", "Conflicts", kinds=["sync"])))


def _graph(title: str, metrics: list[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=metrics, width=8, height=6)
