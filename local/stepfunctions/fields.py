"""Reading a definition's JSON strictly: every field is known, or refused by name."""

import re
from typing import Any

from local.stepfunctions.errors import DefinitionError
from local.stepfunctions.expressions import Expression, Template, Uses, compile_template
from local.stepfunctions.values import Json

_JSONPATH = frozenset(
    {"InputPath", "OutputPath", "Parameters", "ResultPath", "ResultSelector", "ItemsPath", "SecondsPath", "TimestampPath",
     "TimeoutSecondsPath", "HeartbeatSecondsPath", "ErrorPath", "CausePath", "MaxConcurrencyPath", "MaxItemsPath",
     "ToleratedFailurePercentagePath", "ToleratedFailureCountPath", "Variable", "Result"}
)  # fmt: skip
_VARIABLE = re.compile(r"[^\W\d]\w*")
_MAX_NAME = 80


class Fields:
    """An object of the definition. Whoever reads it takes each field; `close` refuses those that nobody took."""

    def __init__(self, value: Json, where: str, *, comment: bool = True, language: bool = False) -> None:
        if not isinstance(value, dict):
            raise DefinitionError(f"{where}: must be an object")
        self._left = dict(value)
        self.where = where
        if comment:
            self.take("Comment")
        if language:
            chosen = self.take("QueryLanguage")
            if chosen not in {None, "JSONata"}:
                raise DefinitionError(f"{where}: QueryLanguage '{chosen}' is not supported, only JSONata")

    def refuse(self, what: str) -> DefinitionError:
        return DefinitionError(f"{self.where}: {what}")

    def take(self, name: str) -> Json:
        return self._left.pop(name, None)

    def peek(self, name: str) -> Json:
        return self._left.get(name)

    def has(self, name: str) -> bool:
        return name in self._left

    def text(self, name: str) -> str:
        value = self.take(name)
        if not isinstance(value, str) or not value:
            raise self.refuse(f"needs '{name}', a string")
        return value

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if self.has(name) else None

    def array(self, name: str) -> list[Any]:
        value = self.take(name)
        if not isinstance(value, list) or not value:
            raise self.refuse(f"needs '{name}', an array that is not empty")
        return value

    def number(self, name: str, default: float | None, *, least: float, most: float, whole: bool = True) -> float | None:
        """A literal number within bounds."""
        if not self.has(name):
            return default
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not least <= value <= most:
            raise self.refuse(f"'{name}' must be a {'whole ' if whole else ''}number from {least} to {most}, not {value!r}")
        return float(value)

    def template(self, name: str, uses: Uses = Uses.NOTHING, *, prefix: str = "") -> Template | None:
        if not self.has(name):
            return None
        return compile_template(self.take(name), f"{prefix}{name}", self.where, uses)

    def numeric(self, name: str, *, least: float, most: float, whole: bool = True) -> Template | None:
        """A number within bounds, or an expression."""
        if self.has(name) and not isinstance(self._left[name], str):
            return compile_template(self._plain(name, least, most, whole=whole), name, self.where)
        return self.expression(name)

    def _plain(self, name: str, least: float, most: float, *, whole: bool) -> float | int:
        number = self.number(name, None, least=least, most=most, whole=whole)
        assert number is not None
        return int(number) if number.is_integer() else number

    def expression(self, name: str, *, literal: bool = False) -> Template | None:
        """One expression; with `literal` a plain string will do too."""
        template = self.template(name)
        if (
            template is not None
            and not isinstance(template.value, Expression)
            and not (literal and isinstance(template.value, str))
        ):
            raise self.refuse(f"'{name}' must be a JSONata expression")
        return template

    def assign(self, uses: Uses) -> Template | None:
        if not self.has("Assign"):
            return None
        value = self._left["Assign"]
        if not isinstance(value, dict):
            raise self.refuse("'Assign' must be an object")
        for name in value:
            if not _VARIABLE.fullmatch(name) or len(name) > _MAX_NAME or name == "states":
                raise self.refuse(f"'{name}' is no name for a variable")
        return self.template("Assign", uses)

    def close(self) -> None:
        for name in self._left:
            reason = "belongs to JSONPath, and only JSONata is supported" if name in _JSONPATH else "is unknown here"
            raise self.refuse(f"the field '{name}' {reason}")


def errors_of(fields: Fields, *, last: bool) -> tuple[str, ...]:
    """ErrorEquals, with AWS's rule on States.ALL."""
    names = fields.array("ErrorEquals")
    if not all(isinstance(name, str) and name for name in names):
        raise fields.refuse("'ErrorEquals' must hold strings")
    if "States.ALL" in names and (len(names) > 1 or not last):
        raise fields.refuse("'States.ALL' must stand alone, in the last entry")
    return tuple(names)
