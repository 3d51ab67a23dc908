"""The ledger: conditional writes, moves, keys, summaries. The same on moto and on DynamoDB Local."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from waybill.files.domain import FileState, VerifiedBy
from waybill.files.ledger import AccountSummary, FileItem, Ledger, Written
from waybill.table import Table

A, B = "001000000000001AAA", "001000000000002AAA"


def file(entry: int = 1, **changes: object) -> FileItem:
    made = FileItem(
        account_id=A, entry_id=f"a0X{entry:012d}AAA", state=FileState.VERIFIED, name="ü é.pdf", url="https://b.s3.amazonaws.com/k?X=1",
        key=f"uploads/{A}/Acme/{entry}.pdf", size=10, etag="e1", proof=VerifiedBy.ETAG, run="backup-1", fence=1,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_what_is_written_is_read_back_to_the_letter(table: Table) -> None:
    ledger = Ledger(table)
    assert ledger.write(file()) is Written.WRITTEN
    assert ledger.get(A, file().entry_id) == file(version=1)


def test_files_come_in_order_of_entry_id_and_behind_a_place(table: Table) -> None:
    ledger = Ledger(table)
    ledger.write_many([file(n) for n in (3, 1, 2)], in_flight=3)
    ledger.put_summary(AccountSummary(A, "Acme", {"verified": 3}), fence=1)
    ids = [item.entry_id for item in ledger.files(A)]
    assert ids == sorted(ids)
    assert len(ids) == 3
    assert [item.entry_id for item in ledger.files(A, after=ids[0])] == ids[1:]
    assert list(ledger.files(B)) == []


def test_of_many_that_are_written_at_once_each_meets_its_own_condition(table: Table) -> None:
    ledger = Ledger(table)
    ledger.write(file(3, run="backup-0"))
    ledger.write(file(40))
    ledger.write(file(60, run="backup-0"))
    new = [file(n) for n in range(1, 59)]
    changed = [file(60, version=1, fence=2), file(61, version=1)]
    written = ledger.write_many([*new, *changed], in_flight=16)
    assert written.pop(file(3).entry_id) is Written.STALE
    assert written.pop(file(40).entry_id) is Written.ALREADY
    assert written.pop(file(61).entry_id) is Written.STALE
    assert set(written.values()) == {Written.WRITTEN}
    assert len(written) == 57
    there = {item.entry_id: item for item in ledger.files(A)}
    assert there[file(1).entry_id] == file(1, version=1)
    assert there[file(3).entry_id].run == "backup-0"
    assert there[file(60).entry_id] == file(60, version=2, fence=2)
    assert len(there) == 59


def test_a_file_that_is_given_twice_is_written_once(table: Table) -> None:
    ledger = Ledger(table)
    assert ledger.write_many([file(1), file(1)], in_flight=4) == {file(1).entry_id: Written.WRITTEN}


def test_writing_the_same_again_is_harmless(table: Table) -> None:
    ledger = Ledger(table)
    ledger.write(file())
    assert ledger.write(file()) is Written.ALREADY
    assert ledger.get(A, file().entry_id) == file(version=1)


def test_a_late_writer_of_an_older_version_gives_way(table: Table) -> None:
    ledger = Ledger(table)
    ledger.write(file())
    ledger.write(file(state=FileState.SWITCHED, run="cutover-1", fence=2, version=1))
    assert ledger.write(file(state=FileState.FAILED, version=1)) is Written.STALE
    current = ledger.get(A, file().entry_id)
    assert current is not None
    assert (current.state, current.version) == (FileState.SWITCHED, 2)


def test_an_older_fence_never_writes_over_a_newer_one(table: Table) -> None:
    ledger = Ledger(table)
    ledger.write(file(fence=5))
    assert ledger.write(file(state=FileState.FAILED, fence=4, version=1)) is Written.STALE


def test_of_many_writers_of_one_version_just_one_wins(table: Table) -> None:
    ledger = Ledger(table)
    ledger.write(file())
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda n: ledger.write(file(run=f"run-{n}", version=1)), range(24)))
    assert outcomes.count(Written.WRITTEN) == 1
    assert outcomes.count(Written.STALE) == 23


def test_a_file_moves_to_another_account_in_one_step_and_only_once(table: Table) -> None:
    ledger = Ledger(table)
    ledger.write(file())
    there = ledger.get(A, file().entry_id)
    assert there is not None
    assert ledger.move(there, account_id=B, fence=2, run="backup-2")
    assert ledger.get(A, there.entry_id) is None
    moved = ledger.get(B, there.entry_id)
    assert moved is not None
    assert (moved.key, moved.url) == (there.key, there.url), "the object stays where it is"
    assert not ledger.move(there, account_id=B, fence=2, run="backup-2")
    assert there.key in ledger.keys(A), "its object stays there: the key is not given to another file"


def test_entries_are_found_wherever_they_are(table: Table) -> None:
    ledger = Ledger(table)
    ledger.write_many([file(n) for n in range(5)], in_flight=2)
    ledger.put_summary(AccountSummary(A, "Acme"), fence=1)
    wanted = {file(2).entry_id, file(9).entry_id}
    found = [place for page, _ in ledger.find_entries(wanted, start=None) for place in page]
    assert found == [(A, file(2).entry_id)]


def test_the_keys_of_an_account_are_all_that_were_ever_given(table: Table) -> None:
    ledger = Ledger(table)
    ledger.write(file(1))
    ledger.write(file(2, state=FileState.SOURCE_MISSING, key=None))
    ledger.write(file(3, state=FileState.ENTRY_DELETED))
    assert ledger.keys(A) == {file(1).key, file(3).key}


def test_summaries_are_listed_and_an_older_run_does_not_replace_them(table: Table) -> None:
    ledger = Ledger(table)
    newer = AccountSummary(
        A, "Acme", {"verified": 3, "failed": 1, "entry_deleted": 2}, 30, "2026-01-01T00:00:00.000Z", "backup-2"
    )
    ledger.put_summary(newer, fence=2)
    ledger.put_summary(AccountSummary(A, "Acme", {}, 0, None, "backup-1"), fence=1)
    ledger.put_summary(AccountSummary(B, "Beta"), fence=1)
    assert ledger.summary(A) == newer
    assert sorted(summary.account_id for summary in ledger.summaries()) == [A, B]
    assert (newer.files, newer.unverified) == (4, 1)


def test_an_item_of_usual_length_stays_under_a_kilobyte(table: Table) -> None:
    ledger = Ledger(table)
    url = "https://trackland-doc-storage.s3.us-east-1.amazonaws.com/" + "documents/2024/" * 6 + "contract.pdf"
    key = f"uploads/{A}/Acme_Corporation/Contract_2024_signed.pdf"
    ledger.write(
        file(url=url, key=key, etag="d" * 32, new_url="https://files.example.com/" + key, switched_by="cutover-20260101-0000")
    )
    item = table.get(f"ACCOUNT#{A}", f"FILE#{file().entry_id}")
    assert item is not None
    assert sum(len(name) + len(str(value).encode()) for name, value in item.items()) < 1_000
