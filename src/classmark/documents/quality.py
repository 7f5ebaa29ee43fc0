"""Which documents are good enough to learn from."""

from collections.abc import Callable, Sequence
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
    NEAR_DUPLICATE = "near_duplicate"
    BEYOND_PER_CLASS = "beyond_per_class"
    OLDER_COPY = "older_copy"


@dataclass(frozen=True, slots=True)
class QualityRules:
    """What a document must be to be kept.

    Attributes:
        min_words: Words that the cleaned text has at least.
        labels: The labels that are expected; empty means any.
        are_english: Tells of each text whether it is English; None asks nobody.
    """

    min_words: int = 50
    labels: frozenset[str] = frozenset()
    are_english: Callable[[Sequence[str]], Sequence[bool]] | None = None

    def reasons_to_drop(self, documents: Sequence[Document]) -> list[DropReason | None]:
        """Why each document is left out, or None if it is kept.

        The language is asked last and of all at once: that is what takes time.
        """
        reasons = [self._reason_to_drop(document) for document in documents]
        if self.are_english is not None:
            kept = [place for place, reason in enumerate(reasons) if reason is None]
            answers = self.are_english([documents[place].text for place in kept])
            for place, is_english in zip(kept, answers, strict=True):
                reasons[place] = None if is_english else DropReason.NOT_ENGLISH
        return reasons

    def _reason_to_drop(self, document: Document) -> DropReason | None:
        if not document.text:
            return DropReason.EMPTY_TEXT
        if not document.label:
            return DropReason.NO_LABEL
        if self.labels and document.label not in self.labels:
            return DropReason.UNKNOWN_LABEL
        if len(document.text.split()) < self.min_words:
            return DropReason.TOO_SHORT
        return None
