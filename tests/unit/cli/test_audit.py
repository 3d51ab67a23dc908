"""The audit as the command shows and checks it."""

from dataclasses import asdict, replace

from cli.audit import told
from tests.unit.cli.conftest import FakeApi, Run
from tests.unit.test_audit import chain


def serve(api: FakeApi, *actors: str, changed: int | None = None) -> str:
    records, head = chain(*actors)
    if changed is not None:
        records[changed] = replace(records[changed], actor="somebody else")
    api.on("GET", "/audit/head", asdict(head))
    api.on("GET", "/audit", {"items": [asdict(record) for record in records], "next": None})
    return head.hash


def test_a_chain_that_holds_is_shown_with_its_hash(run: Run, api: FakeApi) -> None:
    last = serve(api, "ana", "beth")
    done = run("audit", "verify")
    assert (done.code, last in done.out, "2 records, unbroken" in done.out) == (0, True, True)
    assert run("audit", "verify", "--noted", last, "--json").json == {"records": 2, "head": last, "intact": True, "broken": None}


def test_a_chain_that_is_broken_ends_with_3_and_says_where(run: Run, api: FakeApi) -> None:
    serve(api, "ana", "beth", "carl", changed=1)
    done = run("audit", "verify")
    assert (done.code, "record 2 is not as it was written" in done.out) == (3, True)


def test_a_hash_that_is_no_longer_there_is_missed(run: Run, api: FakeApi) -> None:
    serve(api, "ana")
    assert run("audit", "verify", "--noted", "f" * 64).code == 3


def test_records_written_while_one_looks_are_not_taken_for_a_break(run: Run, api: FakeApi) -> None:
    records, _ = chain("ana", "beth")
    _, head = chain("ana")
    api.on("GET", "/audit/head", asdict(head))
    api.on("GET", "/audit", {"items": [asdict(record) for record in records], "next": None})
    assert run("audit", "verify").code == 0


def test_the_list_names_who_did_what(run: Run, api: FakeApi) -> None:
    serve(api, "ana")
    done = run("audit", "list", "--days", "2")
    assert all(word in done.out for word in ("ana", "admin", "192.0.2.7", "asked"))
    assert [asked.query["day"] for asked in api.requests("GET", "/audit")] == ["2026-11-20", "2026-11-21"]


def test_the_list_tells_what_was_asked_what_came_of_it_and_why_not() -> None:
    assert told('{"request": {"kind": "cutover", "mode": "execute"}, "before": null}') == "cutover execute"
    assert told('{"reply": {"run_id": "cutover-1", "status": "running"}}') == "cutover-1"
    assert told('{"reply": {"class": "Forbidden", "detail": "This takes the role admin."}}') == "This takes the role admin."
    assert told('{"why": "This takes the role admin."}') == "This takes the role admin."
    assert told("no JSON") == told("[1]") == told('{"request": "x"}') == ""
