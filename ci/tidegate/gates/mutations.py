"""Ways to disturb a prompt that leave its meaning: what people type, and what attackers send."""

import random
from collections.abc import Callable, Iterator

from tidegate.catalog.cases import Case
from tidegate.catalog.evals import Robustness

_ZERO_WIDTH = "\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
# Latin letters and the Cyrillic ones that look the same (Unicode TR 39, confusables).
_HOMOGLYPHS = str.maketrans(
    "aceopxyABCEHKMOPTX",
    "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0410\u0412\u0421\u0415\u041d\u041a\u041c\u041e\u0420\u0422\u0425",
)
_SHARE = 0.1
SEPARATOR = "~"
"""Between the key of a case and how it was disturbed; no key of a file can hold it."""


def _some(text: str, rng: random.Random) -> list[int]:
    """A tenth of the positions of letters, at least one where there is one."""
    letters = [i for i, c in enumerate(text) if c.isalpha()]
    return rng.sample(letters, max(round(_SHARE * len(letters)), min(1, len(letters))))


def _typos(text: str, rng: random.Random) -> str:
    """Letters swapped with the next character, as fingers do."""
    letters = list(text)
    for i in _some(text[:-1], rng):
        letters[i], letters[i + 1] = letters[i + 1], letters[i]
    return "".join(letters)


def _case(text: str, rng: random.Random) -> str:
    return rng.choice((text.upper(), text.lower()))


def _whitespace(text: str, rng: random.Random) -> str:
    """Blanks before, behind and between, none inside a word."""
    gaps = (" " * rng.randint(1, 3) + ("\n" if rng.random() < _SHARE else "") for _ in text)
    return "  " + "".join(next(gaps) if c == " " else c for c in text) + "\n"


def _zero_width(text: str, rng: random.Random) -> str:
    chosen = set(_some(text, rng))
    return "".join(c + rng.choice(_ZERO_WIDTH) if i in chosen else c for i, c in enumerate(text))


def _homoglyphs(text: str, rng: random.Random) -> str:
    chosen = set(_some(text, rng))
    return "".join(c.translate(_HOMOGLYPHS) if i in chosen else c for i, c in enumerate(text))


MUTATIONS: dict[str, Callable[[str, random.Random], str]] = {
    "case": _case,
    "homoglyphs": _homoglyphs,
    "typos": _typos,
    "whitespace": _whitespace,
    "zero-width": _zero_width,
}


def _changed(case: Case, how: str, text: str) -> Case:
    """The case with another last message, named so that it pairs with its clean self."""
    *before, last = case.conversation
    messages = [*before, last.model_copy(update={"content": text})]
    name = f"{case.key}{SEPARATOR}{how}"
    return case.model_copy(update={"name": name, "prompt": None, "messages": messages})


def disturbed(case: Case, spec: Robustness, *, seed: int) -> Iterator[Case]:
    """The case in each mutation and each wording; the same for the same seed."""
    for how in spec.mutations:
        rng = random.Random(f"{seed}/{case.key}/{how}")  # noqa: S311 - test prompts
        yield _changed(case, how, MUTATIONS[how](case.question, rng))
    for wording, texts in spec.wordings.items():
        for i, text in enumerate(texts, start=1):
            yield _changed(case, f"{wording}-{i}", text.replace("{prompt}", case.question))
