"""Requests are counted by the task that makes them, whichever of its threads sends them, and attempt by attempt."""

import threading
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.fakes.sender import FakeSender
from waybill.aws.caller import Patience
from waybill.aws.credentials import fixed
from waybill.aws.dynamodb_engine import DynamoDB
from waybill.aws.signing import Keys
from waybill.aws.transport import Origin
from waybill.aws.wire import Reply
from waybill.counting import count, counted, counting, of_service, so_far, summed
from waybill.parallel import in_parallel, thread, threads
from waybill.table import ConditionFailed, Table

KEYS = Keys("test", "test")


def test_who_is_not_counting_is_not_disturbed() -> None:
    count("s3 CopyObject")
    assert so_far() == {}


def test_every_thread_of_a_task_counts_for_it() -> None:
    with counting() as requests:
        in_parallel(lambda _: count("s3 CopyObject"), range(50), in_flight=5)
        with threads(3) as pool:
            list(pool.map(lambda _: count("s3 HeadObject"), range(20)))
        single = thread(lambda: count("s3 ListObjectsV2"), name="one")
        single.start()
        single.join()
    assert requests.counts == {"s3 CopyObject": 50, "s3 HeadObject": 20, "s3 ListObjectsV2": 1}


def test_tasks_at_the_same_time_do_not_mix() -> None:
    both, counts = threading.Barrier(2), {}

    def task(name: str, number: int) -> None:
        with counting() as requests:
            both.wait(10)
            in_parallel(lambda _: count("salesforce query"), range(number), in_flight=4)
            both.wait(10)
            counts[name] = requests.counts

    crew = [threading.Thread(target=task, args=given) for given in (("one", 30), ("other", 7))]
    for each in crew:
        each.start()
    for each in crew:
        each.join(10)
    assert counts == {"one": {"salesforce query": 30}, "other": {"salesforce query": 7}}


def engine(*answers: Any) -> DynamoDB:
    patience = Patience(4, sleep=lambda _: None)
    origin = Origin.of("http://127.0.0.1:1")
    return DynamoDB(
        region="us-east-1", credentials=fixed(KEYS), sender=FakeSender(list(answers)), patience=patience, origin=origin
    )


def test_each_attempt_of_our_own_transport_is_a_request() -> None:
    busy = Reply(400, {}, b'{"__type": "#ThrottlingException"}')
    done = Reply(200, {}, b'{"ConsumedCapacity": {"TableName": "t", "CapacityUnits": 2.0}}')
    with counting() as requests:
        Table(client=engine(busy, busy, done), name="t").put({"pk": "a", "sk": "b"})
    assert requests.counts == {"dynamodb PutItem": 3, "dynamodb write units": 2}


def test_a_write_that_was_refused_by_its_condition_takes_a_unit_as_well() -> None:
    refused = Reply(400, {}, b'{"__type": "#ConditionalCheckFailedException"}')
    with counting() as requests, pytest.raises(ConditionFailed):
        Table(client=engine(refused), name="t").put({"pk": "a", "sk": "b"}, condition="attribute_not_exists(pk)")
    assert requests.counts == {"dynamodb PutItem": 1, "dynamodb write units": 1}


def test_a_reply_that_tells_no_units_is_no_fault() -> None:
    with counting() as requests:
        assert Table(client=engine(Reply(200, {}, b"{}")), name="t").get("a", "b") is None
    assert requests.counts == {"dynamodb GetItem": 1, "dynamodb read units": 0}


def test_each_attempt_of_boto3_is_a_request() -> None:
    retries = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=1)
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=retries,
    )
    answers = iter([503, 503, 404])

    def reply(**_: Any) -> Any:
        from botocore.awsrequest import AWSResponse
        from botocore.compat import HTTPHeaders

        class Raw:
            def stream(self, **_: Any) -> Any:
                return iter([b""])

        return AWSResponse("http://test", next(answers), HTTPHeaders(), Raw())

    client.meta.events.register("before-send.s3", reply)
    with counting() as requests, pytest.raises(ClientError):
        counted(client).head_object(Bucket="a", Key="b")
    assert requests.counts == {"s3 HeadObject": 3}


def test_units_are_no_requests() -> None:
    total = summed([{"dynamodb PutItem": 2, "dynamodb write units": 4}, {"dynamodb Query": 1, "dynamodb read units": 0.5}])
    assert total == {"dynamodb PutItem": 2, "dynamodb write units": 4, "dynamodb Query": 1, "dynamodb read units": 0.5}
    assert of_service(total, "dynamodb") == 3
