"""What opens the gateway's links. A stack of its own: its address stands in a million records, and may not go with the functions."""

from aws_cdk import CfnOutput, CfnParameter, Environment, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.catalogue import OPEN_LINK
from infra.constructs.code import dependency_layer, functions_code
from infra.constructs.distribution import LinkDistribution
from infra.constructs.task_function import TaskFunction
from infra.stacks.stateful import StatefulStack
from infra.stage import Stage
from waybill.settings import Configuration


class LinksStack(Stack):
    """The function and what stands in front of it. `base`: what links begin with."""

    def __init__(self, scope: Construct, *, stage: Stage, stateful: StatefulStack, bundle: bool) -> None:
        super().__init__(
            scope,
            f"waybill-{stage.name}-links",
            env=Environment(region=stage.config.destination.region),
            description=f"Waybill {stage.name}: the gateway that opens links to files",
            termination_protection=stage.retain,
        )
        self._stage = stage
        assert stateful.link_key is not None, "a stage with a gateway has its key"
        resources = stateful.resources()
        layers: list[lambda_.ILayerVersion] = [dependency_layer(self)] if bundle else []
        function = TaskFunction(
            self,
            OPEN_LINK,
            code=functions_code(),
            layers=layers,
            resources=resources,
            variables={
                "WAYBILL_STAGE": stage.name,
                "WAYBILL_TABLE": resources.table_name,
                "WAYBILL_WORK_BUCKET": resources.work_bucket.bucket_name,
                "WAYBILL_CONFIG": self.to_json_string(self._configuration().model_dump(mode="json")),
                "WAYBILL_DESTINATION_BUCKET": resources.destination_bucket.bucket_name,
                "WAYBILL_LINK_KEY": stateful.link_key.key_arn,
            },
        ).function
        self.base = LinkDistribution(self, stage=stage, function=function).base
        if stage.local:
            listens = CfnParameter(
                self,
                "LocalLinksUrl",
                default="http://127.0.0.1:8081",
                description="Where the local stack serves the distribution",
            )
            self.base = listens.value_as_string
        CfnOutput(self, "LinkBase", value=self.base)

    def _configuration(self) -> Configuration:
        """The stage's configuration; in the local stage with the endpoint that the local stack serves S3 at."""
        config = self._stage.config
        if not self._stage.local:
            return config
        aws = CfnParameter(
            self, "LocalAwsEndpoint", default="http://127.0.0.1:4566", description="Where the local stack serves AWS"
        )
        destination = config.destination.model_copy(update={"link_endpoint": aws.value_as_string})
        return config.model_copy(update={"destination": destination})
