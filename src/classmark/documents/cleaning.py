"""Cleaning as pure, named, versioned steps.

A step's version rises with any change of what it gives, so that a snapshot's manifest says exactly
how its texts came to be.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from classmark.documents.redaction import redact
from classmark.errors import SettingError

_URL = re.compile(r"\b(?:https?|ftp)://[^\s<>\"']+|\bwww\.[^\s<>\"']+", re.IGNORECASE)
# All that is repeated or waited for is bounded, here and below: no text costs quadratic time.
_DISPLAY_MATH = re.compile(r"\$\$.{0,500}?\$\$|\\\[.{0,500}?\\\]", re.DOTALL)
# Pandoc's rule: no space inside the dollars, no digit behind them; so "$5 and $6" is money.
_INLINE_MATH = re.compile(r"(?<!\\)\$(?!\s)[^$\n]{1,300}?(?<![\s\\])\$(?!\d)|\\\(.{0,300}?\\\)")
# \emph{word} keeps its word; \cite{key} and other references keep nothing.
_LATEX_REFERENCE = re.compile(
    r"~?\\(?:cite[tp]?|ref|label|eqref|footnote|url)\*?(?:\[[^\]]{0,200}\]){0,2}\{[^{}]{0,500}\}"
)
_LATEX_COMMAND = re.compile(r"\\[a-zA-Z]{1,40}\*?(?:\[[^\]]{0,200}\])?")
_LATEX_ACCENT = re.compile(r"(?:\\[\"'`^~=.]\{?)++([a-zA-Z])?\}?")
_LATEX_LEFTOVER = re.compile(r"\\++([%&_#$])?|[{}]|(?<=\w)~(?=\w)")
_REPEATED_PUNCTUATION = re.compile(r"([!?,;:.\-_*=~#])\1+")


@dataclass(frozen=True, slots=True)
class CleaningStep:
    """One named change of a text.

    Attributes:
        name: As it is listed in the snapshot's manifest.
        version: Rises with any change of what `apply` gives.
        apply: The text after the step; pure.
    """

    name: str
    version: int
    apply: Callable[[str], str]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def _normalise_unicode(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    if composed.isprintable():
        return composed
    return "".join(c if c.isprintable() or c.isspace() else " " for c in composed)


def _remove_urls(text: str) -> str:
    return _URL.sub(" ", text)


def _remove_inline_math(text: str) -> str:
    if "$" not in text and "\\" not in text:
        return text
    return _INLINE_MATH.sub(" ", _DISPLAY_MATH.sub(" ", text))


def _remove_latex_commands(text: str) -> str:
    if "\\" in text:
        text = _LATEX_ACCENT.sub(lambda found: found.group(1) or " ", text)
        text = _LATEX_COMMAND.sub(" ", _LATEX_REFERENCE.sub(" ", text))
    return _LATEX_LEFTOVER.sub(lambda found: found.group(1) or " ", text)


def _collapse_punctuation(text: str) -> str:
    return _REPEATED_PUNCTUATION.sub(r"\1", text)


def _collapse_white_space(text: str) -> str:
    return " ".join(text.split())


DEFAULT_STEPS = (
    CleaningStep("unicode", 1, _normalise_unicode),
    CleaningStep("urls", 1, _remove_urls),
    CleaningStep("inline-math", 1, _remove_inline_math),
    CleaningStep("latex-commands", 1, _remove_latex_commands),
    CleaningStep("repeated-punctuation", 1, _collapse_punctuation),
    CleaningStep("white-space", 1, _collapse_white_space),
)
# Texts that people write need two or three.
_PASSES = 10
_DELIMITERS = re.compile(r"[$\\]")
# Before all others, where personal data must not be stored.
REDACTION = CleaningStep("redaction", 1, redact)


def clean(text: str, steps: tuple[CleaningStep, ...] = DEFAULT_STEPS) -> str:
    """The text after all steps, in their order, until they change nothing any more.

    What one step removes may bring together what an earlier one looks for, hence the repetition;
    every step but composing and redacting only removes or merges characters, the first of these
    changes nothing the second time, and each redaction takes an `@`, a `?` or digits away, so that
    it ends. Cleaning is thereby idempotent. Formulas in formulas, layer by layer, would make it
    long: after some passes all that could open or close one is removed.
    """
    for _ in range(_PASSES):
        before, text = text, _applied(text, steps)
        if text == before:
            return text
    text = _DELIMITERS.sub(" ", text)
    while (cleaned := _applied(text, steps)) != text:
        text = cleaned
    return text


def _applied(text: str, steps: tuple[CleaningStep, ...]) -> str:
    for step in steps:
        text = step.apply(text)
    return text


def steps_named(names: Iterable[str]) -> tuple[CleaningStep, ...]:
    """The steps that a manifest lists as `name@version`.

    Raises:
        SettingError: This release has no such step, or another version of it.
    """
    known = {str(step): step for step in (REDACTION, *DEFAULT_STEPS)}
    listed = tuple(names)
    missing = [name for name in listed if name not in known]
    if missing:
        raise SettingError(
            f"This release has no cleaning step {', '.join(missing)}.",
            remedy="Use the release that wrote it, or prepare and train again with this one.",
        )
    return tuple(known[name] for name in listed)
