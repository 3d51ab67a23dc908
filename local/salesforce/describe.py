"""What `describe` says of an object and its fields, with the keys of the real org and the permissions of the API user."""

from typing import Any

from local.salesforce.org import Org
from local.salesforce.schema import Field, Schema, SObject

_SOAP_TYPES = {"id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "datetime": "xsd:dateTime", "date": "xsd:date"}
_SOAP_TYPES |= {"int": "xsd:int", "double": "xsd:double", "currency": "xsd:double", "percent": "xsd:double"}
# Keys that are the same for every field here.
_CONSTANT: dict[str, Any] = {
    **dict.fromkeys(
        (
            "aiPredictionField",
            "autoNumber",
            "calculated",
            "cascadeDelete",
            "caseSensitive",
            "dependentPicklist",
            "deprecatedAndHidden",
        ),
        False,
    ),
    **dict.fromkeys(
        ("displayLocationInDecimal", "encrypted", "formulaTreatNullNumberAsZero", "highScaleNumber", "htmlFormatted"), False
    ),
    **dict.fromkeys(
        ("namePointing", "polymorphicForeignKey", "queryByDistance", "restrictedDelete", "restrictedPicklist"), False
    ),
    **dict.fromkeys(("searchPrefilterable", "writeRequiresMasterRead"), False),
    **dict.fromkeys(("calculatedFormula", "compoundFieldName", "controllerName", "defaultValue", "defaultValueFormula"), None),
    **dict.fromkeys(("extraTypeInfo", "filteredLookupInfo", "inlineHelpText", "mask", "maskType", "referenceTargetField"), None),
    "relationshipOrder": None,
}


def described_globally(org: Org, base: str) -> dict[str, Any]:
    entries = [summary(org, entry, base) for entry in org.schema.objects if _shown(org, entry)]
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sorted(entries, key=lambda entry: str(entry["name"]))}


def _shown(org: Org, sobject: SObject) -> bool:
    return "data" in sobject.apis and sobject.name not in org.permissions.hidden_objects


def summary(org: Org, sobject: SObject, base: str) -> dict[str, Any]:
    writable = sobject.writable and sobject.name not in org.permissions.read_only_objects
    path = f"{base}/sobjects/{sobject.name}"
    no = dict.fromkeys(
        ("activateable", "customSetting", "deepCloneable", "deprecatedAndHidden", "hasSubtypes", "isInterface"), False
    )
    return {
        **no,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": writable,
        "custom": sobject.custom,
        "deletable": writable,
        "feedEnabled": False,
        "isSubtype": False,
        "keyPrefix": sobject.prefix,
        "label": sobject.label,
        "labelPlural": sobject.plural,
        "layoutable": sobject.writable,
        "mergeable": False,
        "mruEnabled": False,
        "name": sobject.name,
        "queryable": True,
        "replicateable": sobject.writable,
        "retrieveable": True,
        "searchable": sobject.writable,
        "triggerable": sobject.writable,
        "undeletable": writable,
        "updateable": writable,
        "urls": {"rowTemplate": path + "/{ID}", "describe": path + "/describe", "sobject": path},
    }


def described(org: Org, sobject: SObject, base: str) -> dict[str, Any]:
    fields = [described_field(org, sobject, entry) for entry in sobject.fields if org.permissions.sees(sobject.name, entry.name)]
    return {
        **summary(org, sobject, base),
        "actionOverrides": [],
        "childRelationships": _children(org.schema, sobject),
        "compactLayoutable": False,
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": fields,
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [],
        "searchLayoutable": sobject.writable,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": "All", "name": "everything"}],
    }


def _children(schema: Schema, sobject: SObject) -> list[dict[str, Any]]:
    return [
        {
            "cascadeDelete": entry.on_delete == "cascade",
            "childSObject": child.name,
            "deprecatedAndHidden": False,
            "field": entry.name,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": None,
            "restrictedDelete": entry.on_delete == "restrict",
        }
        for child, entry in schema.children(sobject.name)
        if child.writable
    ]


def described_field(org: Org, sobject: SObject, entry: Field) -> dict[str, Any]:
    writable = sobject.writable and org.permissions.may_edit(sobject.name, entry.name)
    return {
        **_CONSTANT,
        "aggregatable": entry.filterable,
        "byteLength": entry.length if entry.is_id else entry.length * 3,
        "cascadeDelete": entry.on_delete == "cascade",
        "createable": entry.createable and writable,
        "custom": entry.custom,
        "defaultedOnCreate": entry.defaulted or entry.type == "boolean",
        "digits": entry.digits,
        "externalId": entry.external_id,
        "filterable": entry.filterable,
        "groupable": entry.groupable,
        "idLookup": entry.type == "id" or entry.external_id or (sobject.custom and entry.name_field),
        "label": entry.label,
        "length": entry.length,
        "name": entry.name,
        "nameField": entry.name_field,
        "namePointing": entry.polymorphic,
        "nillable": entry.nillable,
        "permissionable": entry.nillable and not entry.defaulted and sobject.writable,
        "picklistValues": [
            {"active": True, "defaultValue": False, "label": value, "validFor": None, "value": value} for value in entry.values
        ],
        "polymorphicForeignKey": entry.polymorphic,
        "precision": entry.precision,
        "referenceTo": list(entry.references) if entry.is_id else [],
        "relationshipName": entry.relationship,
        "restrictedDelete": entry.on_delete == "restrict",
        "restrictedPicklist": entry.restricted,
        "scale": entry.scale,
        "soapType": _SOAP_TYPES.get(entry.type, "xsd:string"),
        "sortable": entry.filterable,
        "type": entry.type,
        "unique": entry.unique,
        "updateable": entry.updateable and writable,
    }
