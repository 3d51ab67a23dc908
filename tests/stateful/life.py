"""A migration's whole life on the local stack: what people change, the runs, and after each step what must hold."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from tests.e2e.scene import ENTRY, PATIENCE, RunResult, Scene
from tests.stateful.inside import Inside
from tests.stateful.model import (
    NO_ACCOUNT,
    Entry,
    Expected,
    File,
    Files,
    Scope,
    State,
    World,
    after_backup,
    after_cutover,
    after_rollback,
)
from tests.stateful.model import accounts_of as summed
from tests.stateful.moments import HARMLESS, Moment, Moments
from tests.stateful.watch import Watch
from waybill import compose
from waybill.clock import iso, parse_iso
from waybill.files.ledger import FileItem, file_of
from waybill.files.urls import LinkBuilder
from waybill.table import decode_item

# More than incremental runs look back.
AGE = timedelta(minutes=20)
MALFORMED = "not a link at all"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:?00)")
_GOOD = frozenset({State.VERIFIED, State.SWITCHED, State.ROLLED_BACK})


class Violation(AssertionError):
    """Waybill broke a promise, or did other than the model says. The message has all that happened before."""


@dataclass
class Life:
    """One customer's. Use it within `lived`."""

    scene: Scene
    watch: Watch
    world: World
    inside: Inside
    moments: Moments = field(init=False)
    # Every step taken, in words.
    told: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    runs: list[RunResult] = field(default_factory=list)
    # What the next change in the midst of a run is to be.
    pending: tuple[str, int, int] = ("edit", 0, 0)
    overlapped: list[RunResult] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _objects: Mapping[str, object] = field(default_factory=dict)
    _before: Files = field(default_factory=dict)

    # -- what people do -----------------------------------------------------------------------------------------------

    def add_account(self) -> None:
        number = next(self._numbers)
        self.accounts.append(self.scene.account(f"Account {number}"))
        self.tell(f"account {number}")

    def add(self, account: int, kind: int) -> None:
        """A new entry: as a rule with a source of its own; also one without, one that names another's source, or nonsense."""
        if len(self.accounts) < 4 and account % 4 == 0:
            self.add_account()
        number = next(self._numbers)
        name = f"file {number % 3}.txt"
        keys = sorted(self.world.keys.values())
        if kind == 1:
            link = MALFORMED
        elif kind == 2 and keys:
            link = self._link_of(keys[number % len(keys)])
        else:
            key = f"docs/{number}/{name}"
            link = self._link_of(key)
            self.put(key, None if kind == 3 else f"content {number}".encode())
        self._insert(self._account(account), name, link)

    def copy_entry(self, which: int, _: int = 0) -> None:
        """Somebody clones a record, its link included: it may be Waybill's."""
        entry = self._entry(which)
        if entry is not None:
            self._insert(entry.account, entry.name, self.world.shown[entry.id])

    def _insert(self, account: str, name: str, link: str) -> None:
        fields = {"Name": name, "URL__c": link, "Account__c": None if account == NO_ACCOUNT else account}
        entry = self.scene.org.insert(ENTRY, {field: value for field, value in fields.items() if value})
        self.world.entries[entry] = Entry(entry, account, name, link, touched=self.world.age)
        self.world.shown[entry] = link
        self.tell(f"add {entry} in {account}: {link}")

    def edit(self, which: int, how: int) -> None:
        """Another link: to a new source, to another's, or nonsense."""
        entry = self._entry(which)
        if entry is None:
            return
        number, keys = next(self._numbers), sorted(self.world.keys.values())
        link = MALFORMED if how == 1 else self._link_of(keys[number % len(keys)]) if how == 2 and keys else ""
        if not link:
            key = f"docs/{number}/edited.txt"
            link = self._link_of(key)
            self.put(key, f"edited {number}".encode())
        self._written(entry, URL__c=link)
        entry.mine = self.world.shown[entry.id] = link

    def undo_edit(self, which: int, _: int = 0) -> None:
        """Puts Waybill's own link back after an edit: the value before it is again what a rollback is to restore."""
        entry, files = self._entry(which), self.files()
        known = files.get(entry.id) if entry else None
        if entry is None or known is None or known.new is None or self.world.shown[entry.id] == known.new:
            return
        self._written(entry, URL__c=known.new)
        entry.mine, self.world.shown[entry.id] = known.url, known.new

    def rename(self, which: int, _: int = 0) -> None:
        entry = self._entry(which)
        if entry is not None:
            self._written(entry, Name=f"renamed {next(self._numbers)}.txt")

    def move(self, which: int, to: int) -> None:
        entry = self._entry(which)
        if entry is not None:
            account = self._account(to)
            self._written(entry, Account__c=None if account == NO_ACCOUNT else account)
            entry.account = account

    def delete(self, which: int, _: int = 0) -> None:
        entry = self._entry(which)
        if entry is not None:
            self.scene.org.delete(ENTRY, entry.id)
            entry.deleted = True
            self.tell(f"delete {entry.id}")

    def undelete(self, which: int, _: int = 0) -> None:
        """Out of the recycle bin again."""
        gone = [entry for entry in self.world.entries.values() if entry.deleted]
        if gone:
            entry = gone[which % len(gone)]
            table, key = self.scene.org.table(ENTRY), entry.id[:15]
            row = {**table.get(key), "IsDeleted": False}
            # Where its account has gone meanwhile, it comes back without.
            row["Account__c"] = entry.account if entry.account in self.accounts else None
            entry.account = str(row["Account__c"] or NO_ACCOUNT)
            table.put(key, row)
            entry.deleted = False
            self._written(entry, Name=entry.name)

    def change_source(self, which: int, _: int = 0) -> None:
        keys = sorted(self.world.sources)
        if keys:
            self.put(keys[which % len(keys)], f"changed {next(self._numbers)}".encode())

    def vanish(self, which: int, _: int = 0) -> None:
        keys = sorted(key for key, body in self.world.sources.items() if body is not None)
        if keys:
            self.put(keys[which % len(keys)], None)

    def come_back(self, which: int, _: int = 0) -> None:
        """A source that had gone is there again, with other content."""
        keys = sorted(key for key, body in self.world.sources.items() if body is None)
        if keys:
            self.put(keys[which % len(keys)], f"back {next(self._numbers)}".encode())

    def remove_account(self, which: int, _: int = 0) -> None:
        """Its entries have no account then."""
        if len(self.accounts) > 2:
            account = self.accounts.pop(which % len(self.accounts))
            self.scene.org.delete("Account", account)
            self.tell(f"delete account {account}")
            for entry in self.world.entries.values():
                if entry.account == account:
                    entry.account, entry.touched = NO_ACCOUNT, self.world.age

    def put(self, key: str, body: bytes | None) -> None:
        """A source's owner writes or removes it."""
        self.world.keys.setdefault(self._link_of(key), key)
        with self.watch.user():
            if body is not None:
                self.scene.put_source(key, body)
            elif self.world.sources.get(key) is not None:
                self.scene.s3.delete_object(Bucket=self.scene.stack.names.source_bucket, Key=key)
        self.world.sources[key] = body
        self.tell(f"source {key}: {body!r}")

    def time_passes(self) -> None:
        """More than incremental runs look back: everything that is written down becomes so much older."""
        self.world.age += 1
        for sobject in (ENTRY, "Account"):
            table = self.scene.org.table(sobject)
            for row in list(table.rows()):
                table.put(str(row["Id"])[:15], {name: _older(value) for name, value in row.items()})
        client, name = self.scene.stack.client("dynamodb"), self.scene.stack.names.table
        for item in self.inside.items(""):
            if not item["pk"]["S"].startswith("LOCK#"):
                client.put_item(TableName=name, Item=_older(item))
        self.tell("time passes")

    def change(self, what: str, which: int, how: int) -> None:
        getattr(self, what)(which, how)

    # -- runs ---------------------------------------------------------------------------------------------------------

    def backup(self, mode: str, accounts: Sequence[int], moment: Moment | None, *, dry: bool = False) -> None:
        scope = self._scope(accounts)
        run = self._run("backup", moment, reading=True, mode=mode, dry_run=dry, **scope)
        within, full = Scope(scope.get("accounts", ())), mode == "full"
        expected = after_backup(self._then, self._before, within, full=full, dry=dry)
        # Where a mishap met an account's last listing, it may have been complete, or not.
        self._then.listed = {account: self._then.age if age is None else age for account, age in self._then.listed.items()}
        self._ended(run, expected, scope, dry=dry, also=after_backup(self._then, self._before, within, full=full, dry=dry).files)

    def cutover(self, mode: str, accounts: Sequence[int], moment: Moment | None, canary: int) -> None:
        scope, dry = self._scope(accounts), mode == "dry_run"
        run = self._run("cutover", moment, reading=dry, mode=mode, canary=canary, **scope)
        expected = after_cutover(self._then, self._before, Scope(scope.get("accounts", ())), run=run.id, dry=dry)
        self._ended(run, expected, scope, dry=dry)

    def rollback(self, mode: str, what: int, which: int, moment: Moment | None) -> None:
        """`what`: all, one account's, or one run's."""
        dry = mode == "dry_run"
        cuts = [
            run.id for run in self.runs if run.view["kind"] == "cutover" and not run.view["dry_run"] and self.inside.began(run.id)
        ]
        account = self._account(which)
        options: dict[str, Any] = {"all": True}
        if what == 1 and self._has_entries(account):
            options = {"accounts": [account]}
        elif what == 2 and cuts:
            options = {"run_id": cuts[which % len(cuts)]}
        run = self._run("rollback", moment, reading=dry, mode=mode, **options)
        by, scope = options.get("run_id"), Scope(options.get("accounts", ()))

        def wanted(file: File) -> bool:
            unsaid = file.new is None and file.state is State.VERIFIED
            return file.account in scope and (by is None or unsaid or file.by == by)

        self._ended(run, after_rollback(self._then, self._before, wanted, dry=dry), {"part": True}, dry=dry)

    def resume(self, which: int, moment: Moment | None) -> None:
        """Resumes a run that stands still, if there is one."""
        stopped = [run for run in self.runs if self.scene.show(run.id).status in {"failed", "paused", "cancelled", "running"}]
        if not stopped:
            return
        run = stopped[which % len(stopped)]
        dry, kind = bool(run.view["dry_run"]), run.view["kind"]
        self.watch.reading = dry or kind == "backup"
        self.moments.expect(moment)
        compose.forget()
        reply = self.scene.web.post(
            f"{self.scene.stack.api.url}/api/runs/{run.id}/resume",
            headers={"Authorization": f"Bearer {self.scene.stack.token}"},
            timeout=60,
        )
        assert reply.status_code in {202, 404, 409}, reply.text
        if reply.status_code == 202:
            self.scene._noted(reply.json())
        self.scene.settle()
        self.watch.reading = False
        self.tell(f"resume {run.id} {moment or ''}: {reply.status_code} {self.scene.show(run.id).status}")
        self._adopt()

    def late(self, number: int) -> None:
        """A call of the past comes again when nothing is at work."""
        before = self.files()
        what = self.moments.late(number)
        self.scene.settle()
        self.tell(f"late {what}")
        self._same(before, self.files(), f"a late {what} changed the ledger")

    def _run(self, kind: str, moment: Moment | None, *, reading: bool, **options: Any) -> RunResult:
        self._before, self._then = self.files(), _frozen(self.world)
        self.inside.a_second_passes()
        self._objects = self.inside.objects()
        self.watch.reading = reading
        self.moments.expect(moment)
        self.overlapped.clear()
        run_id = self.scene.start(kind, **options)
        self.scene.stack.runner.wait(self.scene.executions[run_id], PATIENCE)
        self.scene.settle()
        run = self.scene.show(run_id)  # it may be said to run for a while yet, where a mishap met its end
        self.watch.reading = False
        self.runs.append(run)
        happened = f" [{moment}]" if moment and self.moments.happened else ""
        self.tell(f"{kind} {options}{happened}: {run.id} {run.status} {dict(run.files)} {run.message}")
        return run

    def _ended(
        self, run: RunResult, expected: Expected, scope: Mapping[str, Any], *, dry: bool, also: Files | None = None
    ) -> None:
        for other in self.overlapped:
            self.expect(other.status == "refused", f"a run beside another was not refused: {other.view}")
        moment = self.moments.moment
        if self.moments.happened and moment is not None and moment.mishap not in HARMLESS:
            self._adopt()
            return
        if run.status == "refused":
            self.expect(run.view["kind"] == "cutover" and not dry, f"refused: {run.message}")
            self.expect(not self._backed_up(named="accounts" in scope), f"refused: {run.message}")
            self._adopt()
            return
        self.expect(run.status == "completed", f"undisturbed, and it did not complete: {run.view}")
        after = self.files()
        self._same(expected.files, after, "the ledger is not what the model says", also=also)
        self._compare_counts(run, expected.counts, dry=dry)
        for entry in expected.switched:
            link = self.world.shown[entry]
            self.expect(self.world.is_own(link), f"{entry} was not switched")
            self.expect(self.scene.opened(link) == expected.files[entry].copy, f"{link} opens other bytes")
        for entry in expected.restored:
            self.expect(self.world.shown[entry] == self.world.entries[entry].mine, f"{entry} was not restored")
        if not dry and not scope:
            self._compare_summaries(after)
        if not dry and "part" not in scope:
            named = scope.get("accounts") or {*self.accounts, NO_ACCOUNT}
            self.world.listed |= dict.fromkeys(named, self._then.age)

    def _backed_up(self, *, named: bool) -> bool:
        """Whether a cutover may begin: for one of named accounts, any backup that was completed will do."""
        done = [
            run for run in self.runs if run.view["kind"] == "backup" and run.status == "completed" and not run.view["dry_run"]
        ]
        return any(named or not run.view["accounts"] for run in done)

    def _compare_counts(self, run: RunResult, counts: Mapping[str, int], *, dry: bool) -> None:
        kind, files = run.view["kind"], run.files
        if dry and kind != "rollback" and self._moved():
            return  # a dry run does not follow entries that moved, and takes them for new
        names = {
            ("backup", False): ("total", "verified", "failed", "held_back", "conflicts"),
            ("backup", True): ("total", "to_copy", "failed", "held_back", "conflicts"),
            ("cutover", False): ("total", "verified", "switched", "held_back", "conflicts"),
            ("cutover", True): ("total", "to_copy", "to_switch", "held_back", "conflicts"),
            ("rollback", False): ("rolled_back", "conflicts"),
            ("rollback", True): ("to_restore", "conflicts"),
        }[kind, dry]
        if run.view["mode"] == "incremental":
            names = ()  # which accounts it looks at is its own business: what it must not miss is in the ledger
        told, wanted = ({name: source.get(name, 0) for name in names} for source in (files, counts))
        self.expect(told == wanted, f"{run.id} reports {told}, the model {wanted}")
        if kind != "rollback" and not dry and names:
            new = len(self.inside.objects()) - len(self._objects)
            copied = files.get("copied", 0)
            self.expect(copied == new, f"{run.id} reports {copied} copied, {new} objects are new")
            good = copied + files.get("skipped", 0)
            self.expect(good == counts.get("good", 0), f"{run.id} copied or skipped {good}, the model {counts.get('good', 0)}")

    def _moved(self) -> bool:
        return any(self._before[e.id].account != e.account for e in self._then.living.values() if e.id in self._before)

    def _compare_summaries(self, after: Files) -> None:
        told = {}
        for item in self.inside.items("SUMMARY#"):
            # A page of accounts, each [name, files by state, bytes, ...]: see waybill/files/summaries.py.
            for account, (_, counted, *_) in decode_item(item)["accounts"].items():
                states = {state: number for state, number in counted.items() if number}
                if states:
                    told[account] = states
        wanted = {account: dict(states) for account, states in summed(after.values()).items()}
        self.expect(told == wanted, f"the accounts' summaries are {told}, the files {wanted}")

    # -- what must hold -----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """The promises that hold after every step, whatever happened in it."""
        self.expect(not self.watch.violations, "; ".join(self.watch.violations))
        links, files = self.scene.urls(), self.files()
        for entry in self.world.living.values():
            shown = links[entry.id]
            self.expect(shown == self.world.shown[entry.id], f"{entry.id} shows {shown}, which nobody wrote")
            if shown == entry.mine:
                continue
            self.expect(shown in self.watch.promised, f"{entry.id} shows {shown} instead of {entry.mine}")
            self.expect(self.inside.stored(shown) == self.watch.promised[shown], f"the bytes behind {shown} have changed")
            file = files.get(entry.id)
            self.expect(file is not None and file.url == entry.mine, f"{entry.id}: the old link {entry.mine} is lost: {file}")
        objects = self.inside.objects()
        kept = {key: objects.get(key) for key in self._objects}
        self.expect(kept == self._objects, "an object of the destination was overwritten or deleted")
        self._objects = objects
        keys = Counter(item["key"]["S"] for item in self.inside.items("FILE#") if "key" in item)
        self.expect(max(keys.values(), default=0) < 2, f"entries share a key: {keys.most_common(1)}")
        if not self.moments.happened:
            locks = self.inside.items("LOCK")
            self.expect(not any(lock["held"]["BOOL"] for lock in locks), "nothing is at work, and the lock is held")

    def the_end(self) -> None:
        """Whatever went before: two backups put everything right, and a rollback gives every user what was there before."""
        self.backup("full", (), None)
        self.check()
        self.rollback("execute", 0, 0, None)
        self.check()
        for entry in self.world.living.values():
            if self.world.shown[entry.id] != entry.mine:
                self.expect(False, f"{entry.id} still shows {self.world.shown[entry.id]} instead of {entry.mine}")

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            raise Violation("\n".join(["", *self.told, f"--> {what}"]))

    def _same(self, wanted: Files, found: Files, what: str, *, also: Files | None = None) -> None:
        """`also`: what may be as well, where it cannot be said which accounts were listed to their end."""
        for entry in sorted({*wanted, *found}):
            one, other = wanted.get(entry), found.get(entry)
            right = {_shown_of(one), _shown_of((also or wanted).get(entry))}
            self.expect(_shown_of(other) in right, f"{what}: {entry}: expected {one}, found {other}")

    # -- looking ------------------------------------------------------------------------------------------------------

    def files(self) -> Files:
        """The ledger as the model has it. Fails where an entry has two items."""
        found: Files = {}
        for item in self.inside.items("FILE#"):
            file = file_of(decode_item(item))
            self.expect(file.entry_id not in found, f"{file.entry_id} has two items")
            found[file.entry_id] = self._as_modelled(file)
        return found

    def _as_modelled(self, item: FileItem) -> File:
        link = self._links.link_for(item.key) if item.key else None
        copy = self.inside.stored(link) if link and item.proof else None
        return File(item.account_id, item.state, item.url, copy, link, item.new_url, item.switched_by, item.error)

    @property
    def _links(self) -> LinkBuilder:
        bucket = self.scene.stack.names.destination_bucket
        return LinkBuilder(f"{self.scene.stack.aws.url}/{bucket}", bucket)

    def _adopt(self) -> None:
        """After a mishap the model goes by what is there: the promises are checked all the same."""
        self.world.listed = dict.fromkeys([*self.accounts, NO_ACCOUNT], None)

    def tell(self, what: str) -> None:
        self.told.append(what)

    def _link_of(self, key: str) -> str:
        return self.scene.source_url(key)

    def _account(self, number: int) -> str:
        """The last of them is none."""
        return [*self.accounts, NO_ACCOUNT][number % (len(self.accounts) + 1)]

    def _entry(self, number: int) -> Entry | None:
        living = list(self.world.living.values())
        return living[number % len(living)] if living else None

    def _written(self, entry: Entry, **fields: str | None) -> None:
        self.scene.org.update(ENTRY, entry.id, fields)
        entry.touched = self.world.age
        self.tell(f"{entry.id}: {fields}")

    def _has_entries(self, account: str) -> bool:
        return any(entry.account == account for entry in self.world.living.values())

    def _scope(self, accounts: Sequence[int]) -> dict[str, Any]:
        named = sorted({self._account(number) for number in accounts})
        named = [account for account in named if self._has_entries(account)]
        return {"accounts": named} if named else {}

    # -- mishaps ------------------------------------------------------------------------------------------------------

    def change_now(self) -> None:
        self.tell("meanwhile:")
        self.change(*self.pending)

    def overlap_now(self) -> None:
        run_id = self.scene.start("backup", mode="incremental")
        self.scene.stack.runner.wait(self.scene.executions[run_id], 60)
        self.overlapped.append(self.scene.show(run_id))

    def steer_now(self, how: str) -> None:
        running = [run for run in self.scene.call("GET", "/runs", expect=200)["items"] if run["status"] == "running"]
        for run in running[-1:]:
            url = f"{self.scene.stack.api.url}/api/runs/{run['run_id']}/{how}"
            self.scene.web.post(url, headers={"Authorization": f"Bearer {self.scene.stack.token}"}, timeout=60)


