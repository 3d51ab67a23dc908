"""Headers and external ids: paths, composite keys, type suffixes. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from waybill.records.domain import Cell
from waybill.records.values import NULL_TEXT, is_blank, is_null, text_of

COMPOSITE = "$$"
JOINER = ";"


@dataclass(frozen=True, slots=True)
class Header:
    """A column's header, taken apart.

    `relation` is the relationship it leads through, empty for a field or a key of the row itself. `path` is what is left behind the
    relationship, or the field. `parts` are those of a composite key, as paths from where it stands. `type` is the object of a
    polymorphic lookup: `Owner$User.Username`, `OverrideContextId$Product2`.
    """

    text: str
    relation: str = ""
    path: str = ""
    parts: tuple[str, ...] = ()
    type: str = ""


def parse_header(text: str) -> Header:
    """`Code`, `Product2.Code`, `$$Name$Type`, `Model.$$Name$Type`, `Unit.Class.$$A$B.C`, `Owner$User.Username`."""
    name = text.strip()
    before, composite, after = name.partition(COMPOSITE)
    parts: tuple[str, ...] = ()
    if composite:
        parts = split_composite(after)
        before = before.rstrip(".")
    relation, dot, path = before.partition(".")
    if composite:
        parts = tuple(f"{path}.{part}" if path else part for part in parts)
        relation, kind = _typed(relation)
        return Header(text, relation, "", parts, kind)
    relation, kind = _typed(relation)
    return Header(text, relation, path, (), kind) if dot else Header(text, "", relation, (), kind)


def _typed(name: str) -> tuple[str, str]:
    name, _, kind = name.partition("$")
    return name, kind


def split_composite(text: str) -> tuple[str, ...]:
    """`A$B.C` -> A, B.C; `A$B.$$C$D` -> A, B.C, B.D."""
    first, nested, rest = text.partition("." + COMPOSITE)
    names = [name for name in first.split("$") if name]
    if not nested:
        return tuple(names)
    prefix = names.pop() if names else ""
    return (*names, *(f"{prefix}.{part}" for part in split_composite(rest)))


def leaves(external_id: Iterable[str]) -> tuple[str, ...]:
    """The paths of an external id, composite parts spread out: `Model.$$Name$Type` -> Model.Name, Model.Type."""
    found: list[str] = []
    for part in external_id:
        header = parse_header(part)
        if header.parts:
            found += [f"{header.relation}.{leaf}" if header.relation else leaf for leaf in header.parts]
        else:
            found.append(f"{header.relation}.{header.path}" if header.relation else header.path)
    return tuple(dict.fromkeys(found))


def split_key(cell: Cell, parts: tuple[str, ...]) -> Mapping[str, Cell] | None:
    """The cell of a composite key by part, None for a part that is null; None where the cell does not have that many parts."""
    pieces = text_of(cell).split(JOINER)
    if len(pieces) != len(parts):
        return None
    return {part: None if is_blank(piece) or is_null(piece) else piece.strip() for part, piece in zip(parts, pieces, strict=True)}


def joined(pieces: Iterable[Cell]) -> str:
    """Pieces of a key as one text, nulls left out: extracts leave them out as often as not."""
    return JOINER.join(text for text in (text_of(piece).strip() for piece in pieces) if text and text != NULL_TEXT)


def joined_cell(cell: Cell) -> str:
    return joined(text_of(cell).split(JOINER))


def shown(conditions: Mapping[str, Cell]) -> str:
    """Conditions as a person reads them: `Name = "Term", Type = (none)`."""
    return ", ".join(
        f'{path} = "{text_of(value)}"' if value is not None else f"{path} = (none)" for path, value in conditions.items()
    )
