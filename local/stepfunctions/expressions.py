"""JSONata as Step Functions runs it: compiled once, checked against AWS's restrictions, evaluated safely from many threads."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Flag, auto

from jsonata import Jsonata
from jsonata.parser import Parser

from local.stepfunctions.errors import DefinitionError, QueryFailed
from local.stepfunctions.functions import FUNCTIONS
from local.stepfunctions.values import Json, from_jsonata, to_jsonata

_OPEN, _CLOSE = "{%", "%}"
_CHILDREN = (
    "arguments", "body", "condition", "delete", "_else", "expr", "expression", "expressions", "lhs", "lhs_object",
    "pattern", "procedure", "rhs", "steps", "terms", "then", "update",
)  # fmt: skip
# Inside these, a name or `$` refers to a value that the expression itself has found.
_INNER = ("group", "predicate", "stages")
_CONTEXTUAL = {"transform": ("delete", "pattern", "update"), "filter": ("expr",), "sort": ("terms",)}


class Uses(Flag):
    """Which optional parts of `$states` a field may read."""

    NOTHING = 0
    RESULT = auto()
    ERROR_OUTPUT = auto()


def _nodes(value: object) -> Iterator[Parser.Symbol]:
    if isinstance(value, Parser.Symbol):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _nodes(item)


class _Check:
    """Walks a syntax tree once, for what Step Functions refuses when a machine is created."""

    def __init__(self, where: str, uses: Uses) -> None:
        self._where = where
        self._uses = uses
        self._seen: set[int] = set()

    def _refuse(self, what: str) -> None:
        raise DefinitionError(f"{self._where}: {what}")

    def walk(self, node: Parser.Symbol, *, inner: bool) -> None:
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        kind, value = node.type, node.value
        if kind == "variable" and value == "$":
            self._refuse("'$$' is not available in Step Functions")
        if not inner and kind in {"name", "wildcard", "descendant"}:
            self._refuse(f"the unqualified name '{value}' has nothing to refer to; begin with $states or a variable")
        if not inner and kind == "variable" and value == "":
            self._refuse("'$' has nothing to refer to at the top level")
        if kind == "variable" and value == "eval":
            self._refuse("'$eval' is not available in Step Functions")
        if kind == "path":
            self._path(node, inner=inner)
        contextual = _CONTEXTUAL.get(kind or "", ())
        for attribute in (*_CHILDREN, *_INNER):
            if kind == "path" and attribute == "steps":
                continue
            if kind == "lambda" and attribute == "arguments":
                continue
            for child in _nodes(getattr(node, attribute, None)):
                self.walk(child, inner=inner or attribute in _INNER or attribute in contextual)

    def _path(self, node: Parser.Symbol, *, inner: bool) -> None:
        steps = list(_nodes(node.steps))
        for index, step in enumerate(steps):
            self.walk(step, inner=inner or index > 0)
        if len(steps) > 1 and steps[0].type == "variable" and steps[0].value == "states" and steps[1].type == "name":
            self._states_field(str(steps[1].value))

    def _states_field(self, name: str) -> None:
        if name not in {"input", "context", "result", "errorOutput"}:
            self._refuse(f"'$states.{name}' does not exist")
        if name == "result" and Uses.RESULT not in self._uses:
            self._refuse("'$states.result' is not available here")
        if name == "errorOutput" and Uses.ERROR_OUTPUT not in self._uses:
            self._refuse("'$states.errorOutput' is available in a Catch only")


class Expression:
    """One `{% ... %}`. Thread-safe: jsonata-python keeps the state of an evaluation on the object, so each works on a copy."""

    def __init__(self, source: str, field: str, where: str, uses: Uses) -> None:
        self.source = source
        self.field = field
        try:
            self._compiled = Jsonata(source)
        except Exception as error:
            raise DefinitionError(f"{where}: the JSONata expression '{source}' does not parse: {error}") from error
        self._compiled.set_validate_input(False)
        self._compiled.set_output_convert_nulls(False)
        _Check(where, uses).walk(self._compiled.ast, inner=False)

    def evaluate(self, bindings: Mapping[str, Json]) -> Json:
        """Plain JSON, never undefined. `bindings` hold values as `to_jsonata` gives them."""
        run = copy.copy(self._compiled)
        Jsonata.CURRENT.jsonata = run
        try:
            result = run.evaluate(None, {**FUNCTIONS, **bindings})
            value = None if result is None else from_jsonata(result)
        except Exception as error:
            # Whatever the library raises (its own error, TypeError, RecursionError) is this expression's failure.
            raise QueryFailed(
                f"The JSONata expression '{self.source}' specified for the field '{self.field}' threw an error during evaluation. "
                f"{type(error).__name__}: {error}",
                self.field,
            ) from error
        if result is None:
            raise QueryFailed(
                f"The JSONata expression '{self.source}' specified for the field '{self.field}' returned nothing (undefined).",
                self.field,
            )
        return value


@dataclass(frozen=True, slots=True)
class Template:
    """A field's value: JSON in which any string may be an expression. `field` is its name in errors."""

    field: str
    value: Json

    def render(self, bindings: Mapping[str, Json]) -> Json:
        return _render(self.value, bindings)

    def typed(self, bindings: Mapping[str, Json], kind: type | tuple[type, ...], name: str) -> Json:
        """The rendered value if it is a `kind` (bool is no number), else the error AWS gives; `name` is JSON's word for it."""
        value = self.render(bindings)
        accepted = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
            source = self.value.source if isinstance(self.value, Expression) else value
            raise QueryFailed(
                f"The JSONata expression '{source}' specified for the field '{self.field}' returned an unexpected result type. "
                f"Expected '{name}', but was '{_json_type(value)}'.",
                self.field,
            )
        return value


