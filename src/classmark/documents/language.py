"""A real language detector, loaded when first asked for."""

from collections.abc import Callable

from classmark.errors import MissingExtraError

# Enough of a text to be sure of its language; the rest would only cost time.
_CHARACTERS_READ = 400
_LANGUAGES = ("EN", "FR", "DE", "ES", "PT", "IT", "NL", "PL", "RU", "UK", "TR", "ZH", "JA", "AR")


def english_detector() -> Callable[[str], bool]:
    """A function that tells of a text whether it is English.

    It takes lingua's low-accuracy models, which are as good as its large ones on texts of more than
    120 characters, over the languages that scholarly and support texts are mostly written in.

    Raises:
        MissingExtraError: lingua is not installed.
    """
    try:
        from lingua import IsoCode639_1, Language, LanguageDetectorBuilder  # noqa: PLC0415 (extra)
    except ImportError as error:
        raise MissingExtraError("Detecting the language", extra="train") from error
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(
        *(getattr(IsoCode639_1, code) for code in _LANGUAGES)
    )
    detector = builder.with_low_accuracy_mode().build()

    def is_english(text: str) -> bool:
        return detector.detect_language_of(text[:_CHARACTERS_READ]) == Language.ENGLISH

    return is_english
