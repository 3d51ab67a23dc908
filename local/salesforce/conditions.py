"""Turns a WHERE into a predicate over records. Text compares without case, ids by their first 15 characters, bytewise."""

import operator
import re
from collections.abc import Callable
from datetime import date
from typing import Any

from local.salesforce import soql_ast as ast
from local.salesforce.dates import literal_range, parse_datetime, stamp, start_of_day
from local.salesforce.errors import Fault
from local.salesforce.ids import key_of
from local.salesforce.loose import loose_test
from local.salesforce.paths import Scope
from local.salesforce.schema import NUMBERS, Field
from local.salesforce.soql_ast import Kind
from local.salesforce.table import Record

Predicate = Callable[[Record], bool]
Test = Callable[[Any], bool]  # Any: a field's value
# Runs a semi-join and gives the values that it selects.
SubQuery = Callable[[ast.Query], list[Any]]

_ORDERING: dict[str, Callable[[Any, Any], bool]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "'": "'", '"': '"', "\\": "\\"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


def compiled(condition: ast.Condition, scope: Scope, sub_query: SubQuery) -> Predicate:
    match condition:
        case ast.And(parts):
            tests = [compiled(part, scope, sub_query) for part in parts]
            return lambda record: all(test(record) for test in tests)
        case ast.Or(parts):
            tests = [compiled(part, scope, sub_query) for part in parts]
            return lambda record: any(test(record) for test in tests)
        case ast.Not(part):
            inner = compiled(part, scope, sub_query)
            return lambda record: not inner(record)
        case ast.Comparison(field, sign, value):
            entry = _filterable(field, scope)
            return _applied(field, scope, _comparison(entry, sign, value, scope))
        case ast.Membership(field, negated, values):
            entry = _filterable(field, scope)
            if isinstance(values, ast.Query):
                if not entry.is_id:
                    raise scope.fault(field.position, f"semi join field must be an id or reference: {field.text}")
                members = {str(value)[:15] for value in sub_query(values) if value is not None}
            elif entry.loose:
                tests = [_loose("=", value, scope) for value in values]
                return _applied(field, scope, lambda found: any(test(found) for test in tests) != negated)
            else:
                members = {_operand(entry, value, scope) for value in values}
            norm = _normaliser(entry)
            return _applied(field, scope, lambda found: (norm(found) in members) != negated)


def _filterable(ref: ast.FieldRef, scope: Scope) -> Field:
    entry = scope.resolve(ref).field
    if not entry.filterable:
        raise scope.fault(ref.position, f"field '{ref.text}' can not be filtered in a query call", code="INVALID_FIELD")
    return entry


def _applied(ref: ast.FieldRef, scope: Scope, test: Test) -> Predicate:
    resolved = scope.resolve(ref)
    if resolved.direct:
        name = resolved.field.name
        return lambda record: test(record.get(name))
    get = scope.getter(resolved)
    return lambda record: test(get(record))


def _normaliser(entry: Field) -> Callable[[Any], Any]:
    if entry.is_text:
        return lambda value: None if value is None else value.lower()
    if entry.is_id:
        return lambda value: None if value is None else value[:15]
    if entry.type == "boolean":
        return bool
    return lambda value: value


def _comparison(entry: Field, sign: str, literal: ast.Literal, scope: Scope) -> Test:
    if sign == "LIKE":
        return _like(entry, literal, scope)
    if literal.kind is Kind.DATE_LITERAL:
        return _in_range(entry, sign, literal, scope)
    if entry.loose:
        return _loose(sign, literal, scope)
    operand, norm = _operand(entry, literal, scope), _normaliser(entry)
    if sign in {"=", "!="}:
        return (lambda found: norm(found) == operand) if sign == "=" else (lambda found: norm(found) != operand)
    if operand is None or entry.type == "boolean":
        message = f"invalid operator on {entry.type} field: {sign} {literal.text}"
        raise scope.fault(literal.position, message, code="INVALID_QUERY_FILTER_OPERATOR")
    compare = _ORDERING[sign]
    # Null is neither more nor less than anything.
    return lambda found: found is not None and compare(norm(found), operand)


def _loose(sign: str, literal: ast.Literal, scope: Scope) -> Test:
    text = unescaped(literal, scope) if literal.kind is Kind.STRING else literal.text
    try:
        return loose_test(sign, literal.kind, text)
    except ValueError:
        raise scope.fault(literal.position, f"Invalid date: {literal.text}") from None


def _wrong_type(entry: Field, literal: ast.Literal, scope: Scope) -> Fault:
    kind = {"datetime": "dateTime", "reference": "ID", "id": "ID"}.get(entry.type, "string" if entry.is_text else entry.type)
    quotes = "" if entry.is_text or entry.is_id else "not "
    message = (
        f"value of filter criterion for field '{entry.name}' must be of type {kind} and should {quotes}be enclosed in quotes"
    )
    return scope.fault(literal.position, message, code="INVALID_FIELD")


def _operand(entry: Field, literal: ast.Literal, scope: Scope) -> Any:
    """The literal in the form in which the field's values are compared."""
    if literal.kind is Kind.NULL:
        return None if entry.type != "boolean" else False
    expected = Kind.STRING if entry.is_text or entry.is_id else Kind.NUMBER if entry.type in NUMBERS else Kind(entry.type)
    if literal.kind is not expected:
        raise _wrong_type(entry, literal, scope)
    match expected:
        case Kind.STRING:
            text = unescaped(literal, scope)
            if entry.is_text:
                return text.lower() or None
            key = key_of(text)
            if key is None:
                raise scope.fault(literal.position, f"invalid ID field: {text}", code="INVALID_QUERY_FILTER_OPERATOR")
            return key
        case Kind.NUMBER:
            return float(literal.text)
        case Kind.BOOLEAN:
            return literal.text == "true"
        case _:
            return _moment(literal, scope)


def _moment(literal: ast.Literal, scope: Scope) -> str:
    try:
        return date.fromisoformat(literal.text).isoformat() if literal.kind is Kind.DATE else stamp(parse_datetime(literal.text))
    except ValueError:
        raise scope.fault(literal.position, f"Invalid date: {literal.text}") from None


def _in_range(entry: Field, sign: str, literal: ast.Literal, scope: Scope) -> Test:
    days = literal_range(literal.text, scope.org.clock())
    if days is None:
        raise scope.fault(literal.position, f"unexpected token: '{literal.text}'")
    if entry.type not in {"date", "datetime"} and not entry.loose:
        raise _wrong_type(entry, literal, scope)
    first, after = (start_of_day(day) if entry.type == "datetime" else day.isoformat() for day in days)
    tests: dict[str, Test] = {
        "=": lambda found: found is not None and first <= found < after,
        "!=": lambda found: found is None or not first <= found < after,
        "<": lambda found: found is not None and found < first,
        "<=": lambda found: found is not None and found < after,
        ">": lambda found: found is not None and found >= after,
        ">=": lambda found: found is not None and found >= first,
    }
    return tests[sign]


def unescaped(literal: ast.Literal, scope: Scope) -> str:
    def one(found: re.Match[str]) -> str:
        escape = found[1]
        if len(escape) > 1:
            return chr(int(escape[1:], 16))
        if escape not in _ESCAPES:
            raise scope.fault(literal.position, f"Illegal escape sequence: {found[0]}")
        return _ESCAPES[escape]

    return _ESCAPE.sub(one, literal.text)


def _like(entry: Field, literal: ast.Literal, scope: Scope) -> Test:
    if not entry.is_text:
        message = f"invalid operator on {entry.type} field: LIKE"
        raise scope.fault(literal.position, message, code="INVALID_QUERY_FILTER_OPERATOR")
    if literal.kind is not Kind.STRING:
        raise _wrong_type(entry, literal, scope)
    pattern, at = "", 0
    for found in re.finditer(r"\\(?:u[0-9a-fA-F]{4}|.)|[%_]", literal.text, re.DOTALL):
        pattern += re.escape(literal.text[at : found.start()])
        at = found.end()
        if found[0] in {"%", "_"}:
            pattern += ".*" if found[0] == "%" else "."
        elif found[0] in {r"\%", r"\_"}:
            pattern += re.escape(found[0][1:])
        else:
            pattern += re.escape(unescaped(ast.Literal(literal.kind, found[0], literal.position), scope))
    pattern += re.escape(literal.text[at:])
    matches = re.compile(pattern, re.IGNORECASE | re.DOTALL).fullmatch
    return lambda found: found is not None and matches(found) is not None
