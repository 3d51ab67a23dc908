"""Resolves the fields that a statement names, through parents, against the schema and the user's permissions."""

from collections.abc import Callable
from dataclasses import dataclass

from local.salesforce import soql_ast as ast
from local.salesforce.errors import Fault
from local.salesforce.org import Org
from local.salesforce.schema import NAME, Api, Field, SObject
from local.salesforce.soql import located
from local.salesforce.table import Record, Scalar

_DEEPEST = 5


@dataclass(frozen=True)
class Hop:
    reference: Field
    target: SObject


@dataclass(frozen=True)
class Resolved:
    """A field, and the references that lead to it from the object of the statement."""

    hops: tuple[Hop, ...]
    field: Field

    @property
    def direct(self) -> bool:
        return not self.hops


class Scope:
    """The object of one FROM, as the API user sees it."""

    def __init__(self, org: Org, query: ast.Query, api: Api) -> None:
        self.org = org
        self.api = api
        self._text = query.text
        found = org.sobject(query.sobject)
        if found is None or api not in found.apis:
            raise located(
                query.text,
                query.sobject_position,
                f"sObject type '{query.sobject}' is not supported. If you are attempting to use a custom object, be sure to append the "
                "'__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
                code="INVALID_TYPE",
            )
        self.sobject = found
        self._prefixes = {found.name.lower(), (query.alias or found.name).lower()}

    def fault(self, position: int, message: str, *, code: str = "MALFORMED_QUERY") -> Fault:
        return located(self._text, position, message, code=code)

    def resolve(self, ref: ast.FieldRef) -> Resolved:
        path = ref.path[1:] if len(ref.path) > 1 and ref.path[0].lower() in self._prefixes else ref.path
        sobject, hops = self.sobject, []
        if len(path) > _DEEPEST + 1:
            raise self.fault(ref.position, f"more than {_DEEPEST} levels of parents: {ref.text}")
        for name in path[:-1]:
            reference = sobject.by_relationship.get(name.lower())
            target = None if reference is None else self._target(reference)
            if reference is None or target is None or not self.org.permissions.sees(sobject.name, reference.name):
                message = f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name."
                raise self.fault(ref.position, message, code="INVALID_FIELD")
            hops.append(Hop(reference, target))
            sobject = target
        field = sobject.by_name.get(path[-1].lower())
        if field is None or not self.org.permissions.sees(sobject.name, field.name):
            message = (
                f"No such column '{path[-1]}' on entity '{sobject.name}'. If you are attempting to use a custom field, be sure to "
                "append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
            )
            raise self.fault(ref.position, message, code="INVALID_FIELD")
        return Resolved(tuple(hops), field)

    def _target(self, reference: Field) -> SObject | None:
        return NAME if reference.polymorphic else self.org.sobject(reference.references[0])

    def getter(self, resolved: Resolved) -> Callable[[Record], Scalar]:
        """Reads the field from a record; null where a parent is missing."""
        name, org = resolved.field.name, self.org
        if not resolved.hops:
            return lambda record: record.get(name)

        def through_parents(record: Record) -> Scalar:
            current: Record | None = record
            for hop in resolved.hops:
                reference = None if current is None else current.get(hop.reference.name)
                current = None if reference is None else org.parent(hop.target, str(reference))
            return None if current is None else current.get(name)

        return through_parents
