"""Looks at sources: what S3 and the web say of many files, also where hosts are dead, slow or shaky."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import ConnectTimeoutError, ProtocolError, ReadTimeoutError, SSLError

from tests.fakes.object_store import FakeObjectStore
from waybill.files.discovery import Copy, Look, Record, Rules, Skip, decide, moved_here, resolve
from waybill.files.domain import Entry, FileState, HttpLocation, S3Location, SourceFacts, VerifiedBy
from waybill.files.ledger import FileItem
from waybill.files.sources import NO_TIME, TRIES, Sources
from waybill.files.switching import held_back
from waybill.files.urls import LinkBuilder
from waybill.files.web import PAUSE_SECONDS, TRIES_PER_HOST, Endpoint, Hosts, Unreachable, Web

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
RULES = Rules(LinkBuilder("https://files.example.com", "ours"), frozenset({"theirs"}), frozenset(), 1_000, every_source=True)
TIMED_OUT = ConnectTimeoutError("timed out")


@dataclass
class Internet:
    """Hosts that answer HEAD with a file of 4 bytes, but for those that have trouble; and what each was asked."""

    trouble: dict[str, Exception] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)  # to the DNS
    asked: list[str] = field(default_factory=list)
    on_request: Callable[[str], object] = lambda host: None
    seconds: float = 0.0

    def web(self) -> Web:
        return Web(self._resolve, self._connect, hosts=Hosts(lambda: self.seconds))

    def _resolve(self, host: str, port: int) -> list[str]:
        if host in self.unknown:
            self.asked.append(host)
            raise OSError("Name or service not known")
        return ["93.184.216.34"]

    def _connect(self, endpoint: Endpoint) -> urllib3.HTTPConnectionPool:
        return _Pool(self, endpoint.host)

    def answer(self, host: str, target: str) -> urllib3.HTTPResponse:
        self.asked.append(host)
        self.on_request(host)
        if host in self.trouble:
            raise self.trouble[host]
        if target in self.redirects:
            return urllib3.HTTPResponse(status=302, headers={"Location": self.redirects[target]})
        if target == "/missing":
            return urllib3.HTTPResponse(status=404)
        return urllib3.HTTPResponse(status=200, headers={"Content-Length": "4", "ETag": '"v1"'})


class _Pool(urllib3.HTTPConnectionPool):
    def __init__(self, internet: Internet, host: str) -> None:
        super().__init__(host)
        self._internet, self._name = internet, host

    def urlopen(self, method: str, url: str, *_: Any, **__: Any) -> urllib3.HTTPResponse:
        return self._internet.answer(self._name, url)


@pytest.fixture
def internet() -> Internet:
    return Internet()


def sources(
    internet: Internet, *, in_flight: int = 1, time_is_up: Callable[[], bool] = lambda: False, unseen: str | None = NO_TIME
) -> Sources:
    store = FakeObjectStore("theirs")
    return Sources(store=store, head_http=internet.web().facts, in_flight=in_flight, time_is_up=time_is_up, unseen=unseen)


def files_of(host: str, count: int) -> list[S3Location | HttpLocation]:
    return [HttpLocation(f"https://{host}/{n}.pdf") for n in range(count)]


def said(
    look: Sources, locations: list[S3Location | HttpLocation]
) -> Mapping[S3Location | HttpLocation, SourceFacts | str | None]:
    return dict(look(locations))


@pytest.mark.parametrize("in_flight", [1, 8])
def test_a_dead_host_is_asked_a_few_times_and_not_once_per_file(internet: Internet, in_flight: int) -> None:
    internet.trouble["dead.example"] = TIMED_OUT
    dead, well = files_of("dead.example", 500), files_of("well.example", 20)
    found = said(sources(internet, in_flight=in_flight), [*dead, *well])
    assert internet.asked.count("dead.example") < TRIES_PER_HOST + in_flight
    assert all(found[location] == SourceFacts(4, "v1") for location in well)
    given_up = r"dead\.example does not answer: \d+ tries failed; its files are tried again by the next run\."
    unlike = [found[location] for location in dead if not re.fullmatch(given_up, str(found[location]))]
    assert len(unlike) < TRIES_PER_HOST + in_flight
    assert set(unlike) <= {"dead.example cannot be reached: ConnectTimeoutError."}


@pytest.mark.parametrize("trouble", [TIMED_OUT, ReadTimeoutError(None, "", "silence"), SSLError("expired")])  # type: ignore[arg-type]
def test_a_host_that_does_not_answer_is_told_from_one_that_does(internet: Internet, trouble: Exception) -> None:
    internet.trouble["dead.example"] = trouble
    with pytest.raises(Unreachable):
        internet.web().facts("https://dead.example/a.pdf")
    assert internet.web().facts("https://well.example/missing") is None


def test_a_host_without_an_address_does_not_answer(internet: Internet) -> None:
    internet.unknown.add("nowhere.example")
    said(sources(internet), files_of("nowhere.example", 50))
    assert len(internet.asked) == TRIES_PER_HOST


def test_a_server_that_hangs_up_on_head_is_not_given_up(internet: Internet) -> None:
    internet.trouble["shy.example"] = ProtocolError("Connection aborted.")
    found = said(sources(internet), files_of("shy.example", 20))
    assert set(found.values()) == {None}
    assert len(internet.asked) == 20


def test_a_file_whose_host_failed_once_is_looked_at_again(internet: Internet) -> None:
    internet.trouble["shaky.example"] = TIMED_OUT
    internet.on_request = lambda host: internet.trouble.clear() if len(internet.asked) == TRIES else None
    (location,) = files_of("shaky.example", 1)
    assert said(sources(internet), [location])[location] == SourceFacts(4, "v1")


def test_failures_that_are_not_in_a_row_give_up_no_host(internet: Internet) -> None:
    def every_other_time(host: str) -> None:
        internet.trouble = {host: TIMED_OUT} if len(internet.asked) % 2 else {}

    internet.on_request = every_other_time
    found = said(sources(internet), files_of("shaky.example", 50))
    assert set(found.values()) == {SourceFacts(4, "v1")}


def test_a_host_stays_given_up_in_the_looks_that_follow_until_a_try_shows_that_it_is_back(internet: Internet) -> None:
    internet.trouble["dead.example"] = TIMED_OUT
    look = sources(internet)
    said(look, files_of("dead.example", 9))
    assert len(internet.asked) == TRIES_PER_HOST
    said(look, files_of("dead.example", 9))
    assert len(internet.asked) == TRIES_PER_HOST, "the next account's look waits for nothing"
    internet.seconds += PAUSE_SECONDS
    said(look, files_of("dead.example", 9))
    assert len(internet.asked) == TRIES_PER_HOST + 1
    internet.seconds += PAUSE_SECONDS
    internet.trouble.clear()
    assert set(said(look, files_of("dead.example", 9)).values()) == {SourceFacts(4, "v1")}


def test_a_dead_host_behind_redirects_takes_the_blame_itself(internet: Internet) -> None:
    internet.redirects = {f"/{n}.pdf": f"https://dead.example/{n}.pdf" for n in range(0, 40, 2)}
    internet.trouble["dead.example"] = TIMED_OUT
    locations = files_of("links.example", 40)
    found = said(sources(internet), locations)
    assert [found[location] == SourceFacts(4, "v1") for location in locations] == [n % 2 == 1 for n in range(40)]
    assert internet.asked.count("dead.example") == TRIES_PER_HOST


@pytest.mark.parametrize("unseen", [None, NO_TIME])
def test_a_look_that_runs_out_of_time_says_so_of_the_rest(internet: Internet, unseen: str | None) -> None:
    look = sources(internet, time_is_up=lambda: len(internet.asked) >= 3, unseen=unseen)
    found = list(said(look, files_of("slow.example", 50)).values())
    assert len(internet.asked) == 3
    assert found.count(SourceFacts(4, "v1")) == 3
    assert found.count(unseen) == 47


def test_no_second_try_is_begun_once_time_is_up(internet: Internet) -> None:
    internet.trouble["dead.example"] = TIMED_OUT
    (location,) = files_of("dead.example", 1)
    answer = said(sources(internet, time_is_up=lambda: bool(internet.asked)), [location])[location]
    assert len(internet.asked) == 1
    assert answer == "dead.example cannot be reached: ConnectTimeoutError."


# What follows from it


URL = "https://dead.example/a.pdf"
ENTRY = Entry("a0X000000000001AAA", "001000000000001AAA", "Acme", "a.pdf", URL, NOON, NOON)
DEAD = "dead.example does not answer."
VERIFIED = FileItem(
    ENTRY.account_id, ENTRY.id, FileState.VERIFIED, "a.pdf", URL, key="uploads/1/Acme/a.pdf", size=4, etag="v1",
    proof=VerifiedBy.CONTENT, run="backup-1", fence=1, version=1,
)  # fmt: skip


def looked_for(item: FileItem | None) -> Look:
    decision = decide(ENTRY, item, rules=RULES, since=None)
    assert isinstance(decision, Look)
    return decision


@pytest.mark.parametrize("item", [None, replace(VERIFIED, url="https://dead.example/before.pdf")])
def test_a_new_file_of_a_dead_host_fails_here_and_is_not_queued_for_copying(item: FileItem | None) -> None:
    decision = resolve(looked_for(item), DEAD, rules=RULES)
    assert isinstance(decision, Record)
    assert (decision.file.state, decision.file.error, decision.file.message) == (FileState.FAILED, "SOURCE_UNREACHABLE", DEAD)


def test_a_file_that_nobody_had_time_to_look_at_is_left_to_the_copier() -> None:
    assert isinstance(resolve(looked_for(None), None, rules=RULES), Copy)


@pytest.mark.parametrize("facts", [DEAD, None])
def test_a_verified_file_stays_verified_while_its_host_is_dead(facts: str | None) -> None:
    assert resolve(looked_for(VERIFIED), facts, rules=RULES) == Skip(verified=True)


def test_an_entry_of_a_dead_host_that_moved_here_keeps_its_verified_copy() -> None:
    listed = resolve(looked_for(None), DEAD, rules=RULES)
    assert isinstance(listed, Record)
    known = replace(VERIFIED, url="https://dead.example/before.pdf")
    assert moved_here(listed.file, VERIFIED, location=None, facts=None, rules=RULES) == Skip(verified=True)
    anew = moved_here(listed.file, known, location=None, facts=None, rules=RULES)
    assert isinstance(anew, Record)
    assert anew.file.error == "SOURCE_UNREACHABLE"


def test_a_link_is_not_switched_while_its_host_cannot_be_asked() -> None:
    assert held_back(VERIFIED, DEAD, web=True) == ("SOURCE_UNREACHABLE", DEAD)
    assert held_back(VERIFIED, NO_TIME, web=True) == ("SOURCE_UNREACHABLE", NO_TIME)
    assert held_back(VERIFIED, None, web=True) is None, "the host answers, and never told anything by HEAD"
