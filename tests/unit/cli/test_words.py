"""Numbers, sizes and times as people read them."""

import pytest

from cli import words


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KB"),
        (1536, "1.5 KB"),
        (20 * 1024**3, "20 GB"),
        (2048 * 1024**5, "2,048 PB"),
        (None, "-"),
    ],
)
def test_sizes(number: object, shown: str) -> None:
    assert words.size(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"), (0.2, "under 1 s"), (59, "59 s"), (59.9, "1 min"), (60, "1 min"), (250, "4 min 10 s"), (3600, "1 h"),
        (11_100, "3 h 5 min"), (86_400, "1 d"), (187_200, "2 d 4 h"), (None, "-"),
    ],
)  # fmt: skip
def test_durations(seconds: object, shown: str) -> None:
    assert words.duration(seconds) == shown


def test_times_are_shown_in_utc() -> None:
    assert words.when("2026-11-21T15:05:00+01:00") == "2026-11-21 14:05 UTC"
    assert words.when("nonsense") == "-"
    assert words.between("2026-11-21T14:05:00.000Z", "2026-11-21T14:06:30.000Z") == "1 min 30 s"


@pytest.mark.parametrize(("amount", "shown"), [(0, "$0.00"), (0.001, "under $0.01"), (5.75, "$5.75"), (1234.5, "$1,234.50")])
def test_money(amount: float, shown: str) -> None:
    assert words.money(amount) == shown


@pytest.mark.parametrize("before", ["", "\t", "\r", " "])
@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@x"])
def test_cells_that_would_be_formulas_are_neutralised(before: str, formula: str) -> None:
    assert words.neutral(before + formula) == before + "'" + formula


def test_letters_of_all_alphabets_stay() -> None:
    assert words.safe("株式会社 Ünï 😀") == "株式会社 Ünï 😀"
