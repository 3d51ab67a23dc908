"""Expressions of a mapping: `UPPER(TRIM({Code})) & "-" & {Year}`. A small language that can do nothing but make a cell of cells. Pure.

Texts in double quotes, numbers, `{Header}`, `&` (joins texts), `+ - * /` (numbers), `= != < > <= >=`, and the functions below.
"""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from waybill.errors import InvalidInput
from waybill.records.domain import Cell
from waybill.records.values import is_blank, text_of

Cells = Mapping[str, Cell]
Expression = Callable[[Cells], Cell]

# What a cell says whose expression cannot be worked out: it is refused where it is checked, as an error of Excel's is.
FAILED: Final = "#VALUE!"
_TOKEN: Final = re.compile(
    r'\s*(?:(?P<text>"(?:[^"]|"")*")|(?P<number>\d+(?:\.\d+)?)|\{(?P<column>[^{}]+)\}|(?P<name>[A-Za-z]+)|(?P<mark><=|>=|!=|[-+*/&=<>(),]))'
)
_LONGEST: Final = 2_000
_DEEPEST: Final = 50
_MOST_TOKENS: Final = 200
_NUMBERS: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def _number(value: Cell) -> float:
    return float(value) if isinstance(value, (int, float)) else float(text_of(value).strip() or 0)


def _plain(value: float) -> Cell:
    return int(value) if value == int(value) else value


def _european(value: Cell) -> Cell:
    """`1.234,50` -> 1234.5."""
    return _plain(float(text_of(value).strip().replace(".", "").replace(",", ".")))


def _day(value: Cell, form: Cell) -> Cell:
    """`DATE({When}, "DD.MM.YYYY")`."""
    if is_blank(value):
        return None
    pattern = text_of(form)
    for word, code in (("YYYY", "%Y"), ("YY", "%y"), ("MM", "%m"), ("DD", "%d"), ("hh", "%H"), ("mm", "%M"), ("ss", "%S")):
        pattern = pattern.replace(word, code)
    found = datetime.strptime(text_of(value).strip(), pattern)  # noqa: DTZ007 - a day has no zone
    return found.isoformat() if "%H" in pattern else found.date().isoformat()


def _part(value: Cell, separator: Cell, number: Cell) -> Cell:
    parts = text_of(value).split(text_of(separator))
    place = int(_number(number)) - 1
    return parts[place].strip() if 0 <= place < len(parts) else None


# Name to function and the least and most of its arguments.
_FUNCTIONS: Final[Mapping[str, tuple[Callable[..., Cell], int, int]]] = {
    "UPPER": (lambda value: text_of(value).upper(), 1, 1),
    "LOWER": (lambda value: text_of(value).lower(), 1, 1),
    "TRIM": (lambda value: " ".join(text_of(value).split()), 1, 1),
    "LEFT": (lambda value, count: text_of(value)[: int(_number(count))], 2, 2),
    "RIGHT": (lambda value, count: text_of(value)[-int(_number(count)) :] if _number(count) > 0 else "", 2, 2),
    "REPLACE": (lambda value, old, new: text_of(value).replace(text_of(old), text_of(new)), 3, 3),
    "PART": (_part, 3, 3),
    "NUMBER": (lambda value: None if is_blank(value) else _plain(_number(value)), 1, 1),
    "EUROPEAN": (lambda value: None if is_blank(value) else _european(value), 1, 1),
    "ROUND": (lambda value, digits: None if is_blank(value) else round(_number(value), int(_number(digits))), 2, 2),
    "DATE": (_day, 2, 2),
    "IF": (lambda condition, yes, no: yes if condition else no, 3, 3),
    "BLANK": (is_blank, 1, 1),
    "FIRST": (lambda *values: next((value for value in values if not is_blank(value)), None), 1, 20),
}


def parse(text: str, headers: Mapping[str, str] | None = None) -> tuple[Expression, frozenset[str]]:
    """What makes a cell of a row's cells, and the headers that it looks at. `headers`: those of the table, by their lower case.

    Raises InvalidInput; the expression itself never raises.
    """
    if len(text) > _LONGEST:
        raise InvalidInput(f"An expression may have {_LONGEST} characters, this one has {len(text)}.")
    parser = _Parser(text, headers or {})
    made = parser.comparison(0)
    parser.end()

    def safely(cells: Cells) -> Cell:
        try:
            return made(cells)
        except (ValueError, ZeroDivisionError, OverflowError, TypeError):
            return FAILED

    return safely, frozenset(parser.columns)


