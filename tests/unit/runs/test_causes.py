"""What a state failed with, as people read it."""

import json

import pytest

from waybill.runs.causes import in_words


def lambda_cause(message: str) -> str:
    return json.dumps({"errorMessage": message, "errorType": "ClientError", "stackTrace": ["File ..."]})


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("", ""),
        ("The execution timed out.", "The execution timed out."),
        ('"a string"', '"a string"'),
        ('{"other": 1}', '{"other": 1}'),
        ('{"errorMessage": 7}', '{"errorMessage": 7}'),
        ("[" * 100_000, "[" * 100_000),
        (lambda_cause("ExpiredToken: log in again"), "ExpiredToken: log in again"),
        (json.dumps({"Cause": lambda_cause("Query: slow down"), "Error": "X"}), "Query: slow down"),
    ],
    ids=("none", "plain", "string", "other", "number", "deep", "lambda", "delta"),
)
def test_a_cause_is_told_by_the_message_inside(cause: str, words: str) -> None:
    assert in_words(cause) == words


def test_what_is_wrapped_without_end_is_opened_only_so_far() -> None:
    cause = "x"
    for _ in range(9):
        cause = lambda_cause(cause)
    assert in_words(cause).startswith("{")
