"""Texts that look as if something went wrong on their way here."""

import re

from classmark.datasets.profiling.profile import Excerpt, Oddity
from classmark.datasets.profiling.samples import excerpt_of
from classmark.documents import Document

_LONGEST_WORD = 60
_LEAST_LETTERS = 0.6
_EXAMPLES = 3
# Of a text as long as a book, the beginning shows what is wrong with it.
_CHARACTERS_READ = 100_000
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")
_MARKUP = re.compile(r"</?[A-Za-z][A-Za-z0-9]*(?: [^<>]{0,200})?/?>|&(?:[a-z]{2,8}|#\d{1,6});")
# What decoding leaves of bytes that are no UTF-8, and of UTF-8 that was read as Latin-1.
_GARBLED = re.compile("\ufffd|\u00c3[\u0080-\u00bf]|\u00e2\u20ac")
_UNPRINTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _has_long_word(text: str) -> bool:
    return _LONG_WORD.search(text) is not None


def _has_few_letters(text: str) -> bool:
    written = "".join(text.split())
    return sum(map(str.isalpha, written)) < _LEAST_LETTERS * len(written)


def _has_markup(text: str) -> bool:
    return _MARKUP.search(text) is not None


def _is_garbled(text: str) -> bool:
    return _GARBLED.search(text) is not None or _UNPRINTED.search(text) is not None


_SIGNS = {
    f"a word of more than {_LONGEST_WORD} characters": _has_long_word,
    f"letters for less than {_LEAST_LETTERS:.0%} of their characters": _has_few_letters,
    "HTML markup or entities": _has_markup,
    "garbled or control characters": _is_garbled,
}


class OddityCounts:
    """Counts texts that look damaged, and keeps the first of each kind."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(_SIGNS, 0)
        self._examples: dict[str, list[Excerpt]] = {sign: [] for sign in _SIGNS}

    def add(self, document: Document, words: int) -> None:
        """Look at the next document."""
        beginning = document.text[:_CHARACTERS_READ]
        for sign, shows in _SIGNS.items():
            if shows(beginning):
                self._counts[sign] += 1
                if len(self._examples[sign]) < _EXAMPLES:
                    self._examples[sign].append(excerpt_of(document, words))

    def found(self) -> tuple[Oddity, ...]:
        """Every sign that is looked for, those that nothing shows too."""
        return tuple(
            Oddity(sign, count, tuple(self._examples[sign])) for sign, count in self._counts.items()
        )
