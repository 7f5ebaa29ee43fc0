"""How much of a dataset is there twice, exactly or nearly."""

from array import array
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from classmark.datasets.profiling.profile import Duplicates, Pair
from classmark.documents import (
    Document,
    DropReason,
    ExactDuplicates,
    NearDuplicates,
    content_id,
)

# Four of five word pairs are equal: the same text with a word or two changed.
NEARLY_THE_SAME = 0.8
_EXAMPLES = 5
_ALIKE = {
    DropReason.DUPLICATE_ID: "same id",
    DropReason.DUPLICATE_TITLE: "same title",
    DropReason.DUPLICATE_TEXT: "same text",
}


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of a document that may have near-copies."""

    id: str
    label: str | None


class CopyCounts:
    """Counts documents that repeat another one.

    Memory holds some 200 bytes a document; what they say lies in files.
    """

    def __init__(self) -> None:
        self._exact = ExactDuplicates()
        self._near = NearDuplicates()
        self._known: list[_Known] = []
        self._places: dict[str, int] = {}
        self._parts = array("i")
        self._reasons: Counter[str] = Counter()
        self._contradicting: list[Pair] = []
        self._agreeing: list[Pair] = []
        self._contradictions = 0

    def add(self, document: Document, part: str) -> None:
        """Take the next document."""
        repeat = self._exact.repeat_of(document)
        if repeat is None:
            self._near.add(document.text)
            self._known.append(_Known(document.id, document.label))
            self._parts.append(self._places.setdefault(part, len(self._places)))
            return
        # Where the source has no ids they are made from the text.
        by_text = document.id == content_id(document.text)
        alike = "same text" if by_text else _ALIKE[repeat.reason]
        self._reasons[alike] += 1
        labels = {repeat.original_label, document.label} - {None}
        contradicts = len(labels) > 1
        self._contradictions += contradicts
        pairs = self._contradicting if contradicts else self._agreeing
        if len(pairs) < _EXAMPLES:
            found = (document.id, document.label, repeat.original_id, repeat.original_label)
            pairs.append(Pair(*found, alike))

    def found(self) -> Duplicates:
        """What was found."""
        groups: dict[int, list[int]] = {}
        for number, first in enumerate(self._near.groups(NEARLY_THE_SAME).tolist()):
            if first != number:
                groups.setdefault(first, [first]).append(number)
        return Duplicates(
            exact=dict(self._reasons.most_common()),
            contradicting=self._contradictions,
            near=sum(len(group) - 1 for group in groups.values()),
            straddling=sum(map(self._straddling, groups.values())),
            examples=(*self._contradicting, *self._agreeing)[:_EXAMPLES],
            near_examples=tuple(self._near_examples()) if groups else (),
        )

    def _straddling(self, group: list[int]) -> int:
        return len(group) if len({self._parts[number] for number in group}) > 1 else 0

    def _near_examples(self) -> list[Pair]:
        pairs = []
        for one, other, similarity in islice(self._near.links(NEARLY_THE_SAME), _EXAMPLES):
            first, later = sorted((one, other))
            earlier, this = self._known[first], self._known[later]
            alike = f"{similarity:.0%} alike"
            pairs.append(Pair(this.id, this.label, earlier.id, earlier.label, alike))
        return pairs
