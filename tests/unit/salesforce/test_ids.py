"""Salesforce ids in 15 and 18 characters."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.salesforce.ids import to_18
from waybill.errors import InvalidInput
from waybill.salesforce.ids import to18

# Published by Salesforce or seen in its documentation.
KNOWN = {
    "001A0000006Vm9r": "001A0000006Vm9rIAC",
    "0017000000Qz2Yo": "0017000000Qz2YoAAJ",
    "00D000000000062": "00D000000000062EAA",
    "005000000000000": "005000000000000AAA",
}
IDS = st.text(string.ascii_letters + string.digits, min_size=15, max_size=15)


@pytest.mark.parametrize("short", KNOWN)
def test_known_ids_get_their_suffix(short: str) -> None:
    assert to18(short) == KNOWN[short]
    assert to18(KNOWN[short]) == KNOWN[short]


@given(IDS)
def test_an_id_of_18_characters_stays_what_it_is(short: str) -> None:
    assert to18(short) == to_18(short) == to18(to18(short))


@given(IDS)
def test_an_id_whose_case_was_lost_gets_it_back(short: str) -> None:
    assert to18(to18(short).lower()) == to18(short)
    assert to18(to18(short).upper()) == to18(short)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "001A0000006Vm9",
        "001A0000006Vm9rI",
        "001A0000006Vm9rIAX",
        "001A0000006Vm9rIAC\n",
        "001A0000006Vm9-",
        "ä01A0000006Vm9r",
        "001a0000006vm9rzzz",
    ],
)
def test_anything_else_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput):
        to18(wrong)


def test_a_mistyped_id_does_not_become_another_records() -> None:
    with pytest.raises(InvalidInput, match="mistyped"):
        to18("001A0000006Vm9rAAC")
