"""The simulated org: its records in memory, and insert, update and delete with an org's rules."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from local.salesforce import permissions as rights
from local.salesforce import values as checks
from local.salesforce.automation import Automation, Rule, Trigger
from local.salesforce.dates import stamp
from local.salesforce.endowment import endowment, require_standard_price
from local.salesforce.errors import Fault
from local.salesforce.ids import IdGenerator, key_of, require_key, to_18
from local.salesforce.permissions import Permissions
from local.salesforce.schema import NAME, Field, Schema, SObject, default_schema
from local.salesforce.table import Record, Scalar, Table

Values = Mapping[str, Any]  # Any: JSON
Clock = Callable[[], datetime]


def utcnow() -> datetime:
    return datetime.now(UTC)


class Org:
    """All methods may be called from any thread. Those for tests act as the administrator, who sees everything."""

    def __init__(self, *, schema: Schema | None = None, clock: Clock = utcnow, number: int = 0) -> None:
        self.schema = schema or default_schema()
        self.clock = clock
        self.lock = threading.RLock()
        self.permissions = Permissions()
        self.automation = Automation()
        self._ids = IdGenerator(number)
        self._tables = {entry.name: Table(entry) for entry in self.schema.objects}
        self._undo: list[Callable[[], object]] | None = None
        self.organization_id = self._metadata("Organization", Name="Waybill Simulator", IsSandbox=True, InstanceName="SIM1",
                                              OrganizationType="Developer Edition", TimeZoneSidKey="GMT")  # fmt: skip
        profile = self._metadata(
            "Profile", Name="Minimum Access - API Only", PermissionsViewAllData=False, PermissionsModifyAllData=False
        )
        self.admin_id = self._user("admin@example.com", "Admin", profile)
        self.api_user_id = self._user("waybill@example.com", "Integration", profile)
        for name, values in endowment(self):
            self._metadata(name, **values)
        if "pricebookentry" in self.schema.by_name:
            prices = self.schema.by_name["pricebookentry"].name
            self.automation.triggers[prices] = [partial(require_standard_price, self)]

    # -- looking ------------------------------------------------------------------------------------------------------

    def sobject(self, name: str) -> SObject | None:
        """The object as the API user sees it: None where it is unknown or hidden."""
        found = self.schema.by_name.get(name.lower())
        return None if found is None or found.name in self.permissions.hidden_objects else found

    def table(self, name: str) -> Table:
        return self._tables[name]

    def rows_of(self, name: str) -> Iterator[Record]:
        """Records of an object that is not kept in a table of its own order, such as permissions, are made when asked for."""
        if name in rights.OBJECTS:
            made = rights.records(self.schema, self.permissions, self.api_user_id)
            return (record for sobject, record in made if sobject == name)
        return self._tables[name].rows()

    def parent(self, sobject: SObject, reference: str) -> Record | None:
        """The record that a reference points to; by way of NAME that of any object, and which."""
        if sobject is NAME:
            target = self.schema.by_prefix.get(reference[:3])
            found = None if target is None else self._tables[target.name].get(reference[:15])
            return None if target is None or found is None else {**found, "Type": target.name}
        if sobject.name in rights.OBJECTS:
            return next((row for row in self.rows_of(sobject.name) if row.get(sobject.key) == reference), None)
        return self._tables[sobject.name].get(reference[:15])

    def visible(self, sobject: SObject, record: Record) -> bool:
        return self.permissions.view_all or not sobject.owned or record.get("OwnerId") == self.api_user_id

    def get(self, sobject: str, record_id: str) -> Record | None:
        """A copy of a record, for tests; None where it is missing or deleted."""
        with self.lock:
            found = self._tables[sobject].get(key_of(record_id) or "")
            return None if found is None or found.get("IsDeleted") else dict(found)

    def all(self, sobject: str) -> list[Record]:
        """Copies of all undeleted records, for tests."""
        with self.lock:
            return [dict(row) for row in self.rows_of(sobject) if not row.get("IsDeleted")]

    # -- writing ------------------------------------------------------------------------------------------------------

    def insert(self, sobject: str, values: Values, *, user_id: str | None = None) -> str:
        """Returns the new id. Raises Fault."""
        with self._transaction():
            return self._insert(self._writable(sobject), values, user_id or self.admin_id)

    def update(
        self,
        sobject: str,
        record_id: str,
        values: Values,
        *,
        user_id: str | None = None,
        unmodified_since: datetime | None = None,
    ) -> None:
        """Raises Fault; PRECONDITION_FAILED where the record was modified after `unmodified_since`."""
        with self._transaction():
            self._update(self._writable(sobject), record_id, values, user_id or self.admin_id, unmodified_since=unmodified_since)

    def delete(self, sobject: str, record_id: str, *, user_id: str | None = None) -> None:
        """To the recycle bin: queryAll still shows it. Lookups to it are cleared."""
        with self._transaction():
            self._delete(self._writable(sobject), record_id, user_id or self.admin_id)

    def forget(self, sobject: str, record_id: str) -> None:
        """Takes a record away without a trace: not even the recycle bin has it."""
        with self.lock:
            table, key = self._tables[sobject], record_id[:15]
            record = table.get(key)
            if record is not None:
                table.remove(key)
            if record is not None and self._undo is not None:
                self._undo.append(partial(table.put, key, record))

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Everything within is undone if it raises."""
        with self.lock:
            outer, self._undo = self._undo, []
            try:
                yield
            except BaseException:
                for undo in reversed(self._undo):
                    undo()
                self._undo = []
                raise
            finally:
                done, self._undo = self._undo, outer
                if outer is not None:
                    outer.extend(done)

    # A single write is undone as a whole as well: a trigger may reject it late.
    _transaction = atomic

    def _put(self, sobject: SObject, record: Record) -> None:
        table, key = self._tables[sobject.name], str(record["Id"])[:15]
        old = table.put(key, record)
        if self._undo is not None:
            self._undo.append(partial(table.remove, key) if old is None else partial(table.put, key, old))

    def _writable(self, name: str) -> SObject:
        found = self.schema.by_name.get(name.lower())
        if found is None or found.name in self.permissions.hidden_objects:
            raise Fault("NOT_FOUND", "The requested resource does not exist")
        if not found.writable:
            raise Fault("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be inserted or updated: {found.name}")
        return found

    def _insert(self, sobject: SObject, values: Values, user_id: str) -> str:
        rights_of = self._rights(user_id)
        record = checks.checked(sobject, checks.fields_of(sobject, values, rights_of), rights_of, creating=True)
        new_id, now = self._ids.next(sobject.prefix), stamp(self.clock())
        if sobject.owned:
            record.setdefault("OwnerId", user_id)
        if record.get("Name") is None and any(entry.name == "Name" and entry.defaulted for entry in sobject.fields):
            record["Name"] = new_id
        for entry in sobject.booleans:
            record.setdefault(entry.name, False)
        record |= {"Id": new_id, "IsDeleted": False, "CreatedDate": now, "CreatedById": user_id}
        self._commit(sobject, None, record, user_id)
        return new_id

    def _update(
        self, sobject: SObject, record_id: str, values: Values, user_id: str, *, unmodified_since: datetime | None
    ) -> None:
        rights_of = self._rights(user_id)
        named = checks.fields_of(sobject, values, rights_of)
        old = self.existing(sobject, record_id, user_id)
        if unmodified_since is not None and str(old["LastModifiedDate"]) > stamp(unmodified_since):
            raise Fault("PRECONDITION_FAILED", "The record was modified after the date given in If-Unmodified-Since")
        self._commit(sobject, old, {**old, **checks.checked(sobject, named, rights_of, creating=False)}, user_id)

    def _commit(self, sobject: SObject, old: Record | None, record: Record, user_id: str) -> None:
        now = stamp(self.clock())
        record |= {"LastModifiedDate": now, "LastModifiedById": user_id, "SystemModstamp": now}
        checks.named(sobject, record)
        checks.require(sobject, record)
        self._check_references(sobject, old, record)
        self._check_unique(sobject, record)
        objection = self.automation.objections(sobject.name, record)
        if objection:
            raise Fault("FIELD_CUSTOM_VALIDATION_EXCEPTION", objection, fields=[])
        for trigger in self.automation.of(sobject.name):
            record |= trigger(None if old is None else dict(old), dict(record)) or {}
        self._put(sobject, record)

    def _delete(self, sobject: SObject, record_id: str, user_id: str) -> None:
        old, now = self.existing(sobject, record_id, user_id), stamp(self.clock())
        kept = self.automation.keeps(sobject.name, old)
        if kept:
            raise Fault("DELETE_FAILED", kept, fields=[])
        changed: Record = {"LastModifiedDate": now, "LastModifiedById": user_id, "SystemModstamp": now}
        self._put(sobject, {**old, **changed, "IsDeleted": True})
        for child, entry in self.schema.children(sobject.name):
            for row in self._referring(child, entry, str(old["Id"])[:15]):
                match entry.on_delete:
                    case "restrict":
                        message = f"Your attempt to delete {old.get('Name')} could not be completed because it is associated with"
                        raise Fault("DELETE_FAILED", f"{message} the following {child.plural}: {row.get('Name')}", fields=[])
                    case "cascade":
                        self._delete(child, str(row["Id"]), user_id)
                    case "clear":
                        self._put(child, {**row, entry.name: None, "SystemModstamp": now})

    def _referring(self, child: SObject, entry: Field, key: str) -> list[Record]:
        table = self._tables[child.name]
        if not child.writable or not table.indexes(entry.name):
            return []
        return [row for row in table.between(entry.name, (key, ""), (key, "\x7f")) if not row.get("IsDeleted")]

    def existing(self, sobject: SObject, record_id: str, user_id: str) -> Record:
        """The record that is about to be written. Raises Fault, in the words of a row's error."""
        key = require_key(record_id)
        if key[:3] != sobject.prefix:
            raise Fault("MALFORMED_ID", f"{sobject.label} ID: id value of incorrect type: {record_id}", fields=["Id"])
        found = self._tables[sobject.name].get(key)
        if found is None:
            raise Fault("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[])
        if found.get("IsDeleted"):
            raise Fault("ENTITY_IS_DELETED", "entity is deleted", fields=[])
        if user_id == self.api_user_id and not self.visible(sobject, found):
            message = "insufficient access rights on cross-reference id"
            raise Fault("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", message, fields=[])
        return found

    def _check_references(self, sobject: SObject, old: Record | None, record: Record) -> None:
        for entry in sobject.fields:
            value = record.get(entry.name)
            if entry.type != "reference" or value is None or (old is not None and old.get(entry.name) == value):
                continue
            key = str(value)[:15]
            targets = [self.schema.by_name[name.lower()] for name in entry.references]
            target = next((one for one in targets if one.prefix == key[:3]), None)
            if target is None:
                message = f"{entry.label}: id value of incorrect type: {value}"
                raise Fault("FIELD_INTEGRITY_EXCEPTION", message, fields=[entry.name])
            found = self._tables[target.name].get(key)
            if found is None:
                raise Fault("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[entry.name])
            if found.get("IsDeleted"):
                raise Fault("ENTITY_IS_DELETED", "entity is deleted", fields=[entry.name])

    def _check_unique(self, sobject: SObject, record: Record) -> None:
        for entry in sobject.fields:
            if not entry.unique or record.get(entry.name) is None:
                continue
            key = str(record["Id"])[:15]
            others = [other for other in self._tables[sobject.name].keys_with(entry.name, record[entry.name]) if other != key]
            if others:
                message = f"duplicate value found: {entry.name} duplicates value on record with id: {to_18(others[0])}"
                raise Fault("DUPLICATE_VALUE", message, fields=[entry.name])

    def _rights(self, user_id: str) -> Permissions:
        return self.permissions if user_id == self.api_user_id else Permissions()

    # -- automation ---------------------------------------------------------------------------------------------------

    def add_trigger(self, sobject: str, name: str, trigger: Trigger) -> None:
        """Automation that runs on every insert and update; an ApexTrigger record shows it."""
        self.automation.triggers.setdefault(sobject, []).append(trigger)
        usage = dict.fromkeys(("UsageBeforeInsert", "UsageAfterInsert", "UsageBeforeUpdate", "UsageAfterUpdate"), True)
        rest = dict.fromkeys(("UsageBeforeDelete", "UsageAfterDelete"), False)
        self._metadata("ApexTrigger", Name=name, TableEnumOrId=sobject, Status="Active", **usage, **rest)

    def add_flow(self, sobject: str, name: str, trigger: Trigger) -> None:
        """The same as a record-triggered flow."""
        self.automation.triggers.setdefault(sobject, []).append(trigger)
        label = self.schema.by_name[sobject.lower()].label
        self._metadata("FlowDefinitionView", ApiName=name, DurableId=name, Label=name, IsActive=True, ProcessType="AutoLaunchedFlow",
                       TriggerType="RecordAfterSave", RecordTriggerType="Update", TriggerObjectOrEventLabel=label,
                       TriggerObjectOrEventId=sobject)  # fmt: skip

    def add_validation_rule(self, sobject: str, name: str, rule: Rule) -> None:
        """A rule that may reject a record; a ValidationRule record (Tooling API) shows it."""
        self.automation.rules.setdefault(sobject, []).append(rule)
        self._metadata("ValidationRule", ValidationName=name, EntityDefinitionId=sobject, Active=True, ErrorMessage=name)

    def keep(self, sobject: str, rule: Rule) -> None:
        """A rule that may refuse a deletion, as of a record that is active."""
        self.automation.deletions.setdefault(self.schema.by_name[sobject.lower()].name, []).append(rule)

    def _metadata(self, sobject: str, **fields: Scalar) -> str:
        """Puts a record that the API cannot write."""
        with self.lock:
            shape = self.schema.by_name[sobject.lower()]
            now, new_id = stamp(self.clock()), self._ids.next(shape.prefix)
            system: Record = {"IsDeleted": False, "CreatedDate": now, "LastModifiedDate": now, "SystemModstamp": now}
            self._put(shape, {"Id": new_id, **fields, **system})
            return new_id

    def _user(self, username: str, last_name: str, profile_id: str) -> str:
        return self._metadata("User", Username=username, Name=f"Waybill {last_name}", FirstName="Waybill", LastName=last_name,
                              Email=username, IsActive=True, ProfileId=profile_id)  # fmt: skip
