"""What works: functions, state machines, API, schedule, alarms. May be deleted and deployed again at any time."""

from collections.abc import Mapping

from aws_cdk import CfnOutput, CfnParameter, Environment, Fn, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.catalogue import CONTEXTS, FINISHERS, FUNCTIONS, KINDS
from infra.constructs.code import WITH_WORKBOOKS, dependency_layer, functions_code
from infra.constructs.http_api import RunsApi
from infra.constructs.inbox import DROPS, Dropped
from infra.constructs.live_api import LiveApi
from infra.constructs.log_group import log_group
from infra.constructs.monitoring import Monitoring
from infra.constructs.notices import Notices
from infra.constructs.schedule import nightly_backup, workbook_sync
from infra.constructs.state_machine import RunMachine
from infra.constructs.task_function import TaskFunction
from infra.grants import machine_arn, org_secrets_prefix
from infra.stacks.links import LinksStack
from infra.stacks.stateful import StatefulStack
from infra.stage import Stage
from waybill.settings import Configuration


class StatelessStack(Stack):
    """The functions of the catalogue and what starts, watches and shows them. `definitions`: kind of run -> its ASL."""

    def __init__(
        self,
        scope: Construct,
        *,
        stage: Stage,
        stateful: StatefulStack,
        links: LinksStack | None,
        definitions: Mapping[str, str],
        bundle: bool,
    ) -> None:
        super().__init__(
            scope,
            f"waybill-{stage.name}-stateless",
            env=Environment(region=stage.config.destination.region),
            description=f"Waybill {stage.name}: functions, state machines, API, alarms",
        )
        self._stage, self._console_origins = stage, stateful.console_origins
        self._live = LiveApi(self, stage_name=stage.name)
        self._links = links
        self._resources = stateful.resources(live_api_id=self._live.api.api_id)
        self._sign_in = stateful.users.sign_in
        functions = self._functions(bundle=bundle)
        machines = {
            kind: RunMachine(self, kind, definition=definitions[kind], functions=functions, resources=self._resources).machine
            for kind in KINDS
        }
        for context, finisher in FINISHERS.items():
            stopped = [machines[kind].state_machine_arn for kind in CONTEXTS[context]]
            self._finish_what_stopped(context, stopped, functions[finisher])
        self._live.connect(door=functions["LiveDoor"], connections=functions["LiveConnections"])
        self._tell_live(functions["LiveEvents"])
        for drop in DROPS:
            bucket_name = self._resources.work_bucket.bucket_name
            Dropped(self, drop, bucket_name=bucket_name, machine=machines[drop.kind], stage_name=stage.name)
        self._schedules(machines)
        Notices(self, stage=stage, key=stateful.key)
        Monitoring(self, stage=stage, key=stateful.key, machines=machines)
        access_log = log_group(
            self, "ApiAccessLog", stage=stage, key=stateful.key, name=f"/aws/vendedlogs/http/waybill-{stage.name}-api"
        )
        api = RunsApi(
            self,
            function=functions["Api"],
            pool=stateful.users.pool,
            client=stateful.users.client,
            access_log=access_log,
            stage_name=stage.name,
            origins=stateful.console_origins,
            rates=stage.api_rates,
        )
        CfnOutput(self, "ApiUrl", value=f"{api.api.api_endpoint}/api")
        CfnOutput(self, "LiveUrl", value=self._live.url)

    def _schedules(self, machines: Mapping[str, sfn.StateMachine]) -> None:
        """What starts by itself."""
        if self._stage.nightly_backup:
            nightly_backup(self, cron=self._stage.nightly_backup, machine=machines["backup"], stage_name=self._stage.name)
        for each in self._stage.workbook_syncs:
            workbook_sync(self, wanted=each, machine=machines["sync"], stage_name=self._stage.name)

    def _functions(self, *, bundle: bool) -> dict[str, lambda_.Function]:
        code, variables = functions_code(), self._variables()
        usual: list[lambda_.ILayerVersion] = [dependency_layer(self)] if bundle else []
        workbooks: list[lambda_.ILayerVersion] = []
        if bundle:
            workbooks.append(dependency_layer(self, "WorkbookDependencies", requirements=WITH_WORKBOOKS))
        return {
            spec.id: TaskFunction(
                self,
                spec,
                code=code,
                layers=workbooks if spec.workbooks else usual,
                resources=self._resources,
                variables=variables,
            ).function
            for spec in FUNCTIONS
        }

    def _variables(self) -> dict[str, str]:
        """Every environment variable that an environment class may ask for."""
        resources = self._resources
        machines = {kind: machine_arn(self, name) for kind, name in resources.machine_names.items()}
        source_secret = resources.source_secret
        return {
            "WAYBILL_STAGE": self._stage.name,
            "WAYBILL_TABLE": resources.table_name,
            "WAYBILL_WORK_BUCKET": resources.work_bucket.bucket_name,
            "WAYBILL_CONFIG": self.to_json_string(self._configuration().model_dump(mode="json")),
            "WAYBILL_SALESFORCE_SECRET": resources.salesforce_secret.secret_arn,
            "WAYBILL_ORG_SECRETS": org_secrets_prefix(self._stage),
            "WAYBILL_SECRETS_KEY": resources.key.key_arn,
            "WAYBILL_DESTINATION_BUCKET": resources.destination_bucket.bucket_name,
            "WAYBILL_LINK_KEY": resources.link_key.key_arn if resources.link_key else "",
            "WAYBILL_SOURCE_SECRET": source_secret.secret_arn if source_secret else "",
            "WAYBILL_STATE_MACHINES": self.to_json_string(machines),
            "WAYBILL_SIGN_IN": self.to_json_string(self._sign_in.model_dump()),
            **self._live_variables(),
        }

    def _live_variables(self) -> dict[str, str]:
        """Where what is told live is heard. Locally the console, the API and the WebSockets have one address."""
        origins, url = list(self._console_origins), self._live.url
        if self._stage.local:
            console = CfnParameter(
                self, "LocalConsoleUrl", default="http://127.0.0.1:8080", description="Where the local stack serves the console"
            )
            live = CfnParameter(
                self, "LocalLiveUrl", default="ws://127.0.0.1:8080/live", description="Where the local stack takes WebSockets"
            )
            origins, url = [console.value_as_string], live.value_as_string
        return {
            "WAYBILL_CONSOLE_ORIGINS": self.to_json_string(origins),
            "WAYBILL_LIVE_URL": url,
            "WAYBILL_CONNECTIONS_URL": self._live.connections_url,
        }

    def _configuration(self) -> Configuration:
        """The stage's configuration; in the local stage with the endpoints that the local stack listens on."""
        config = self._stage.config
        if self._links is not None:
            destination = config.destination.model_copy(update={"link_base": self._links.base})
            config = config.model_copy(update={"destination": destination})
        if not self._stage.local:
            return config
        aws = CfnParameter(
            self, "LocalAwsEndpoint", default="http://127.0.0.1:4566", description="Where the local stack serves AWS"
        )
        salesforce = CfnParameter(
            self, "LocalSalesforceUrl", default="http://127.0.0.1:4567", description="Where the local Salesforce listens"
        )
        bucket = Fn.join("/", [aws.value_as_string, self._resources.destination_bucket.bucket_name])
        link_base = bucket if self._links is None else self._links.base
        return config.model_copy(
            update={
                "salesforce": config.salesforce.model_copy(update={"login_url": salesforce.value_as_string}),
                "records": config.records.model_copy(update={"upload_endpoint": aws.value_as_string}),
                "destination": config.destination.model_copy(update={"link_base": link_base}),
            }
        )

    def _finish_what_stopped(self, context: str, machines: list[str], finish_run: lambda_.IFunction) -> None:
        """An execution that died or was stopped could not finish its run itself: its lock, totals and report are still open."""
        rule = events.Rule(
            self,
            "StoppedRuns" if context == "files" else f"Stopped{context.capitalize()}",
            rule_name=f"waybill-{self._stage.name}-stopped-{'runs' if context == 'files' else context}",
            description=f"Finishes the run of an execution of {context} that failed, timed out or was aborted",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"status": ["FAILED", "TIMED_OUT", "ABORTED"], "stateMachineArn": machines},
            ),
        )
        rule.add_target(targets.LambdaFunction(finish_run))

    def _tell_live(self, tell: lambda_.IFunction) -> None:
        """Every run that moves or ends is looked at, and what is new of it told to those who listen."""
        rule = events.Rule(
            self,
            "MovedRuns",
            rule_name=f"waybill-{self._stage.name}-moved-runs",
            description="Tells what happens to those who listen",
            event_pattern=events.EventPattern(source=[f"waybill.{self._stage.name}"], detail_type=["Run Moved", "Run Ended"]),
        )
        rule.add_target(targets.LambdaFunction(tell))
