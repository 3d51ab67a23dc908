"""What leaves Waybill for a spreadsheet: no cell computes, whatever its separator, and nothing else of it changes."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import words
from cli.export import as_csv
from waybill.files.domain import BadLocation
from waybill.files.urls import LinkBuilder, locate
from waybill.runs.work import safe_cell

COMPUTES = "=+-@\uff1d\uff0b\uff0d\uff20"
FORMULAS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "=cmd|'/C calc'!A0", "\t=1", "\r=1", "\n=1", " =1", "\ufeff=1", "\u200b=1", "'=1", '"=1', "\uff1d1", "\uff0b1", "  \t @x",
    "file;=1+1", 'file;"=1', "a\t=1", "a\r\n=HYPERLINK(1)", "-2+3+cmd|' /C calc'!A0", "=IMPORTXML(CONCAT(1),2)",
]  # fmt: skip


def cells_as_seen(text: str, separator: str) -> list[str]:
    """A CSV's cells as a spreadsheet of that separator has them, without its own blanks."""
    return [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in row]


def computes(cell: str) -> bool:
    return cell.lstrip(' \t\r\n\u200b\ufeff"')[:1] in set(COMPUTES) if cell else False


@pytest.mark.parametrize("cell", FORMULAS)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_of_an_export_computes_in_a_spreadsheet_of_any_separator(cell: str, separator: str) -> None:
    text = as_csv([{"a": "first", "b": cell, "c": "last"}], ["a", "b", "c"])
    assert not [seen for seen in cells_as_seen(text, separator) if computes(seen)]


@given(st.text(st.sampled_from(COMPUTES + " \t\r\n;,'\"|ab\u200b\ufeff\x1b\u202e")) | st.text())
def test_both_exports_write_the_same_and_no_cell_begins_with_what_computes(cell: str) -> None:
    assert words.neutral(cell) == safe_cell(cell)
    assert not computes(safe_cell(cell))
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]", safe_cell(cell))


@given(
    st.text(st.characters(categories=["L", "N", "Zs"]) | st.sampled_from(".-_()&/:?")).filter(
        lambda text: text.strip()[:1] not in "-=+@"
    )
)
def test_an_ordinary_name_is_left_as_it_is(name: str) -> None:
    if name.strip()[:1] not in set(COMPUTES):
        assert safe_cell(name) == name


@pytest.mark.parametrize("old", FORMULAS)
def test_no_old_link_that_data_loader_takes_back_can_be_a_formula(old: str) -> None:
    """rollback.csv holds old links to the letter. Only links that name a file were ever switched, and no formula is one."""
    links = LinkBuilder.for_bucket("customer-files", "us-east-1")
    assert isinstance(locate(old, links=links, source_buckets=("trackland-doc-storage",)), BadLocation)
