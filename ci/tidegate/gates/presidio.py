"""Private data by Presidio's pattern recognizers, which need no model; optional.

Presidio asks for an engine of natural language and for the list of public suffixes. Here it gets an
engine that does nothing and the list that its package carries, so that nothing is downloaded.
"""

from collections.abc import Callable, Sequence
from functools import cache

from tidegate.findings import cannot_check

Analyze = Callable[[str, list[str]], list[str]]
# What Presidio itself calls certain: its weakest patterns match any nine digits.
_SCORE = 0.4


@cache
def _analyzer() -> Analyze:
    try:
        import tldextract  # noqa: PLC0415 - optional, with the next ones
        from presidio_analyzer import (  # noqa: PLC0415 - optional, and it takes seconds to load
            AnalyzerEngine,
            RecognizerRegistry,
        )
        from presidio_analyzer.nlp_engine import NoOpNlpEngine  # noqa: PLC0415 - as above
    except ImportError:
        raise cannot_check(
            "assertion",
            "presidio",
            "cannot be checked",
            wanted="presidio-analyzer",
            found="not installed",
            next_step="pip install 'tidegate[presidio]'",
        ) from None
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    language = NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}])
    language.load()
    known = RecognizerRegistry()
    known.load_predefined_recognizers(nlp_engine=language)
    engine = AnalyzerEngine(registry=known, nlp_engine=language, supported_languages=["en"])

    def analyze(text: str, entities: list[str]) -> list[str]:
        missing = set(entities) - set(engine.get_supported_entities("en"))
        if missing:
            raise _unknown(missing, engine.get_supported_entities("en"))
        found = engine.analyze(text, language="en", entities=entities, score_threshold=_SCORE)
        return sorted({one.entity_type for one in found})

    return analyze


def _unknown(missing: set[str], known: Sequence[str]) -> Exception:
    return cannot_check(
        "assertion",
        "presidio",
        "no such entity",
        wanted=f"some of {', '.join(sorted(known))}",
        found=", ".join(sorted(missing)),
        next_step="correct the name",
    )


def entities_in(text: str, entities: Sequence[str]) -> list[str]:
    """Which of these entities Presidio finds in a text, each once.

    Args:
        text: in English.
        entities: names of Presidio's, such as CREDIT_CARD.

    Raises:
        CouldNotCheckError: Presidio is not installed, or knows no pattern for one of them.
    """
    return _analyzer()(text, list(entities))
