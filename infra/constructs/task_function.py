"""A Lambda function of the catalogue: its role, log group, environment and rights, and nothing else."""

from collections.abc import Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.catalogue import FunctionSpec
from infra.constructs.code import ARCHITECTURE, RUNTIME
from infra.constructs.log_group import log_group
from infra.grants import Resources, grants
from infra.nag import NO_RESOURCES, acknowledge_wildcards


class TaskFunction(Construct):
    """One function. `variables` are all that any function may need; it gets those that its environment class asks for."""

    def __init__(
        self,
        scope: Construct,
        spec: FunctionSpec,
        *,
        code: lambda_.Code,
        layers: list[lambda_.ILayerVersion],
        resources: Resources,
        variables: Mapping[str, str],
    ) -> None:
        super().__init__(scope, spec.id)
        stage = resources.stage
        name = f"waybill-{stage.name}-{spec.id}"
        logs = log_group(self, "Logs", stage=stage, key=resources.key, name=f"/aws/lambda/{name}")
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        logs.grant_write(role)
        for grant in grants(spec, resources, Stack.of(self)):
            grant.give(role)
        acknowledge_wildcards(role, ["*"], reason=NO_RESOURCES)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=f"Waybill {stage.name}: {spec.id}",
            handler=spec.handler,
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            code=code,
            layers=layers,
            role=role,
            timeout=Duration.seconds(spec.timeout),
            memory_size=spec.memory,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=logs,
            environment={
                **{variable: variables[variable] for variable in sorted(spec.environment.variables())},
                "POWERTOOLS_SERVICE_NAME": "waybill",
                "POWERTOOLS_LOG_LEVEL": "INFO",
                "POWERTOOLS_METRICS_NAMESPACE": "Waybill",
            },
        )