@contextmanager
def lived(scene: Scene) -> Iterator[Life]:
    """A life that begins with two accounts and some files, its work cut into small pieces."""
    world = World(scene.is_new)
    inside = Inside(scene.stack)
    life = Life(scene, Watch(scene, world, inside), world, inside)
    life.moments = Moments(scene, life.change_now, life.overlap_now, life.steer_now)
    with scene.small(shard=3, packet=4, unit=3), life.watch.on(), life.moments.on():
        for account in range(2):
            life.add_account()
            for _ in range(2 + account):
                life.add(account, 0)
        yield life


def _shown_of(file: File | None) -> object:
    """What is compared: a copy where it is good, a link where it is written."""
    if file is None:
        return None
    return (file.account, file.state, file.url, file.copy if file.state in _GOOD else None)


def _frozen(world: World) -> World:
    """The world as a run finds it."""
    entries = {entry.id: Entry(**vars(entry)) for entry in world.entries.values()}
    return World(
        world.is_own, entries, dict(world.shown), dict(world.keys), dict(world.sources), age=world.age, listed=dict(world.listed)
    )


def _older(value: Any) -> Any:
    """Every moment in it an age earlier."""
    match value:
        case str() if _MOMENT.fullmatch(value):
            earlier: datetime = parse_iso(value) - AGE
            return iso(earlier) if value.endswith("Z") else iso(earlier).replace("Z", "+0000")
        case dict():
            return {name: _older(each) for name, each in value.items()}
        case list():
            return [_older(each) for each in value]
        case _:
            return value
