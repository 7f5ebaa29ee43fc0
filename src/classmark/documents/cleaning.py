"""Cleaning as pure, named, versioned steps.

A step's version rises with any change of what it gives, so that a snapshot's manifest says exactly
how its texts came to be.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

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
_WHITE_SPACE = re.compile(r"\s+")


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
    return "".join(c if c.isprintable() or c.isspace() else " " for c in composed)


def _remove_urls(text: str) -> str:
    return _URL.sub(" ", text)


def _remove_inline_math(text: str) -> str:
    return _INLINE_MATH.sub(" ", _DISPLAY_MATH.sub(" ", text))


def _remove_latex_commands(text: str) -> str:
    text = _LATEX_ACCENT.sub(lambda found: found.group(1) or " ", text)
    text = _LATEX_COMMAND.sub(" ", _LATEX_REFERENCE.sub(" ", text))
    return _LATEX_LEFTOVER.sub(lambda found: found.group(1) or " ", text)


def _collapse_punctuation(text: str) -> str:
    return _REPEATED_PUNCTUATION.sub(r"\1", text)


def _collapse_white_space(text: str) -> str:
    return _WHITE_SPACE.sub(" ", text).strip()


DEFAULT_STEPS = (
    CleaningStep("unicode", 1, _normalise_unicode),
    CleaningStep("urls", 1, _remove_urls),
    CleaningStep("inline-math", 1, _remove_inline_math),
    CleaningStep("latex-commands", 1, _remove_latex_commands),
    CleaningStep("repeated-punctuation", 1, _collapse_punctuation),
    CleaningStep("white-space", 1, _collapse_white_space),
)


def clean(text: str, steps: tuple[CleaningStep, ...] = DEFAULT_STEPS) -> str:
    """The text after all steps, in their order, until they change nothing any more.

    What one step removes may bring together what an earlier one looks for, hence the repetition;
    every step but the first only removes or merges characters, and the first one changes nothing
    the second time, so that it ends. Cleaning is thereby idempotent.
    """
    while True:
        before = text
        for step in steps:
            text = step.apply(text)
        if text == before:
            return text


def steps_named(names: Iterable[str]) -> tuple[CleaningStep, ...]:
    """The steps that a manifest lists as `name@version`.

    Raises:
        SettingError: This release has no such step, or another version of it.
    """
    known = {str(step): step for step in DEFAULT_STEPS}
    listed = tuple(names)
    missing = [name for name in listed if name not in known]
    if missing:
        raise SettingError(
            f"This release has no cleaning step {', '.join(missing)}.",
            remedy="Use the release that wrote it, or prepare and train again with this one.",
        )
    return tuple(known[name] for name in listed)
