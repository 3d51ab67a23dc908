"""The options of an SFDMU plan: honoured, of no consequence here, or refused by name. None is ignored in silence."""

from collections.abc import Mapping
from typing import Any

from waybill.errors import InvalidInput
from waybill.records.domain import Operation

_HONOURED_OF_PLAN = frozenset(
    {
        "objects",
        "objectsets",
        "excludedobjects",
        "useseparatedcsvfiles",
        "csvreadfiledelimiter",
        "csvfiledelimiter",
        "allowfieldtruncation",
    }
)
# How SFDMU talks to an org, writes files, or asks questions: Waybill does these things its own way.
_NO_MATTER_OF_PLAN = frozenset(
    {
        "allornone", "alwaysuserestapitoupdaterecords", "apiversion", "binarydatacache", "bulkapiv1batchsize", "bulkapiversion",
        "bulkthreshold", "concurrencymode", "createtargetcsvfiles", "csvalwaysquoted", "csvfileencoding", "csvinsertnulls",
        "csvuseutf8bom", "csvwriteuppercaseheaders", "csvreaduppercaseheaders", "csvreadfileencoding", "encryptdatafiles",
        "excludeidsfromcsvfiles", "importcsvfilesasis", "keepobjectorderwhileexecute", "orgs", "parallelbinarydownloads",
        "parallelbulkjobs", "parallelrestjobs", "pollinginterval", "pollingintervalms", "pollingquerytimeoutms", "promptonissuesincsvfiles",
        "promptonmissingparentobjects", "promptonupdateerror", "proxyurl", "queryallmaxrows", "querybulkapithreshold", "queryconcurrencymode",
        "restapibatchsize", "simulationmode", "sourcerecordscache", "usejsforcedefaultquery", "validatecsvfilesonly", "usehumanreadablelogs",
        "allowbinarydatacache",
    }
)  # fmt: skip
_HONOURED_OF_OBJECT = frozenset(
    {
        "query", "operation", "externalid", "excluded", "skipexistingrecords", "deleteolddata", "usecsvvaluesmapping",
        "targetrecordsfilter", "excludedfields", "excludedfromupdatefields",
    }
)  # fmt: skip
_NO_MATTER_OF_OBJECT = frozenset(
    {
        "allornone", "alwaysuserestapi", "alwaysusebulkapi", "alwaysusebulkapitoupdaterecords", "bulkapiv1batchsize", "master",
        "restapibatchsize", "parallelbulkjobs", "parallelrestjobs", "queryallrecords", "usequeryall", "usesourcecsvfile",
        "skiprecordscomparison", "name", "usevaluesmapping", "respectorderbyonrefresh",
        "preserveorder", "alwaysuserestapitoupdaterecords",
    }
)  # fmt: skip
# Refused where they ask for something.
_REFUSED_OF_OBJECT = {
    "updatewithmockdata": "it would replace values by invented ones",
    "usefieldmapping": "give Waybill a mapping instead",
    "beforeaddons": "add-ons are programs of SFDMU",
    "afteraddons": "add-ons are programs of SFDMU",
    "beforeupdateaddons": "add-ons are programs of SFDMU",
    "afterupdateaddons": "add-ons are programs of SFDMU",
    "filterrecordsaddons": "add-ons are programs of SFDMU",
    "dataretrievedaddons": "add-ons are programs of SFDMU",
    "sourcerecordsfilter": "take the rows out of the file, or use targetRecordsFilter",
    "deletefromsource": "the source is a file",
    "deletebyhierarchy": "name the operation DeleteHierarchy",
    "deletequery": "use the query's WHERE",
    "harddelete": "rows that Waybill deletes can be brought back",
}
# They matter only beside one that is refused.
_BESIDE = frozenset({"mockfields", "fieldmapping"})


def _asks(value: object) -> bool:
    return not (value in (None, False, "", "false") or value in ([], {}))


def check_plan(plan: Mapping[str, Any]) -> list[str]:  # Any: JSON
    """Warnings; raises InvalidInput for what is refused."""
    warnings: list[str] = []
    for name, value in plan.items():
        key = name.lower()
        if name.startswith("$") or key in _HONOURED_OF_PLAN | _NO_MATTER_OF_PLAN or not _asks(value):
            continue
        if "addons" in key:
            raise InvalidInput(f"The plan's option {name} is not supported: add-ons are programs of SFDMU.")
        warnings.append(f"The plan's option {name} is unknown to Waybill and has no effect.")
    return warnings


def check_object(sobject: str, entry: Mapping[str, Any], operation: Operation) -> list[str]:  # Any: JSON
    """Warnings; raises InvalidInput for what is refused, by name."""
    warnings: list[str] = []
    for name, value in entry.items():
        key = name.lower()
        if name.startswith("$") or key in _HONOURED_OF_OBJECT | _NO_MATTER_OF_OBJECT | _BESIDE or not _asks(value):
            continue
        if key in _REFUSED_OF_OBJECT:
            raise InvalidInput(f"{sobject}: the option {name} is not supported: {_REFUSED_OF_OBJECT[key]}.")
        warnings.append(f"{sobject}: the option {name} is unknown to Waybill and has no effect.")
    if operation is Operation.HARD_DELETE:
        warnings.append(f"{sobject}: HardDelete deletes into the recycle bin, so that it can be undone.")
    if operation is Operation.DELETE_SOURCE:
        warnings.append(f"{sobject}: DeleteSource has no effect, because the source is a file.")
    return warnings
