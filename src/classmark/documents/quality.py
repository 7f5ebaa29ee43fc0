"""Which documents are good enough to learn from."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from classmark.documents.document import Document


class DropReason(StrEnum):
    """Why a document is left out; each is counted."""

    EMPTY_TEXT = "empty_text"
    TOO_SHORT = "too_short"
    NO_LABEL = "no_label"
    UNKNOWN_LABEL = "unknown_label"
    NOT_ENGLISH = "not_english"
    DUPLICATE_ID = "duplicate_id"
    DUPLICATE_TITLE = "duplicate_title"
    DUPLICATE_TEXT = "duplicate_text"
    BEYOND_PER_CLASS = "beyond_per_class"


@dataclass(frozen=True, slots=True)
class QualityRules:
    """What a document must be to be kept.

    Attributes:
        min_words: Words that the cleaned text has at least.
        labels: The labels that are expected; empty means any.
        is_english: Tells of a text whether it is English; None asks nobody.
    """

    min_words: int = 50
    labels: frozenset[str] = frozenset()
    is_english: Callable[[str], bool] | None = None

    def reason_to_drop(self, document: Document) -> DropReason | None:
        """Why this document is left out, or None if it is kept."""
        if not document.text:
            return DropReason.EMPTY_TEXT
        if not document.label:
            return DropReason.NO_LABEL
        if self.labels and document.label not in self.labels:
            return DropReason.UNKNOWN_LABEL
        if len(document.text.split()) < self.min_words:
            return DropReason.TOO_SHORT
        if self.is_english is not None and not self.is_english(document.text):
            return DropReason.NOT_ENGLISH
        return None
