"""What an answer must not give away: personal data and secrets, found without any model.

Each pattern is as narrow as the thing allows, and numbers with a check digit are checked, so that
a port number is no card. Names of people need a language model and are not found; see
docs/explanation/limits.md.
"""

import re
from collections.abc import Callable

_SHORTEST_IBAN = 15  # Norway's


def _card(text: str) -> bool:
    """A card's number, or one in groups of four with its date or code behind it."""
    groups = re.match(r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}\b", text)
    return _luhn(text) or (groups is not None and _luhn(groups.group()))


def _luhn(text: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1)."""
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits[::-1])]
    return sum(doubled) % 10 == 0 and len(set(digits)) > 1


def _iban(text: str) -> bool:
    """The check digits of bank accounts (ISO 13616): 1 modulo 97.

    Words in capitals behind the number look like groups of it, so they are left off one by one.
    """
    *fewer, _ = groups = text.split(" ")
    packed = "".join(groups)
    moved = packed[4:] + packed[:4]
    right = int("".join(str(int(c, 36)) for c in moved)) % 97 == 1
    return len(packed) >= _SHORTEST_IBAN and (right or (bool(fewer) and _iban(" ".join(fewer))))


def _always(_: str) -> bool:
    return True


PATTERNS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "e-mail address": (r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", _always),
    "card number": (r"\b\d(?:[ -]?\d){12,18}\b", _card),
    "bank account": (r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b", _iban),
    "social security number": (r"\b(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b", _always),
    "telephone number": (r"(?<![\w+])\+\d{1,3}[ .-]?(?:\(?\d{2,4}\)?[ .-]?){2,4}\d\b", _always),
    "private key": (r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----", _always),
    "AWS key": (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", _always),
    "GitHub token": (r"\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{40,}", _always),
    "Slack token": (r"\bxox[abprs]-[A-Za-z0-9-]{10,}", _always),
    "API key": (r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{20,}|\bhf_[A-Za-z0-9]{30,}", _always),
    "web token": (r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}", _always),
}


def leaks(text: str) -> list[str]:
    """Names of the kinds of private data in a text, each once."""
    return [
        kind
        for kind, (pattern, holds) in PATTERNS.items()
        if any(holds(match.group()) for match in re.finditer(pattern, text))
    ]
