"""In which languages texts are written."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from classmark.documents import language_detector

UNKNOWN = "unknown"

# Texts -> how many of them are in which language.
LanguageCounter = Callable[[Sequence[str]], Mapping[str, int]]


def language_counter() -> LanguageCounter:
    """A function that counts the languages of texts, the most frequent first.

    Raises:
        MissingExtraError: lingua is not installed.
    """
    languages_of = language_detector()
    return lambda texts: dict(
        Counter(language or UNKNOWN for language in languages_of(texts)).most_common()
    )
