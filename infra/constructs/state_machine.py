"""A state machine from its ASL file: placeholders filled by rule, rights for what the definition calls."""

import re
from collections.abc import Mapping

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.constructs.log_group import log_group
from infra.grant import Grant
from infra.grants import KEY_USE, RUN_KEYS, Resources, executions_arn, machine_arn
from infra.nag import EXECUTIONS, NO_RESOURCES, OBJECTS, acknowledge_wildcards

PLACEHOLDER = re.compile(r"\$\{([A-Za-z][A-Za-z0-9]*)\}")
START_SYNC = "arn:aws:states:::states:startExecution.sync"
PUT_ITEM = "arn:aws:states:::aws-sdk:dynamodb:putItem"
# The rule by which Step Functions learns that an execution it waits for has ended; AWS makes and names it.
SYNC_RULE = "StepFunctionsGetEventsForStepFunctionsExecutionRule"


class UnknownPlaceholder(Exception):
    """A definition has a `${Placeholder}` that infra has no value for."""


class RunMachine(Construct):
    """The state machine of one kind of run."""

    def __init__(
        self,
        scope: Construct,
        kind: str,
        *,
        definition: str,
        functions: Mapping[str, lambda_.IFunction],
        resources: Resources,
    ) -> None:
        super().__init__(scope, f"{kind.capitalize()}Machine")
        stack, stage = Stack.of(self), resources.stage
        placeholders = sorted(set(PLACEHOLDER.findall(definition)))
        values = _values(stack, functions, resources)
        if unknown := [name for name in placeholders if name not in values]:
            raise UnknownPlaceholder(f"{kind}.asl.json has placeholders that infra does not know: {', '.join(unknown)}")
        name = resources.machine_names[kind]
        self._role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        acknowledge_wildcards(self._role, ["*"], reason=NO_RESOURCES)
        self.machine = sfn.StateMachine(
            self,
            "Resource",
            state_machine_name=name,
            role=self._role,
            comment=f"Waybill {stage.name}: {kind}",
            definition_body=sfn.DefinitionBody.from_string(definition),
            definition_substitutions={placeholder: values[placeholder] for placeholder in placeholders},
            tracing_enabled=True,
            logs=sfn.LogOptions(
                # Names under /aws/vendedlogs/ do not eat up the account's one log resource policy.
                destination=log_group(self, "Logs", stage=stage, key=resources.key, name=f"/aws/vendedlogs/states/{name}"),
                level=sfn.LogLevel.ALL,
                # Inputs hold names of accounts: they stay out of the log.
                include_execution_data=False,
            ),
        )
        invoked = [functions[p.removesuffix("FunctionArn")].function_arn for p in placeholders if p.endswith("FunctionArn")]
        self._allow(["lambda:InvokeFunction"], invoked)
        if '"DISTRIBUTED"' in definition:
            self._allow_distributed_map(stack, name, resources)
        if PUT_ITEM in definition:
            self._allow_notes(resources)
        if START_SYNC in definition:
            self._allow_backup(stack, resources.machine_names["backup"])

    def _allow(self, actions: list[str], arns: list[str], wildcard: str | None = None) -> None:
        Grant(actions, arns, wildcard).give(self._role)

    def _allow_distributed_map(self, stack: Stack, name: str, resources: Resources) -> None:
        """Its children are executions of the machine itself; items come from, and results go to, the work bucket."""
        self._allow(["states:StartExecution"], [machine_arn(stack, name)])
        children = machine_arn(stack, f"{name}/*").replace(":stateMachine:", ":execution:")
        self._allow(
            ["states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"],
            [executions_arn(stack, name), children],
            EXECUTIONS,
        )
        self._allow(
            ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            [f"{resources.work_arn}/runs/*"],
            OBJECTS,
        )
        self._allow(list(KEY_USE), [resources.key.key_arn])

    def _allow_notes(self, resources: Resources) -> None:
        """A machine notes in the run's own items what failed beyond its tasks' power to note, and the token that it waits on; no other."""
        Grant(["dynamodb:PutItem"], [resources.table_arn], keys=RUN_KEYS).give(self._role)
        self._allow(list(KEY_USE), [resources.key.key_arn])

    def _allow_backup(self, stack: Stack, backup: str) -> None:
        """What `states:startExecution.sync:2` needs: start it, follow it, stop it, and be told when it ends."""
        self._allow(["states:StartExecution"], [machine_arn(stack, backup)])
        self._allow(["states:DescribeExecution", "states:StopExecution"], [executions_arn(stack, backup)], EXECUTIONS)
        rule = stack.format_arn(service="events", resource="rule", resource_name=SYNC_RULE)
        self._allow(["events:PutTargets", "events:PutRule", "events:DescribeRule"], [rule])


def _values(stack: Stack, functions: Mapping[str, lambda_.IFunction], resources: Resources) -> dict[str, str]:
    """The value of every placeholder that a definition may use."""
    concurrency = resources.stage.concurrency
    return {
        **{f"{function_id}FunctionArn": function.function_arn for function_id, function in functions.items()},
        "TableName": resources.table_name,
        "WorkBucketName": resources.work_bucket.bucket_name,
        "BackupStateMachineArn": machine_arn(stack, resources.machine_names["backup"]),
        "ListConcurrency": str(concurrency.list),
        "CopyConcurrency": str(concurrency.copy_),
        "SwitchConcurrency": str(concurrency.switch),
        "ApprovalSeconds": str(resources.stage.config.approval_hours * 3600),
    }
