"""The packets of a run that tries only the failed files of another again: taken from what that run left, packet by packet."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from waybill.files.picking import PacketScope, Pick
from waybill.files.sharding import put_hashed, shards_of
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket, run_prefix

# Entries of one packet, where an account is cut into several: its keys then carry a hash each, and need not know of each other.
PIECE = 5_000


class Retrying:
    """Looks through the run `before`. A packet that it listed in part or not at all is taken whole; of any other the files that have an
    error, or that it did not come to. In memory are the failed files of one packet, or of one shard where an account is a packet by itself.
    """

    def __init__(self, *, store: RunStore, work: WorkBucket, run_id: str, before: str, known_since: str | None) -> None:
        self._store, self._work, self._run_id, self._before = store, work, run_id, before
        self._known_since = known_since

    def packets(self, *, skip: int, first_number: int) -> Iterator[tuple[int, list[tuple[PacketScope, int]]]]:
        """For each packet of the run before, behind the first `skip`: how many were looked through, and what is made of it, with weights."""
        number = first_number
        for looked, row in enumerate(self._work.rows(f"{run_prefix(self._before)}packets.jsonl"), 1):
            if looked <= skip:
                continue
            made = [(replace(scope, packet=number + n), weight) for n, (scope, weight) in enumerate(self._again(row))]
            number += len(made)
            yield looked, made

    def _again(self, row: dict[str, Any]) -> Iterator[tuple[PacketScope, int]]:
        scope = PacketScope(**{**row, "accounts": tuple(row["accounts"]), "known_since": self._known_since})
        parts = list(self._store.results(self._before, f"PACKET#{scope.packet:05d}-"))
        if not any(part["after"] is None for part in parts):
            yield scope, sum(part["total"] for part in parts)
            return
        gathered: list[Pick] = []
        for part in parts:
            for shard in shards_of(part, self._work):
                gathered += self._failed(shard)
                if scope.large and len(gathered) >= PIECE:
                    yield self._only(scope, gathered)
                    gathered = []
        if gathered:
            yield self._only(scope, gathered)

    def _failed(self, shard: dict[str, Any]) -> Iterator[Pick]:
        result = self._store.result(self._before, f"SHARD#{shard['shard']}")
        if result is None:
            for row in self._work.rows(shard["manifest"]):
                yield row["file"]["account_id"], row["file"]["entry_id"]
        elif result["errors"]:
            for row in self._work.rows(result["errors"]):
                if row["account_id"] and row["entry_id"]:
                    yield row["account_id"], row["entry_id"]

    def _only(self, scope: PacketScope, picks: list[Pick]) -> tuple[PacketScope, int]:
        return only(scope, picks, run_id=self._run_id, work=self._work)


def only(scope: PacketScope, picks: list[Pick], *, run_id: str, work: WorkBucket) -> tuple[PacketScope, int]:
    """The packet for these entries alone, and their number."""
    wanted = sorted(set(picks))
    rows = ({"account_id": account_id, "entry_id": entry_id} for account_id, entry_id in wanted)
    key = put_hashed(work, f"{run_prefix(run_id)}entries/{wanted[0][1]}", rows)
    return replace(scope, first=wanted[0][0], last=wanted[-1][0], accounts=(), entries=key), len(wanted)


def packets_of(
    picks: Iterable[Pick], *, large: Callable[[str], bool], size: int, run_id: str, work: WorkBucket, known_since: str | None
) -> Iterator[tuple[PacketScope, int]]:
    """Packets of these entries, which come in order; an account is whole in one, or alone in several where it is `large`."""
    number, gathered = 0, list[Pick]()

    def close(*, large: bool) -> tuple[PacketScope, int]:
        nonlocal number, gathered
        scope = PacketScope(number, "", "", accounts=(), large=large, known_since=known_since)
        made = only(scope, gathered, run_id=run_id, work=work)
        number, gathered = number + 1, []
        return made

    for account_id, mine in groupby(picks, key=itemgetter(0)):
        own = list(mine)
        alone = large(account_id)
        if gathered and (alone or len(gathered) + len(own) > size):
            yield close(large=False)
        for begin in range(0, len(own), PIECE) if alone else ():
            gathered = own[begin : begin + PIECE]
            yield close(large=True)
        if not alone:
            gathered += own
    if gathered:
        yield close(large=False)


def row_of(scope: PacketScope) -> dict[str, Any]:
    """As packets.jsonl has it."""
    return {name: value for name, value in asdict(scope).items() if name != "entries" or value is not None}
