"""A real language detector, loaded when first asked for."""

from collections.abc import Callable, Sequence

from classmark.errors import MissingExtraError

# Enough of a text to be sure of its language; the rest would only cost time.
_CHARACTERS_READ = 250
_LANGUAGES = ("EN", "FR", "DE", "ES", "PT", "IT", "NL", "PL", "RU", "UK", "TR", "ZH", "JA", "AR")


# Texts -> the English name of each one's language, None where it can't be told.
LanguageDetector = Callable[[Sequence[str]], list[str | None]]


def language_detector() -> LanguageDetector:
    """A function that tells of each of several texts its language, on all cores.

    It takes lingua's low-accuracy models, which are as good as its large ones on texts of more than
    120 characters, over the languages that scholarly and support texts are mostly written in.

    Raises:
        MissingExtraError: lingua is not installed.
    """
    try:
        from lingua import IsoCode639_1, LanguageDetectorBuilder  # noqa: PLC0415 (extra)
    except ImportError as error:
        raise MissingExtraError("Detecting the language", extra="train") from error
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(
        *(getattr(IsoCode639_1, code) for code in _LANGUAGES)
    )
    detector = builder.with_low_accuracy_mode().build()

    def languages_of(texts: Sequence[str]) -> list[str | None]:
        beginnings = [text[:_CHARACTERS_READ] for text in texts]
        found = detector.detect_languages_in_parallel_of(beginnings)
        return [language.name.capitalize() if language else None for language in found]

    return languages_of


def english_detector() -> Callable[[Sequence[str]], list[bool]]:
    """A function that tells of each of several texts whether it is English.

    Raises:
        MissingExtraError: lingua is not installed.
    """
    languages_of = language_detector()
    return lambda texts: [language == "English" for language in languages_of(texts)]
