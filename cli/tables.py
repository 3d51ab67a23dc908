"""One look for all tables."""

from rich import box
from rich.table import Table

# Ids are there to be copied: never broken over two lines.
_WHOLE = frozenset({"run", "account", "entry"})


def table(title: str, *columns: str, style: str = "bold") -> Table:
    """A table with these columns; one that begins with `>` is of numbers and stands to the right."""
    made = Table(title=title or None, title_justify="left", title_style=style, box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        name = column.removeprefix(">")
        made.add_column(name, justify="right" if column != name else "left", overflow="fold", no_wrap=name in _WHOLE)
    return made


def figures(title: str = "") -> Table:
    """Numbers and what they count, without lines."""
    made = Table(title=title or None, title_justify="left", title_style="bold", show_header=False, box=None, pad_edge=False)
    made.add_column(justify="right", no_wrap=True)
    made.add_column()
    return made