def _json_type(value: Json) -> str:
    names = ((bool, "boolean"), (str, "string"), (int | float, "number"), (list, "array"), (dict, "object"))
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def _render(value: Json, bindings: Mapping[str, Json]) -> Json:
    if isinstance(value, Expression):
        return value.evaluate(bindings)
    if isinstance(value, dict):
        return {key: _render(item, bindings) for key, item in value.items()}
    if isinstance(value, list):
        return [_render(item, bindings) for item in value]
    return value


def compile_template(value: Json, field: str, where: str, uses: Uses = Uses.NOTHING) -> Template:
    """Compiles every expression in `value`; `where` says which state, for the error of one that is wrong."""
    return Template(field, _compile(value, field, where, uses))


def _compile(value: Json, field: str, where: str, uses: Uses) -> Json:
    if isinstance(value, dict):
        return {key: _compile(item, f"{field}/{key}", where, uses) for key, item in value.items()}
    if isinstance(value, list):
        return [_compile(item, f"{field}[{index}]", where, uses) for index, item in enumerate(value)]
    if isinstance(value, str) and (value.startswith(_OPEN) or value.endswith(_CLOSE)):
        if not (value.startswith(_OPEN) and value.endswith(_CLOSE)):
            raise DefinitionError(
                f"{where}, field '{field}': an expression begins with '{{%' and ends with '%}}', and is the whole string"
            )
        return Expression(value[2:-2].strip(), field, f"{where}, field '{field}'", uses)
    return value


class Variables:
    """Variables of a workflow: an inner scope reads those outside, and writes its own."""

    def __init__(self, outer: "Variables | None" = None) -> None:
        self._outer = outer
        self._own: dict[str, Json] = {}

    def assign(self, values: Mapping[str, Json]) -> None:
        self._own = {**self._own, **{name: to_jsonata(value) for name, value in values.items()}}

    def visible(self) -> dict[str, Json]:
        return {**(self._outer.visible() if self._outer else {}), **self._own}
