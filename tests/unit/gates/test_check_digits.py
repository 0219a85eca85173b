"""Numbers with a check digit are private where it is right, alone or among other words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.findings import CouldNotCheckError
from tidegate.gates.arrivals import read_trace
from tidegate.gates.leaks import leaks

CARD, ACCOUNT = "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"
BODY = st.text("0123456789", min_size=12, max_size=18)


def luhn_digit(body: str) -> str:
    """The digit that makes the sum of ISO/IEC 7812-1 a multiple of ten."""
    doubled = [int(c) * (2 - i % 2) for i, c in enumerate(reversed(body))]
    return str(-sum(d - 9 * (d > 9) for d in doubled) % 10)


@given(BODY.filter(lambda body: len(set(body)) > 1))
def test_a_card_number_of_any_length_is_known_by_its_last_digit(body: str) -> None:
    """Thirteen digits to nineteen; any other last digit is an order number."""
    right = luhn_digit(body)

    assert "card number" in leaks(f"pay by {body}{right}.")
    assert all("card number" not in leaks(f"{body}{d}") for d in "0123456789" if d != right)


@given(st.integers(4, 21), st.sampled_from("0123456789"))
def test_one_wrong_digit_of_an_account_makes_it_no_account(place: int, digit: str) -> None:
    """97 is a prime larger than any change of one digit."""
    packed = ACCOUNT.replace(" ", "")
    changed = packed[:place] + digit + packed[place + 1 :]

    assert ("bank account" in leaks(changed)) == (changed == packed)


@pytest.mark.parametrize("behind", ["", " 12/27", " 123", " 12 27", "-99", ", thanks"])
@pytest.mark.parametrize("blank", [" ", "-"])
def test_what_stands_behind_a_card_does_not_hide_it(blank: str, behind: str) -> None:
    """People write the date and the code behind the number."""
    assert "card number" in leaks(CARD.replace(" ", blank) + behind)


@pytest.mark.parametrize("behind", ["", " NOW", " BIC COBADEFFXXX", " 12", ".", "\nTHANKS"])
def test_what_stands_behind_an_account_does_not_hide_it(behind: str) -> None:
    """Words in capitals look like further groups of it."""
    assert "bank account" in leaks(ACCOUNT + behind)


def test_a_list_of_numbers_is_no_card() -> None:
    """Groups of four whose check digit is wrong stay what they are, with more behind them too."""
    assert leaks("1001 1002 1003 1004 1005") == []
    assert leaks("4111 1111 1111 1112 12/27") == []


@pytest.mark.parametrize("stamp", ["NaN", "Infinity", "-Infinity", "1e999", "true", "null"])
def test_an_arrival_is_a_finite_number_of_seconds(stamp: str, tmp_path: Path) -> None:
    """JSON as Python reads it has NaN and Infinity; a request at either is never due."""
    trace = tmp_path / "trace.jsonl"
    trace.write_text(f'1\n{{"timestamp": {stamp}}}\n')

    with pytest.raises(CouldNotCheckError, match="is no number of seconds"):
        read_trace(trace)