class _Parser:
    def __init__(self, text: str, headers: Mapping[str, str]) -> None:
        self._text = text
        self._headers = headers
        self.columns: set[str] = set()
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            found = _TOKEN.match(text, position)
            if found is None:
                raise self._refused(text[position : position + 20])
            kind = found.lastgroup or ""
            self._tokens.append((kind, found.group(kind)))
            position = found.end()
        if len(self._tokens) > _MOST_TOKENS:
            raise InvalidInput(
                f"The expression {text[:80]!r} has {len(self._tokens)} words and signs; {_MOST_TOKENS} are the most."
            )

    def _refused(self, what: str) -> InvalidInput:
        return InvalidInput(f"The expression {self._text[:80]!r} is not understood at {what!r}.")

    def _take(self, *wanted: str) -> str:
        if self._tokens and self._tokens[0][0] == "mark" and self._tokens[0][1] in wanted:
            return self._tokens.pop(0)[1]
        return ""

    def _need(self, mark: str) -> None:
        if not self._take(mark):
            raise self._refused(self._tokens[0][1] if self._tokens else "its end")

    def end(self) -> None:
        if self._tokens:
            raise self._refused(self._tokens[0][1])

    def comparison(self, depth: int) -> Expression:
        if depth > _DEEPEST:
            raise self._refused("so many brackets")
        left = self._joined(depth)
        mark = self._take(*_COMPARISONS)
        return _compared(_COMPARISONS[mark], left, self._joined(depth)) if mark else left

    def _joined(self, depth: int) -> Expression:
        left = self._sum(depth)
        while self._take("&"):
            left = _both(left, self._sum(depth), lambda one, other: text_of(one) + text_of(other))
        return left

    def _sum(self, depth: int) -> Expression:
        left = self._product(depth)
        while mark := self._take("+", "-"):
            left = _calculated(_NUMBERS[mark], left, self._product(depth))
        return left

    def _product(self, depth: int) -> Expression:
        left = self._value(depth)
        while mark := self._take("*", "/"):
            left = _calculated(_NUMBERS[mark], left, self._value(depth))
        return left

    def _value(self, depth: int) -> Expression:
        if self._take("("):
            inside = self.comparison(depth + 1)
            self._need(")")
            return inside
        if self._take("-"):
            return _calculated(operator.sub, lambda _: 0, self._value(depth))
        kind, token = self._tokens.pop(0) if self._tokens else ("", "its end")
        match kind:
            case "text":
                text = token[1:-1].replace('""', '"')
                return lambda _: text
            case "number":
                number = _plain(float(token))
                return lambda _: number
            case "column":
                header = " ".join(token.split())
                header = self._headers.get(header.lower(), header)
                self.columns.add(header)
                return lambda cells: cells.get(header)
            case "name" if token.upper() in _FUNCTIONS:
                return self._call(token.upper(), depth)
        raise self._refused(token)

    def _call(self, name: str, depth: int) -> Expression:
        function, least, most = _FUNCTIONS[name]
        self._need("(")
        arguments = [self.comparison(depth + 1)]
        while self._take(","):
            arguments.append(self.comparison(depth + 1))
        self._need(")")
        if not least <= len(arguments) <= most:
            raise InvalidInput(f"{name} takes {least if least == most else f'{least} to {most}'} values, not {len(arguments)}.")
        return lambda cells: function(*(argument(cells) for argument in arguments))


def _both(left: Expression, right: Expression, made: Callable[[Cell, Cell], Cell]) -> Expression:
    return lambda cells: made(left(cells), right(cells))


def _calculated(made: Callable[[float, float], float], left: Expression, right: Expression) -> Expression:
    return _both(left, right, lambda one, other: _plain(made(_number(one), _number(other))))


def _compared(made: Callable[[Any, Any], bool], left: Expression, right: Expression) -> Expression:
    def decide(one: Cell, other: Cell) -> Cell:
        try:
            return (
                made(_number(one), _number(other))
                if not (is_blank(one) or is_blank(other))
                else made(text_of(one), text_of(other))
            )
        except ValueError:
            return made(text_of(one), text_of(other))

    return _both(left, right, decide)
