"""Only what has failed is tried again, and only what a dropped file names is backed up."""

import pytest

from tests.e2e.scene import Scene
from waybill.files.domain import FileState


def work_bucket(scene: Scene) -> str:
    return str(scene.stack.deployment.functions["waybill-local-FinishRun"].environment["WAYBILL_WORK_BUCKET"])


def retried(scene: Scene, run_id: str, **body: str) -> str:
    return str(scene.call("POST", f"/runs/{run_id}/retry", body, expect=202)["run_id"])


def drop(scene: Scene, name: str, body: str) -> list[str]:
    """The runs that are there since the file was dropped."""
    before = runs(scene)
    scene.s3.put_object(Bucket=work_bucket(scene), Key=f"requests/{name}", Body=body.encode())
    scene.settle()
    return [run for run in runs(scene) if run not in before]


def runs(scene: Scene) -> list[str]:
    return [str(run["run_id"]) for run in scene.call("GET", "/runs?limit=1000", expect=200)["items"]]


def looked_at(scene: Scene, run_id: str) -> int:
    return scene.show(run_id).files["total"]


@pytest.fixture
def customer(scene: Scene) -> Scene:
    """Three accounts; in two of them sources are missing."""
    for name in ("Acme", "Other", "Whole"):
        account = scene.account(name)
        scene.files_of(account, 3, stem=name)
        if name != "Whole":
            scene.file(account, f"{name} missing.txt", None)
    return scene


def appear(scene: Scene) -> None:
    """The missing sources are there by now."""
    for planted in scene.planted.values():
        if planted.body is None:
            scene.put_source(planted.key, b"here at last")


def test_only_the_failed_files_are_looked_at_again(customer: Scene) -> None:
    first = customer.backup("full")
    assert first.files["failed"] == 2
    appear(customer)
    kept = customer.objects()
    again = customer.wait(retried(customer, first.id))
    assert (again.status, again.exit_code) == ("completed", 0)
    assert again.files == {"total": 2, "copied": 2, "verified": 2}
    assert {file.state for file in customer.items().values()} == {FileState.VERIFIED}
    assert kept.items() <= customer.objects().items()
    states = {row["account_id"]: row["states"] for row in customer.call("GET", "/accounts?source=ledger", expect=200)["items"]}
    assert sorted(sum(found.values()) for found in states.values()) == [3, 4, 4]
    nothing = customer.wait(retried(customer, again.id))
    assert (nothing.status, nothing.files) == ("completed", {})


def test_a_dry_retry_copies_nothing_and_says_what_would_be(customer: Scene) -> None:
    first = customer.backup("full")
    appear(customer)
    kept = customer.objects()
    dry = customer.wait(retried(customer, first.id, mode="dry_run"))
    assert dry.files == {"total": 2, "to_copy": 2}
    assert customer.objects() == kept


def test_files_that_a_stopped_run_did_not_come_to_are_tried_too_and_packets_it_never_listed_whole(customer: Scene) -> None:
    def cancel(event: object, context: object, handler: object) -> object:
        reply = handler(event, context)  # type: ignore[operator]
        customer.call("POST", f"/runs/{event['run']['run_id']}/cancel", expect=202)  # type: ignore[index]
        return reply

    with customer.small(shard=2, packet=4), customer.around("ValidateFiles", cancel):
        stopped = customer.backup("full")
    done = stopped.files["verified"]
    assert 0 < done < 9
    appear(customer)
    again = customer.wait(retried(customer, stopped.id))
    assert again.status == "completed"
    assert again.files["total"] < 11, "what is done is not looked at again"
    assert {file.state for file in customer.items().values()} == {FileState.VERIFIED}
    assert len(customer.objects()) == len(customer.planted) == 11


def test_a_cutovers_files_are_those_of_its_backup(customer: Scene) -> None:
    customer.backup("full")
    cut = customer.cutover()
    appear(customer)
    again = customer.wait(retried(customer, cut.id))
    assert again.files == {"total": 2, "copied": 2, "verified": 2}
    assert customer.cutover().files["switched"] == 2


def test_what_cannot_be_tried_again_says_why(customer: Scene) -> None:
    dry = customer.backup("full", dry_run=True)
    back = customer.rollback("dry_run", all=True)
    for run, why in ((dry.id, "dry run"), (back.id, "starting it again")):
        assert why in customer.call("POST", f"/runs/{run}/retry", {}, expect=422)["detail"]
    customer.call("POST", "/runs/backup-none/retry", {}, expect=404)
    customer.call("POST", f"/runs/{dry.id}/retry", {}, expect=403, token=customer.stack.pool.tokens["viewer"])


def test_a_dropped_list_of_accounts_backs_up_just_these(customer: Scene) -> None:
    account = next(planted.account for planted in customer.planted.values() if planted.name.startswith("Whole"))
    (run,) = drop(customer, "whole.csv", f"Account Id,Name\n{account},Whole\n")
    assert (customer.show(run).status, looked_at(customer, run)) == ("completed", 3)
    assert customer.show(run).view["requested_by"] == "requests"
    (record,) = [one for one in audited(customer) if one["action"] == "PUT requests/"]
    assert (record["actor"], record["resource"], record["outcome"]) == ("the bucket", "requests/whole.csv", "started")


def audited(scene: Scene) -> list[dict[str, str]]:
    head = scene.call("GET", "/audit/head", expect=200)
    return list(scene.call("GET", f"/audit?day={head['at'][:10]}", expect=200)["items"])


def test_a_dropped_list_of_entries_backs_up_just_these_and_names_those_that_are_not_there(customer: Scene) -> None:
    wanted = [planted.id for planted in customer.planted.values() if planted.name.endswith(" 1.txt")]
    (run,) = drop(customer, "nightly/three.csv", "\n".join([*wanted, "a00999999999999"]))
    found = customer.show(run)
    assert found.files == {"total": 3, "copied": 3, "verified": 3, "failed": 1}
    assert [row["class"] for row in found.view["errors"]] == ["UNKNOWN_ENTRY"]
    assert set(customer.items()) == set(wanted)


def test_a_list_that_cannot_be_used_is_rejected_with_the_reason(customer: Scene) -> None:
    (run,) = drop(customer, "bad.csv", "Id\nnot an id 1\n")
    assert (customer.show(run).status, "Line 2" in customer.show(run).message) == ("refused", True)
    bucket = work_bucket(customer)
    assert customer.s3.get_object(Bucket=bucket, Key="rejected/bad.csv")["Body"].read() == b"Id\nnot an id 1\n"
    reason = customer.s3.get_object(Bucket=bucket, Key="rejected/bad.csv.reason.txt")["Body"].read().decode()
    assert "Line 2: 'not an id 1' is not a Salesforce id" in reason
    assert customer.objects() == {}


def test_a_list_whose_event_comes_twice_starts_one_run(customer: Scene) -> None:
    bus, account = customer.stack.bus, next(iter(customer.planted.values())).account
    events = []
    put = bus.put

    def twice(event: dict[str, object], **more: str) -> None:
        events.append(event)
        put(event, **more)
        put(event, **more)

    vars(bus)["put"] = twice
    try:
        assert len(drop(customer, "twice.csv", f"{account}\n")) == 1
    finally:
        del vars(bus)["put"]
    assert any("requests/twice.csv" in str(event) for event in events)
