"""Bodies that break off on their way from the work bucket."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from waybill.errors import ServiceUnavailable
from waybill.runs.work import WorkBucket

ROWS = b"".join(b'{"n": %d}\n' % number for number in range(500))


class Breaking:
    """S3 with one object, of whose body the first `times` readers get a part only."""

    def __init__(self, content: bytes, *, times: int, after: int) -> None:
        self.content, self.times, self.after = content, times, after
        self.pinned: list[str | None] = []

    def get_object(self, *, Bucket: str, Key: str, IfMatch: str | None = None) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if Key == "none":
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        self.pinned.append(IfMatch)
        whole = len(self.pinned) > self.times
        data = self.content if whole else self.content[: self.after]
        return {"Body": StreamingBody(io.BytesIO(data), len(self.content)), "ETag": '"one"'}


def bucket(times: int, after: int = 2_000) -> tuple[WorkBucket, Breaking]:
    s3 = Breaking(ROWS, times=times, after=after)
    client: Any = s3
    return WorkBucket(client=client, bucket="work"), s3


@pytest.mark.parametrize("after", [0, 1, 9, 1_024, 2_000, len(ROWS) - 1])
def test_an_object_whose_body_breaks_off_is_read_again_to_its_end(after: int) -> None:
    assert bucket(2, after)[0].get("key") == ROWS
    work, s3 = bucket(2, after)
    assert [row["n"] for row in work.rows("key")] == list(range(500)), "no row twice, none left out"
    assert s3.pinned == [None, '"one"', '"one"'], "it goes on with the same object"
    assert "".join(bucket(2, after)[0].lines("key")) == ROWS.decode()


def read_stream(work: WorkBucket) -> None:
    with work.stream("key") as body:
        assert body is not None
        body.read()


@pytest.mark.parametrize(
    "read", [lambda work: work.get("key"), lambda work: list(work.rows("key")), lambda work: list(work.lines("key")), read_stream]
)
def test_one_that_always_breaks_off_is_worth_another_try_of_the_task(read: Callable[[WorkBucket], object]) -> None:
    with pytest.raises(ServiceUnavailable, match="the body of key broke off"):
        read(bucket(99)[0])


def test_where_there_is_no_object_there_is_nothing_to_read() -> None:
    work, _ = bucket(0)
    assert work.get("none") is None
    assert list(work.rows("none")) == []
    assert list(work.lines("none")) == []
    with work.stream("none") as body:
        assert body is None
