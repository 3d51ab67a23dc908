"""When a value that was written and one that is read are the same, and when somebody has edited it."""

import pytest

from waybill.records.comparing import alike
from waybill.records.domain import Cell


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (None, ""),
        ("", None),
        ("text", "text "),
        ("a\r\nb", "a\nb"),
        (True, "true"),
        ("FALSE", False),
        (5, 5.0),
        ("5", 5.0),
        ("0.50", 0.5),
        ("1e3", 1000),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31", "2026-01-31T00:00:00.000+0000"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000+0000"),
        ("2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00.000Z"),
        ("001Dn00000abcde", "001Dn00000abcdeAAA"),
    ],
)
def test_one_value_in_two_forms_was_left_alone(written: Cell, read: Cell) -> None:
    assert alike(written, read)
    assert alike(read, written)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("text", "Text"),
        ("text", None),
        (0, None),
        (False, None),
        (False, 0),
        ("5", 5.01),
        ("2026-01-31", "2026-02-01"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:01.000Z"),
        ("001Dn00000abcde", "001Dn00000abcdf"),
        ("2026-13-45T99:00", "2026-13-45T98:00"),
        ("product-sampl", "product-sample"),
    ],
)
def test_another_value_is_an_edit(written: Cell, read: Cell) -> None:
    assert not alike(written, read)
