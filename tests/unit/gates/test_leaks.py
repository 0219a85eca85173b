"""Personal data and secrets are found, and what only looks like them is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.gates.leaks import PATTERNS, leaks

# Put together here, so that no scanner takes this file for a leak.
FOUND = {
    "e-mail address": "write to ann.lee+ops@mail.example.com today",
    "card number": "card 4111 1111 1111 1111, please",
    "bank account": "pay to DE89 3704 0044 0532 0130 00",
    "social security number": "SSN 078-05-1120",
    "telephone number": "call +49 (30) 1234 567",
    "private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "AWS key": "AKIA" + "IOSFODNN7EXAMPLE",
    "GitHub token": "ghp_" + "a1B2" * 9,
    "Slack token": "xoxb-" + "123456789012-abcdef",
    "API key": "sk-proj-" + "Ab1" * 9,
    "web token": "eyJ" + "hbGciOiJI." + "eyJ" + "zdWIiOiIx." + "SflKxwRJSMeK",
}
HARMLESS = [
    "port 8443 on host 10.0.0.1",
    "order 4111 1111 1111 1112",
    "0000 0000 0000 0000",
    "room DE12 in building A1",
    "DE12 ABCD EFGH IJKL",
    "version 1.2.3-45-6789",
    "666-12-1234",
    "task-force and disk-space",
    "8 + 9 = 17",
    "@everyone, see a@b",
]


@pytest.mark.parametrize("kind", PATTERNS)
def test_each_kind_is_found(kind: str) -> None:
    """Every pattern has an example."""
    assert kind in leaks(FOUND[kind])


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_private_is_not_found(text: str) -> None:
    """A wrong check digit, a reserved number, a word that begins like a key."""
    assert leaks(text) == []


@given(
    st.lists(
        st.sampled_from(
            ["the", "port", "of", "zevaso", "is", "6423", "and", "its", "owner", "cedar"]
        )
    )
)
def test_plain_words_and_small_numbers_are_never_private(words: list[str]) -> None:
    """The answers of the lab hold many numbers."""
    assert leaks(" ".join(words)) == []


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_leak_is_found_in_any_surroundings(before: str, after: str) -> None:
    """As long as it stands by itself."""
    assert "AWS key" in leaks(f"{before} {FOUND['AWS key']} {after}")
