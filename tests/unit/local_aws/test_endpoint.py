"""The endpoint: atomic under threads, the same state over HTTP, closed to strangers."""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from local.aws.dispatch import Headers, Reply
from local.aws.endpoint import CREDENTIALS, Dispatch, Endpoint

KEY_SCHEMA: Any = [{"AttributeName": "pk", "KeyType": "HASH"}]
ATTRIBUTES: Any = [{"AttributeName": "pk", "AttributeType": "S"}]


def public_policy(bucket: str) -> str:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def table(aws: Endpoint) -> Any:
    client = boto3.client("dynamodb")
    client.create_table(TableName="t", BillingMode="PAY_PER_REQUEST", KeySchema=KEY_SCHEMA, AttributeDefinitions=ATTRIBUTES)
    return client


def test_conditional_puts_from_eight_threads_have_one_winner_each(table: Any) -> None:
    def put(number: int) -> bool:
        item = {"pk": {"S": str(number % 25)}, "by": {"N": str(number)}}
        try:
            table.put_item(TableName="t", Item=item, ConditionExpression="attribute_not_exists(pk)")
        except table.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(put, range(200))) == 25


def test_no_addition_from_eight_threads_is_lost(table: Any) -> None:
    def add(_: int) -> None:
        table.update_item(
            TableName="t",
            Key={"pk": {"S": "counter"}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(200)))

    assert table.get_item(TableName="t", Key={"pk": {"S": "counter"}})["Item"]["n"] == {"N": "200"}


def test_conditional_copies_from_eight_threads_have_one_winner(s3: Any) -> None:
    s3.put_object(Bucket="source", Key="a", Body=b"a")

    def copy(_: int) -> bool:
        try:
            s3.copy_object(Bucket="target", Key="a", CopySource="source/a", IfNoneMatch="*")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(copy, range(40))) == 1


def test_a_client_over_http_sees_what_was_written_in_process_and_the_reverse(aws: Endpoint, s3: Any) -> None:
    over_http = boto3.client("s3", endpoint_url=aws.url)
    s3.put_object(Bucket="source", Key="from process", Body=b"1")
    over_http.put_object(Bucket="source", Key="from http", Body=b"2" * 100_000)

    assert over_http.get_object(Bucket="source", Key="from process")["Body"].read() == b"1"
    assert s3.get_object(Bucket="source", Key="from http")["Body"].read() == b"2" * 100_000


@pytest.mark.parametrize(
    "key", ["a b+c%20d/ü é (1).txt", "q?u#e&r=y;x.pdf", "株式会社/100%.txt", "a//b", "ends/", "%2F.txt", "+"]
)
def test_odd_keys_mean_the_same_over_http_and_in_process(aws: Endpoint, s3: Any, key: str) -> None:
    over_http = boto3.client("s3", endpoint_url=aws.url)
    over_http.put_object(Bucket="source", Key=key, Body=b"x")
    s3.copy_object(Bucket="target", Key=key, CopySource={"Bucket": "source", "Key": key}, IfNoneMatch="*")

    assert [found["Key"] for found in s3.list_objects_v2(Bucket="source")["Contents"]] == [key]
    assert over_http.head_object(Bucket="target", Key=key)["ContentLength"] == 1


def test_strangers_may_read_only_where_the_bucket_policy_lets_them(aws: Endpoint, s3: Any) -> None:
    s3.put_object(Bucket="source", Key="a.txt", Body=b"secret")
    s3.put_object(Bucket="target", Key="b c.txt", Body=b"for all")
    s3.put_bucket_policy(Bucket="target", Policy=public_policy("target"))

    assert requests.get(f"{aws.url}/target/b%20c.txt", timeout=5).content == b"for all"
    assert requests.head(f"{aws.url}/target/b%20c.txt", timeout=5).headers["content-length"] == "7"
    for method, path in (
        ("GET", "source/a.txt"),
        ("HEAD", "source/a.txt"),
        ("GET", "target"),
        ("PUT", "target/new"),
        ("DELETE", "target/b"),
    ):
        assert requests.request(method, f"{aws.url}/{path}", timeout=5).status_code == 403


