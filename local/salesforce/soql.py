"""Reads SOQL. What it does not understand is MALFORMED_QUERY, never ignored."""

import re
from dataclasses import dataclass, replace

from local.salesforce import soql_ast as ast
from local.salesforce.errors import Fault
from local.salesforce.soql_ast import Kind

LONGEST = 100_000
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
      | (?P<date>\d{4}-\d\d-\d\d)
      | (?P<number>[+-]?\d+(?:\.\d+)?)
      | (?P<string>'(?:[^'\\]|\\.)*')
      | (?P<counted>[A-Za-z_]+_N_[A-Za-z_]+:\d+|[Nn]_[A-Za-z_]+:\d+)
      | (?P<name>[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*)
      | (?P<symbol><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE | re.DOTALL,
)
_FUNCTIONS = {"COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG"}
_COMPARISONS = {"=", "!=", "<>", "<", "<=", ">", ">="}
_RESERVED = {
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "ORDER",
    "BY",
    "LIMIT",
    "OFFSET",
    "AND",
    "OR",
    "NOT",
    "LIKE",
    "IN",
    "NULL",
    "HAVING",
}
_RESERVED |= {"USING", "WITH", "FOR", "ASC", "DESC", "NULLS", "INCLUDES", "EXCLUDES", "TYPEOF", "ALL"}


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    position: int

    @property
    def word(self) -> str:
        return self.text.upper() if self.kind == "name" else self.text


def located(text: str, position: int, message: str, *, code: str = "MALFORMED_QUERY") -> Fault:
    """A fault in the form of the real org: the statement's part, a caret, row and column."""
    row = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    start = max(0, position - 40)
    excerpt = text[start : position + 40].replace("\n", " ")
    return Fault(code, f"\n{excerpt}\n{' ' * (position - start)}^\nERROR at Row:{row}:Column:{column}\n{message}")


def tokens_of(text: str) -> list[Token]:
    tokens: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if not found or found.lastgroup is None:
            at = position + len(text[position:]) - len(text[position:].lstrip())
            raise located(text, at, f"unexpected token: '{text[at : at + 1]}'")
        start = found.start(found.lastgroup)
        touching = start == position and tokens and tokens[-1].kind != "symbol" and found.lastgroup != "symbol"
        if touching:
            raise located(text, start, f"unexpected token: '{found[found.lastgroup]}'")
        tokens.append(Token(found.lastgroup, found[found.lastgroup], start))
        position = found.end()
    tokens.append(Token("end", "<EOF>", end))
    return tokens


def parse(text: str) -> ast.Query:
    if len(text) > LONGEST:
        raise Fault("MALFORMED_QUERY", f"SOQL statements cannot be longer than {LONGEST} characters")
    parser = _Parser(text)
    try:
        query = parser.query()
    except RecursionError:
        raise Fault("MALFORMED_QUERY", "the statement is nested too deeply") from None
    parser.expect_end()
    return query


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens_of(text)
        self._at = 0

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._now
        self._at += 1
        return token

    def _unexpected(self, token: Token) -> Fault:
        return located(self._text, token.position, f"unexpected token: '{token.text}'")

    def _accept(self, *words: str) -> Token | None:
        return self._next() if self._now.kind in {"name", "symbol"} and self._now.word in words else None

    def _expect(self, *words: str) -> Token:
        token = self._accept(*words)
        if token is None:
            raise self._unexpected(self._now)
        return token

    def expect_end(self) -> None:
        if self._now.kind != "end":
            raise self._unexpected(self._now)

    def _name(self, *, dotted: bool = False) -> Token:
        token = self._now
        if token.kind != "name" or token.word in _RESERVED or ("." in token.text and not dotted):
            raise self._unexpected(token)
        return self._next()

    def _optional_alias(self) -> str | None:
        token = self._now
        if token.kind == "name" and token.word not in _RESERVED and "." not in token.text:
            return self._next().text
        return None

    def _integer(self) -> int:
        token = self._next()
        if token.kind != "number" or not token.text.isdigit():
            raise self._unexpected(token)
        return int(token.text)

    def query(self) -> ast.Query:
        self._expect("SELECT")
        items = [self._item()]
        while self._accept(","):
            items.append(self._item())
        self._expect("FROM")
        sobject = self._name()
        query = ast.Query(self._text, tuple(items), sobject.text, sobject.position, self._optional_alias())
        if self._accept("WHERE"):
            query = replace(query, where=self._condition())
        if self._accept("GROUP"):
            self._expect("BY")
            query = replace(query, group_by=self._groups())
        if self._accept("ORDER"):
            self._expect("BY")
            query = replace(query, order_by=self._orders())
        if self._accept("LIMIT"):
            query = replace(query, limit=self._integer())
        if self._accept("OFFSET"):
            query = replace(query, offset=self._integer())
        return self._checked(query)

    def _checked(self, query: ast.Query) -> ast.Query:
        bare = [item for item in query.items if isinstance(item, ast.Aggregate) and item.argument is None]
        if not bare:
            return query
        if len(query.items) > 1 or query.group_by or query.order_by:
            raise located(self._text, bare[0].position, "COUNT() must be the only element in the SELECT list")
        return replace(query, count_only=True)

    def _item(self) -> ast.FieldRef | ast.Aggregate:
        target = self._target()
        return replace(target, alias=self._optional_alias())

    def _target(self) -> ast.FieldRef | ast.Aggregate:
        token = self._name(dotted=True)
        if not self._accept("("):
            return self._field(token)
        function = token.word
        if function not in _FUNCTIONS:
            raise located(self._text, token.position, f"unknown or unsupported function: {token.text}")
        if self._accept(")"):
            if function != "COUNT":
                raise self._unexpected(self._tokens[self._at - 1])
            return ast.Aggregate(function, None, token.position)
        argument = self._field(self._name(dotted=True))
        self._expect(")")
        return ast.Aggregate(function, argument, token.position)

    def _field(self, token: Token) -> ast.FieldRef:
        return ast.FieldRef(tuple(token.text.split(".")), token.position)

    def _groups(self) -> tuple[ast.FieldRef, ...]:
        fields = [self._field(self._name(dotted=True))]
        while self._accept(","):
            fields.append(self._field(self._name(dotted=True)))
        return tuple(fields)

    def _orders(self) -> tuple[ast.Order, ...]:
        orders = [self._order()]
        while self._accept(","):
            orders.append(self._order())
        return tuple(orders)

    def _order(self) -> ast.Order:
        target = self._target()
        direction = self._accept("ASC", "DESC")
        last = False
        if self._accept("NULLS"):
            last = self._expect("FIRST", "LAST").word == "LAST"
        return ast.Order(target, direction is not None and direction.word == "DESC", last)

    def _condition(self) -> ast.Condition:
        """AND and OR do not mix without parentheses, as in the real org."""
        parts = [self._unary()]
        joint = self._now.word
        if joint not in {"AND", "OR"}:
            return parts[0]
        while self._accept(joint):
            parts.append(self._unary())
        if self._now.word in {"AND", "OR"}:
            raise self._unexpected(self._now)
        return ast.And(tuple(parts)) if joint == "AND" else ast.Or(tuple(parts))

    def _unary(self) -> ast.Condition:
        if self._accept("NOT"):
            return ast.Not(self._unary())
        if self._accept("("):
            inner = self._condition()
            self._expect(")")
            return inner
        field = self._field(self._name(dotted=True))
        token = self._next()
        if token.kind == "symbol" and token.text in _COMPARISONS:
            return ast.Comparison(field, "!=" if token.text == "<>" else token.text, self._literal())
        if token.kind == "name" and token.word == "LIKE":
            return ast.Comparison(field, "LIKE", self._literal())
        if token.kind == "name" and token.word in {"IN", "NOT"}:
            if token.word == "NOT":
                self._expect("IN")
            return ast.Membership(field, token.word == "NOT", self._set())
        raise self._unexpected(token)

    def _set(self) -> tuple[ast.Literal, ...] | ast.Query:
        self._expect("(")
        values: tuple[ast.Literal, ...] | ast.Query
        if self._now.kind == "name" and self._now.word == "SELECT":
            values = self.query()
        else:
            several = [self._literal()]
            while self._accept(","):
                several.append(self._literal())
            values = tuple(several)
        self._expect(")")
        return values

    def _literal(self) -> ast.Literal:
        token = self._next()
        match token.kind:
            case "string":
                return ast.Literal(Kind.STRING, token.text[1:-1], token.position)
            case "number" | "date" | "datetime":
                return ast.Literal(Kind(token.kind), token.text, token.position)
            case "counted":
                return ast.Literal(Kind.DATE_LITERAL, token.text, token.position)
            case "name" if token.word in {"TRUE", "FALSE"}:
                return ast.Literal(Kind.BOOLEAN, token.text.lower(), token.position)
            case "name" if token.word == "NULL":
                return ast.Literal(Kind.NULL, token.text, token.position)
            case "name" if token.word not in _RESERVED and "." not in token.text:
                return ast.Literal(Kind.DATE_LITERAL, token.text, token.position)
            case _:
                raise self._unexpected(token)
