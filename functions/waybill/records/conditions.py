"""The WHERE of a plan's query, decided row by row on our side: what a plan filters, it filters by the state a row will be in. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from waybill.errors import InvalidInput
from waybill.records.domain import Cell
from waybill.records.values import text_of

# A field's path to its value in one row.
Getter = Callable[[str], Cell]
Predicate = Callable[[Getter], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<moment>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?)|(?P<number>[+-]?\d+(?:\.\d+)?)"
    r"|(?P<operator><=|>=|!=|<>|=|<|>)|(?P<mark>[(),])|(?P<word>[A-Za-z_][\w.$]*))",
    re.ASCII,
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter: the paths it looks at, and what decides."""

    text: str
    paths: frozenset[str]
    met_by: Predicate


def everything() -> Condition:
    return Condition("", frozenset(), lambda _: True)


def parse(text: str) -> Condition:
    """A WHERE clause without the word. Raises InvalidInput for what cannot be decided here, such as date literals, by name."""
    if not text.strip():
        return everything()
    parser = _Parser(text)
    predicate = parser.either()
    parser.end()
    return Condition(text, frozenset(parser.paths), predicate)


class _Parser:
    """Recursive descent over `a = 'x' AND (b IN (1, 2) OR NOT c LIKE 'y%')`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.paths: set[str] = set()
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            found = _TOKEN.match(text, position)
            if found is None:
                raise self._refused(text[position : position + 20])
            self.tokens.append((found.lastgroup or "", found.group(found.lastgroup or 0)))
            position = found.end()

    def _refused(self, what: str) -> InvalidInput:
        return InvalidInput(f"The condition {self.text!r} cannot be decided before loading: {what.strip()!r} is not understood.")

    def _peek(self) -> str:
        return self.tokens[0][1].upper() if self.tokens else ""

    def _take(self, *wanted: str) -> bool:
        if self._peek() in wanted:
            self.tokens.pop(0)
            return True
        return False

    def _need(self, mark: str) -> None:
        if not self._take(mark):
            raise self._refused(self._peek() or "the end")

    def end(self) -> None:
        if self.tokens:
            raise self._refused(self.tokens[0][1])

    def either(self) -> Predicate:
        sides = [self._both()]
        while self._take("OR"):
            sides.append(self._both())
        return sides[0] if len(sides) == 1 else lambda get: any(side(get) for side in sides)

    def _both(self) -> Predicate:
        sides = [self._one()]
        while self._take("AND"):
            sides.append(self._one())
        return sides[0] if len(sides) == 1 else lambda get: all(side(get) for side in sides)

    def _one(self) -> Predicate:
        if self._take("NOT"):
            inner = self._one()
            return lambda get: not inner(get)
        if self._take("("):
            inside = self.either()
            self._need(")")
            return inside
        return self._comparison()

    def _comparison(self) -> Predicate:
        kind, path = self.tokens.pop(0) if self.tokens else ("", "the end")
        if kind != "word":
            raise self._refused(path)
        self.paths.add(path)
        if self._take("NOT"):
            self._need("IN")
            return _inverted(_among(path, self._list()))
        if self._take("IN"):
            return _among(path, self._list())
        if self._take("LIKE"):
            return _like(path, text_of(self._literal()))
        operator = self._peek()
        if not self._take("=", "!=", "<>", "<", ">", "<=", ">="):
            raise self._refused(operator or "the end")
        value = self._literal()
        if operator in ("=", "!=", "<>"):
            same = _among(path, [value])
            return same if operator == "=" else _inverted(same)
        return _ordered(path, operator, value)

    def _list(self) -> list[Cell]:
        self._need("(")
        values = [self._literal()]
        while self._take(","):
            values.append(self._literal())
        self._need(")")
        return values

    def _literal(self) -> Cell:
        kind, token = self.tokens.pop(0) if self.tokens else ("", "the end")
        match kind, token.lower():
            case "text", _:
                return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), token[1:-1])
            case "number", _:
                return float(token)
            case "moment", _:
                return token
            case "word", "null":
                return None
            case "word", "true" | "false":
                return token.lower() == "true"
        raise self._refused(token)


def _inverted(inner: Predicate) -> Predicate:
    return lambda get: not inner(get)


def _folded(value: Cell) -> str:
    """SOQL compares texts without case; a row's numbers arrive in one form or another."""
    text = text_of(value).strip().lower()
    try:
        return str(float(text)) if text and not isinstance(value, bool) else text
    except ValueError:
        return text


def _among(path: str, values: list[Cell]) -> Predicate:
    wanted = {_folded(value) for value in values}
    return lambda get: _folded(get(path)) in wanted


def _like(path: str, pattern: str) -> Predicate:
    compiled = re.compile(
        "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern), re.IGNORECASE | re.DOTALL
    )
    return lambda get: compiled.fullmatch(text_of(get(path))) is not None


def _ordered(path: str, operator: str, value: Cell) -> Predicate:
    def holds(get: Getter) -> bool:
        have = get(path)
        if have is None or value is None:
            return False
        left: float | str
        right: float | str
        try:
            left, right = float(text_of(have)), float(text_of(value))
        except ValueError:
            left, right = text_of(have), text_of(value)
        if left == right:
            return "=" in operator
        return (left < right) == operator.startswith("<")  # type: ignore[operator]

    return holds