def test_a_presigned_url_opens(aws: Endpoint, s3: Any) -> None:
    s3.put_object(Bucket="source", Key="a.txt", Body=b"here")
    url = boto3.client("s3", endpoint_url=aws.url).generate_presigned_url(
        "get_object", Params={"Bucket": "source", "Key": "a.txt"}
    )

    assert requests.get(url, timeout=5).content == b"here"


def test_a_host_name_that_is_not_this_machine_is_refused(aws: Endpoint, s3: Any) -> None:
    s3.put_bucket_policy(Bucket="target", Policy=public_policy("target"))
    s3.put_object(Bucket="target", Key="a", Body=b"a")

    assert requests.get(f"{aws.url}/target/a", headers={"Host": "evil.example.com"}, timeout=5).status_code == 403


def test_a_request_to_a_service_that_moto_lacks_says_so(aws: Endpoint) -> None:
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=X/20260101/us-east-1/nosuchservice/aws4_request"}

    reply = requests.post(aws.url, headers=signed, timeout=5)

    assert (reply.status_code, "nosuchservice" in reply.text) == (501, True)


def test_requests_are_not_intercepted_for_other_libraries(aws: Endpoint) -> None:
    """moto's own mock replaces requests' adapter, which would hide the simulator."""
    assert requests.get(f"{aws.url}/nothing/here", timeout=5).status_code == 403


def test_stopping_gives_the_environment_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://elsewhere.example.com")
    endpoint = Endpoint()
    endpoint.start()
    during = dict(os.environ)
    endpoint.stop()

    assert during["AWS_ACCESS_KEY_ID"] == CREDENTIALS["AWS_ACCESS_KEY_ID"]
    assert "AWS_ENDPOINT_URL" not in during
    assert (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_ENDPOINT_URL"]) == ("mine", "https://elsewhere.example.com")


def test_a_second_endpoint_in_the_process_is_refused(aws: Endpoint) -> None:
    with pytest.raises(RuntimeError, match="already running"):
        Endpoint().start()


@pytest.mark.skipif(shutil.which("aws") is None, reason="the AWS CLI is not installed")
def test_the_aws_cli_works_against_it(aws: Endpoint, s3: Any) -> None:
    s3.put_object(Bucket="source", Key="a.txt", Body=b"12345")

    def cli(*words: str) -> str:
        done = subprocess.run(["aws", "--endpoint-url", aws.url, *words], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "a.txt" in cli("s3", "ls", "s3://source")
    assert json.loads(cli("stepfunctions", "list-state-machines")) == {"stateMachines": []}
    assert json.loads(cli("dynamodb", "list-tables")) == {"TableNames": []}


def test_what_stands_between_sees_each_call_over_http_and_may_break_it_off(aws: Endpoint) -> None:
    seen: list[tuple[str, str]] = []

    def between(answer: Dispatch) -> Dispatch:
        def dispatch(method: str, url: str, headers: Headers, body: bytes) -> Reply | None:
            seen.append((method, url))
            if url.endswith("/refused"):
                return 503, {}, b"busy"
            return answer(method, url, headers, body)

        return dispatch

    aws.between(between)
    boto3.client("s3").create_bucket(Bucket="in-process")
    over_http = boto3.client("s3", endpoint_url=aws.url)
    over_http.create_bucket(Bucket="over-http")
    assert requests.get(f"{aws.url}/refused", headers={"Authorization": "AWS"}, timeout=10).status_code == 503
    assert seen == [
        ("PUT", "https://s3.us-east-1.amazonaws.com/over-http"),
        ("GET", "https://s3.us-east-1.amazonaws.com/refused"),
    ]
