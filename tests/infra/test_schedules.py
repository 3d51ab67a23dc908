"""What a stage's `workbook_syncs` become: schedules whose input is that of the state machine."""

import json

from aws_cdk import App, Stack
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template

from infra.constructs.schedule import workbook_sync
from infra.stage import WorkbookSync
from waybill.runs.model import RunKind
from waybill.runs.starting import read_options

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:sync"


def test_a_schedule_says_which_workbook_and_which_org() -> None:
    stack = Stack(App(), "schedules")
    machine = sfn.StateMachine.from_state_machine_arn(stack, "Machine", MACHINE)
    wanted = (
        WorkbookSync(workbook="Preise März", cron="cron(0 5 * * ? *)", objects=("Product2",)),
        WorkbookSync(workbook="uat prices", cron="cron(0 6 * * ? *)", org="uat"),
    )
    for each in wanted:
        workbook_sync(stack, wanted=each, machine=machine, stage_name="prod")
    found = Template.from_stack(stack).find_resources("AWS::Scheduler::Schedule").values()
    given = {
        each["Properties"]["ScheduleExpression"]: read_options(
            RunKind.SYNC, json.loads(json.loads(each["Properties"]["Target"]["Input"])["Input"])
        )
        for each in found
    }
    told = {cron: (each.org, each.sync.workbook, each.sync.objects) for cron, each in given.items() if each.sync is not None}
    assert told == {
        "cron(0 5 * * ? *)": (None, "Preise März", ("Product2",)),
        "cron(0 6 * * ? *)": ("uat", "uat prices", ()),
    }
