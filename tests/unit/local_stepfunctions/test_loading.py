"""A definition that AWS would refuse, or that uses what the runner lacks, is refused by name when it is loaded."""

import json
from typing import Any

import pytest

from local.stepfunctions import DefinitionError
from local.stepfunctions.loader import load

END: dict[str, Any] = {"Type": "Pass", "End": True}
TASK: dict[str, Any] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"FunctionName": "f"},
    "End": True,
}
MAP: dict[str, Any] = {"Type": "Map", "ItemProcessor": {"StartAt": "In", "States": {"In": END}}, "End": True}
PROCESSOR = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "In", "States": {"In": END}}
FAR: dict[str, Any] = {"Type": "Map", "ItemProcessor": PROCESSOR, "End": True}
READER = {
    "Resource": "arn:aws:states:::s3:getObject",
    "ReaderConfig": {"InputType": "JSONL"},
    "Arguments": {"Bucket": "b", "Key": "k"},
}


def machine(states: dict[str, Any], **fields: Any) -> str:
    return json.dumps({"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **fields})


def refusal(states: dict[str, Any], **fields: Any) -> str:
    with pytest.raises(DefinitionError) as refused:
        load(machine(states, **fields))
    return str(refused.value)


def test_a_definition_with_every_field_loads() -> None:
    everything = {
        **FAR,
        "ItemReader": READER,
        "ItemSelector": {"a": "{% $states.context.Map.Item.Value %}"},
        "ItemBatcher": {"MaxItemsPerBatch": 5, "MaxInputBytesPerBatch": 1000, "BatchInput": {"run": "{% $states.input.run %}"}},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Arguments": {"Bucket": "b", "Prefix": "p"}},
        "MaxConcurrency": "{% $states.input.n %}",
        "ToleratedFailurePercentage": 12.5,
        "ToleratedFailureCount": 3,
        "Label": "Copy",
        "Comment": "all of it",
        "QueryLanguage": "JSONata",
        "Assign": {"x": "{% $states.result %}"},
        "Retry": [
            {"ErrorEquals": ["A"], "IntervalSeconds": 1, "BackoffRate": 1.5, "MaxDelaySeconds": 9, "JitterStrategy": "FULL"}
        ],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Last", "Output": "{% $states.errorOutput %}"}],
        "Next": "Last",
    }
    everything.pop("End")
    definition = load(machine({"Map": everything, "Last": END}, TimeoutSeconds=60, Version="1.0", Comment="c"))
    assert definition.timeout == 60
    assert list(definition.program.states) == ["Map", "Last"]


@pytest.mark.parametrize(
    ("states", "named"),
    [
        ({"A": {**END, "Colour": "red"}}, "State 'A': the field 'Colour' is unknown here"),
        ({"A": {**END, "ResultPath": "$"}}, "State 'A': the field 'ResultPath' belongs to JSONPath"),
        ({"A": {**TASK, "Parameters": {}}}, "State 'A': the field 'Parameters' belongs to JSONPath"),
        ({"A": {**END, "QueryLanguage": "JSONPath"}}, "QueryLanguage 'JSONPath' is not supported"),
        ({"A": {**END, "Type": "Dream"}}, "the state type 'Dream' is unknown"),
        (
            {"A": {**TASK, "Resource": "arn:aws:states:::glue:startJobRun"}},
            "'arn:aws:states:::glue:startJobRun' is not supported",
        ),
        (
            {"A": {**TASK, "Resource": "arn:aws:states:::aws-sdk:s3:dance"}},
            "'arn:aws:states:::aws-sdk:s3:dance' is not supported",
        ),
        ({"A": {**TASK, "Resource": "arn:aws:lambda:us-east-1:1:function:f"}}, "is not supported"),
        ({"A": {**TASK, "Resource": "arn:aws:states:::states:startExecution.sync"}}, "startExecution.sync' is not supported"),
        (
            {"A": {**TASK, "Arguments": {"FunctionName": "f", "Payload": {"x": "{% 1 + %}"}}}},
            "field 'Arguments/Payload/x': the JSONata expression '1 +' does not parse",
        ),
        ({"A": {**TASK, "Arguments": {"FunctionName": "{% 1 "}}}, "begins with '{%' and ends with '%}'"),
        ({"A": {**TASK, "Arguments": "{% $states.result %}"}}, "'$states.result' is not available here"),
        ({"A": {**END, "Output": "{% $states.errorOutput %}"}}, "'$states.errorOutput' is available in a Catch only"),
        ({"A": {**END, "Output": "{% $states.inptu %}"}}, "'$states.inptu' does not exist"),
        ({"A": {**END, "Output": "{% $eval('1') %}"}}, "'$eval' is not available"),
        ({"A": {**END, "Output": "{% $$.a %}"}}, "'$$' is not available"),
        ({"A": {**END, "Output": "{% name %}"}}, "the unqualified name 'name'"),
        ({"A": {**END, "Assign": {"states": 1}}}, "'states' is no name for a variable"),
        ({"A": {**END, "Assign": {"a-b": 1}}}, "'a-b' is no name for a variable"),
        ({"A": {"Type": "Pass"}}, "needs either 'Next' or 'End'"),
        ({"A": {**END, "Next": "A"}}, "needs either 'Next' or 'End'"),
        ({"A": {"Type": "Pass", "Next": "B"}}, "State 'A': the next state 'B' does not exist"),
        ({"A": END, "B": END}, "the state 'B' cannot be reached"),
        ({"A": {**END, "Retry": []}}, "State 'A': the field 'Retry' is unknown here"),
        ({"A": {"Type": "Wait", "End": True}}, "needs either 'Seconds' or 'Timestamp'"),
        ({"A": {"Type": "Succeed", "Assign": {"a": 1}}}, "the field 'Assign' is unknown here"),
        ({"A": {"Type": "Fail", "Next": "A"}}, "the field 'Next' is unknown here"),
        ({"A": {"Type": "Choice", "Choices": [{"Variable": "$.a", "Next": "A"}]}}, "needs 'Condition'"),
        ({"A": {"Type": "Choice", "Choices": [{"Condition": "yes", "Next": "A"}]}}, "'Condition' must be a JSONata expression"),
        ({"A": {**TASK, "TimeoutSeconds": 0}}, "'TimeoutSeconds' must be a whole number from 1"),
        ({"A": {**TASK, "Retry": [{"ErrorEquals": ["States.ALL", "B"]}]}}, "'States.ALL' must stand alone"),
        ({"A": {**TASK, "Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["B"]}]}}, "'States.ALL' must stand alone"),
        ({"A": {**TASK, "Retry": [{"ErrorEquals": ["B"], "BackoffRate": 0.5}]}}, "'BackoffRate' must be a number from 1"),
        ({"A": {**TASK, "Retry": [{"ErrorEquals": ["B"], "MaxDelaySeconds": 1}]}}, "'MaxDelaySeconds' must be greater"),
        ({"A": {**TASK, "Retry": [{"ErrorEquals": ["B"], "JitterStrategy": "HALF"}]}}, "JitterStrategy 'HALF'"),
        ({"A": {**TASK, "Retry": [{"ErrorEquals": ["B"], "Next": "A"}]}}, "retrier 0: the field 'Next' is unknown"),
        ({"A": {**TASK, "Catch": [{"ErrorEquals": ["B"], "Next": "Gone"}]}}, "the next state 'Gone' does not exist"),
        ({"A": {**MAP, "ResultWriter": {}}}, "the field 'ResultWriter' needs a distributed Map"),
        ({"A": {**MAP, "ItemsPath": "$"}}, "the field 'ItemsPath' belongs to JSONPath"),
        ({"In": MAP}, "the state name 'In' is too long or used twice"),
        ({"A": {**FAR, "ItemReader": {**READER, "ReaderConfig": {"InputType": "CSV"}}}}, "InputType 'CSV' is not supported"),
        ({"A": {**FAR, "ItemReader": READER, "Items": []}}, "'Items' and 'ItemReader' exclude each other"),
        ({"A": {**FAR, "ItemReader": {**READER, "Arguments": {"Bucket": "b"}}}}, "needs the argument 'Key'"),
        ({"A": {**FAR, "ItemBatcher": {}}}, "needs 'MaxItemsPerBatch' or 'MaxInputBytesPerBatch'"),
        ({"A": {**FAR, "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "WriterConfig": {}}}}, "needs 'Arguments'"),
        (
            {
                "A": {
                    **FAR,
                    "ItemProcessor": {**PROCESSOR, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}},
                }
            },
            "'EXPRESS'",
        ),
        ({"A": {**FAR, "TimeoutSeconds": 5}}, "the field 'TimeoutSeconds' is unknown here"),
        ({"A": {**TASK, "Arguments": {"FunctionName": "f", "Pay": 1}}}, "the argument 'Pay' is not supported by"),
        ({"A": {**TASK, "Arguments": {"Payload": 1}}}, "needs the argument 'FunctionName'"),
        (
            {"A": {**TASK, "Resource": "arn:aws:states:::aws-sdk:sfn:stopExecution", "Arguments": {}}},
            "needs the argument 'ExecutionArn'",
        ),
        ({"A": {**TASK, "HeartbeatSeconds": 5, "TimeoutSeconds": 5}}, "'HeartbeatSeconds' must be smaller"),
        ({"A": {**TASK, "Retry": [{"ErrorEquals": ["B"], "QueryLanguage": "JSONata"}]}}, "the field 'QueryLanguage' is unknown"),
        ({"A": {**FAR, "ItemReader": {**READER, "Comment": "c"}}}, "the field 'Comment' is unknown"),
        ({"A": {**FAR, "Label": "a b"}}, "the Label 'a b'"),
    ],
)
def test_what_is_wrong_is_named(states: dict[str, Any], named: str) -> None:
    assert named in refusal(states)


def test_an_inner_scope_may_not_assign_an_outer_variable_unless_it_is_distributed() -> None:
    inner = {**END, "Assign": {"x": 1}}
    outer = {"A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "B"}}
    assert "the variable 'x' is assigned in an outer scope" in refusal(
        {**outer, "B": {**MAP, "ItemProcessor": {"StartAt": "In", "States": {"In": inner}}}}
    )
    assert load(machine({**outer, "B": {**FAR, "ItemProcessor": {**PROCESSOR, "States": {"In": inner}}}})).program.start_at == "A"


def test_the_machine_itself_must_be_jsonata_and_of_version_1() -> None:
    assert "QueryLanguage must be 'JSONata'" in refusal({"A": END}, QueryLanguage="JSONPath")
    assert "Version '2.0' is not supported" in refusal({"A": END}, Version="2.0")
    assert "the field 'Owner' is unknown" in refusal({"A": END}, Owner="me")
    assert "StartAt names the state 'Z'" in refusal({"A": END}, StartAt="Z")
    with pytest.raises(DefinitionError, match="is no JSON"):
        load("{")
