"""Calls: what is tried again and what is not, how long it waits, whose clock counts."""

from collections.abc import Callable

import pytest

from tests.fakes.sender import FakeSender
from waybill.aws.caller import Caller, ClockSkewed, Patience
from waybill.aws.credentials import NoCredentials, Renewed, fixed, own
from waybill.aws.places import elsewhere, region_of, regional
from waybill.aws.signing import Keys, Signer
from waybill.aws.transport import NoReply, Origin
from waybill.aws.wire import Reply
from waybill.errors import ConfigurationError, ServiceUnavailable

HERE = Origin("https", "s3.us-east-1.amazonaws.com")
NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
FINE, BUSY, BAD, LATE = (Reply(status, {"date": "Fri, 15 Jan 2027 10:00:00 GMT"}, b"") for status in (200, 503, 400, 403))


def judge(reply: Reply) -> Exception | None:
    return {200: None, 503: ServiceUnavailable("busy"), 400: ValueError("bad"), 403: ClockSkewed("late")}[reply.status]


ME = fixed(Keys("AKIA", "secret"))


def caller(sender: FakeSender, *, pauses: list[float] | None = None, keys: Callable[[], Keys] = ME) -> Caller:
    waited = [] if pauses is None else pauses
    return Caller(
        signer=Signer(service="s3", region="us-east-1"),
        credentials=keys,
        sender=sender,
        patience=Patience(4, sleep=waited.append, chance=lambda: 0.5),
        clock=lambda: NOW,
        hashes_header=True,
    )


def call(sender: FakeSender, **more: object) -> Reply:
    return caller(sender, **more).call(HERE, "GET", "/k", judge=judge)  # type: ignore[arg-type]


@pytest.mark.parametrize("trouble", [BUSY, NoReply("silence")], ids=["503", "no reply"])
def test_what_may_pass_is_tried_again_after_a_pause_that_doubles(trouble: Reply | NoReply) -> None:
    pauses: list[float] = []
    sender = FakeSender([trouble, trouble, trouble, FINE])
    assert call(sender, pauses=pauses) is FINE
    assert pauses == [0.05, 0.1, 0.2]
    assert len(sender.sent) == 4


@pytest.mark.parametrize("trouble", [BUSY, NoReply("silence")], ids=["503", "no reply"])
def test_after_the_last_attempt_the_service_is_unavailable(trouble: Reply | NoReply) -> None:
    pauses: list[float] = []
    with pytest.raises(ServiceUnavailable):
        call(FakeSender([trouble]), pauses=pauses)
    assert len(pauses) == 3


def test_no_pause_is_longer_than_five_seconds() -> None:
    pauses: list[float] = []
    Patience(99, sleep=pauses.append, chance=lambda: 1.0).pause(40)
    assert pauses == [5.0]


def test_what_will_not_pass_is_raised_at_once() -> None:
    sender = FakeSender([BAD])
    with pytest.raises(ValueError, match="bad"):
        call(sender)
    assert len(sender.sent) == 1


def test_each_attempt_is_counted() -> None:
    counted: list[None] = []
    sender = FakeSender([BUSY, FINE])
    caller(sender).call(HERE, "GET", "/k", judge=judge, each=lambda: counted.append(None))
    assert len(counted) == 2


def test_a_clock_that_is_wrong_is_set_by_the_replys_date_and_stays_set() -> None:
    pauses: list[float] = []
    sender = FakeSender([LATE, FINE])
    made = caller(sender, pauses=pauses)
    assert made.call(HERE, "GET", "/k", judge=judge) is FINE
    made.call(HERE, "GET", "/k", judge=judge)
    assert [sent.headers["x-amz-date"] for sent in sender.sent] == ["20270115T080000Z", "20270115T100000Z", "20270115T100000Z"]
    assert pauses == []


@pytest.mark.parametrize("date", ["Fri, 15 Jan 2027 08:00:05 GMT", "yesterday", ""])
def test_a_clock_that_is_right_is_left_alone(date: str) -> None:
    sender = FakeSender([Reply(403, {"date": date}, b"")])
    with pytest.raises(ClockSkewed):
        call(sender)
    assert {sent.headers["x-amz-date"] for sent in sender.sent} == {"20270115T080000Z"}
    assert len(sender.sent) == 4


def test_an_attempt_is_signed_with_the_keys_of_its_moment() -> None:
    given = iter([Keys("FIRST", "a"), Keys("SECOND", "b", "token")])
    sender = FakeSender([BUSY, FINE])
    call(sender, keys=lambda: next(given))
    first, second = (sent.headers for sent in sender.sent)
    assert "Credential=FIRST/" in first["authorization"]
    assert "x-amz-security-token" not in first
    assert "Credential=SECOND/" in second["authorization"]
    assert second["x-amz-security-token"] == "token"
    assert "x-amz-security-token" in second["authorization"]


def test_the_environments_credentials_are_taken_without_botocore() -> None:
    given = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
    assert own(given)() == Keys("AKIA", "secret", "token")
    assert own(given | {"AWS_SESSION_TOKEN": ""})() == Keys("AKIA", "secret")
    assert isinstance(own({"AWS_ACCESS_KEY_ID": "AKIA"}), Renewed)


class Provider:
    """As botocore's."""

    def __init__(self) -> None:
        self.asked = 0
        self.access_key, self.secret_key, self.token = "AKIA0", "secret", None

    def get_frozen_credentials(self) -> "Provider":
        self.access_key = f"AKIA{self.asked}"
        self.asked += 1
        return self


def test_credentials_that_are_renewed_are_asked_for_every_minute() -> None:
    provider, now = Provider(), [0.0]
    found: list[Provider] = []
    renewed = Renewed(lambda: (found.append(provider), provider)[1], clock=lambda: now[0])
    assert [renewed().access_key_id, renewed().access_key_id] == ["AKIA0", "AKIA0"]
    now[0] = 61
    assert renewed().access_key_id == "AKIA1"
    assert len(found) == 1


def test_nobody_is_no_credentials() -> None:
    with pytest.raises(NoCredentials):
        Renewed(lambda: None)()


def test_a_service_is_where_the_environment_says() -> None:
    assert elsewhere("s3", {}) is None
    assert elsewhere("s3", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}) == Origin("http", "127.0.0.1:1")
    both = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2"}
    assert elsewhere("s3", both) == Origin("http", "127.0.0.1:2")
    assert elsewhere("dynamodb", both) == Origin("http", "127.0.0.1:1")
    assert regional("s3", "eu-central-1") == Origin("https", "s3.eu-central-1.amazonaws.com")
    assert regional("dynamodb", "cn-north-1") == Origin("https", "dynamodb.cn-north-1.amazonaws.com.cn")


def test_the_region_is_never_guessed() -> None:
    assert region_of({"AWS_REGION": "eu-west-1"}) == "eu-west-1"
    assert region_of({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}) == "eu-west-2"
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        region_of({})
