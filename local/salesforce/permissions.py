"""What the API user may see and change, switchable for tests, and the metadata records that show it to a query."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from local.salesforce.ids import IdGenerator
from local.salesforce.schema import Schema
from local.salesforce.table import Record

OBJECTS = (
    "UserPermissionAccess",
    "PermissionSet",
    "PermissionSetAssignment",
    "ObjectPermissions",
    "FieldPermissions",
    "EntityDefinition",
)


@dataclass
class Permissions:
    """Field names are written `DocListEntry__c.URL__c`."""

    view_all: bool = True
    hidden_fields: set[str] = field(default_factory=set)
    read_only_fields: set[str] = field(default_factory=set)
    hidden_objects: set[str] = field(default_factory=set)
    read_only_objects: set[str] = field(default_factory=set)

    def sees(self, sobject: str, name: str) -> bool:
        return f"{sobject}.{name}" not in self.hidden_fields

    def may_edit(self, sobject: str, name: str) -> bool:
        return sobject not in self.read_only_objects and f"{sobject}.{name}" not in self.read_only_fields | self.hidden_fields


def records(schema: Schema, permissions: Permissions, user_id: str) -> Iterator[tuple[str, Record]]:
    """(object, record) of everything that follows from the permissions and the schema. The same each time it is asked."""
    ids = IdGenerator()
    grants: Record = {
        "PermissionsViewAllData": permissions.view_all,
        "PermissionsModifyAllData": False,
        "PermissionsApiEnabled": True,
    }
    set_id = ids.next("0PS")
    yield "UserPermissionAccess", {"Id": ids.next("0LR"), **grants}
    named: Record = {"Name": "Waybill_Api", "Label": "Waybill API user", "IsOwnedByProfile": False}
    yield "PermissionSet", {"Id": set_id, **named, **grants}
    yield "PermissionSetAssignment", {"Id": ids.next("0Pa"), "AssigneeId": user_id, "PermissionSetId": set_id}
    for sobject in schema.objects:
        developer_name = sobject.name.removesuffix("__c")
        name: Record = {"DurableId": sobject.name, "QualifiedApiName": sobject.name, "DeveloperName": developer_name}
        yield "EntityDefinition", {"Id": "000000000000000AAA", **name, "Label": sobject.label, "KeyPrefix": sobject.prefix}
        if not sobject.writable or sobject.name in permissions.hidden_objects:
            continue
        edit = sobject.name not in permissions.read_only_objects
        rights: Record = {"PermissionsRead": True, "PermissionsCreate": edit, "PermissionsEdit": edit, "PermissionsDelete": edit}
        whole: Record = {"PermissionsViewAllRecords": permissions.view_all, "PermissionsModifyAllRecords": False}
        yield "ObjectPermissions", {"Id": ids.next("110"), "ParentId": set_id, "SobjectType": sobject.name, **rights, **whole}
        for entry in sobject.fields:
            if entry.name == "Id" or entry.defaulted or not entry.nillable or not permissions.sees(sobject.name, entry.name):
                continue
            record: Record = {"Id": ids.next("01k"), "ParentId": set_id, "SobjectType": sobject.name}
            record |= {"Field": f"{sobject.name}.{entry.name}", "PermissionsRead": True}
            record["PermissionsEdit"] = permissions.may_edit(sobject.name, entry.name)
            yield "FieldPermissions", record
