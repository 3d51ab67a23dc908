"""Looks over the shoulder of every run: each write to Salesforce and to the buckets, at the moment when it is made."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from moto.core.request import Request

from tests.e2e.scene import ENTRY, Scene
from tests.stateful.inside import Inside
from tests.stateful.model import World

_READS = {"GET", "HEAD"}


@dataclass
class Watch:
    """`violations`: what must never happen and did. Everything else is the model's business, after the run."""

    scene: Scene
    world: World
    inside: Inside
    violations: list[str] = field(default_factory=list)
    # What Waybill's links opened when they were written; the objects must stay so.
    promised: dict[str, bytes] = field(default_factory=dict)
    # Whether a run is at work that must write nothing to Salesforce.
    reading: bool = False
    _user: threading.local = field(default_factory=threading.local)

    @contextmanager
    def on(self) -> Iterator[None]:
        triggers = self.scene.org.automation.triggers.setdefault(ENTRY, [])
        hooks = self.scene.stack.aws.dispatcher.hooks["s3"]
        triggers.append(self._row_written)
        hooks.insert(0, self._s3)
        try:
            yield
        finally:
            hooks.remove(self._s3)
            if self._row_written in triggers:
                triggers.remove(self._row_written)

    @contextmanager
    def user(self) -> Iterator[None]:
        """What is done within is done by people, and not by Waybill."""
        self._user.at_work = True
        try:
            yield
        finally:
            self._user.at_work = False

    def _row_written(self, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> None:
        if old is None or new["LastModifiedById"] != self.scene.org.api_user_id:
            return
        entry = self.world.entries[str(new["Id"])]
        before, after = str(old.get("URL__c") or ""), str(new.get("URL__c") or "")
        self.world.shown[entry.id] = after
        entry.touched = self.world.age
        what = f"{entry.name}: {before!r} -> {after!r}"
        changed = {name for name in new if new[name] != old.get(name)}
        if changed - {"URL__c", "LastModifiedDate", "LastModifiedById", "SystemModstamp"}:
            self.violations.append(f"other fields than the link were written: {sorted(changed)}")
        if self.reading:
            self.violations.append(f"written by a run that only reads: {what}")
        elif not self.world.is_own(after):
            if after != entry.mine:
                self.violations.append(f"restored to what was not there before ({entry.mine!r}): {what}")
            if not self.world.is_own(before):
                self.violations.append(f"a hand edit was overwritten by a rollback: {what}")
        elif before != entry.mine:
            self.violations.append(f"a hand edit was overwritten: {what}")
        else:
            self._switched(after, self.world.opens(entry.mine), what)

    def _switched(self, link: str, seen: bytes | None, what: str) -> None:
        stored = self.inside.stored(link)
        if stored is None:
            self.violations.append(f"switched to a link that opens nothing: {what}")
            return
        if stored != seen:
            self.violations.append(f"switched to other bytes than users saw ({stored!r}, not {seen!r}): {what}")
        if self.promised.setdefault(link, stored) != stored:
            self.violations.append(f"the bytes behind a link have changed: {link}")

    def _s3(self, request: Request) -> None:
        if request.method in _READS or getattr(self._user, "at_work", False):
            return
        names = self.scene.stack.names
        where = f"{request.host}{request.path}"
        conditional = request.headers.get("If-None-Match") == "*"
        if names.source_bucket in where:
            self.violations.append(f"the source was written: {request.method} {where}")
        elif names.destination_bucket in where and not (request.method == "PUT" and conditional):
            self.violations.append(f"the destination was written without the condition: {request.method} {where}")
