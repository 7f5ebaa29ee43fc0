"""One pass over documents that counts all a profile tells, in bounded memory."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations

from classmark.datasets.dataset import Dataset, labels_of
from classmark.datasets.profiling.copies import CopyCounts
from classmark.datasets.profiling.languages import LanguageCounter
from classmark.datasets.profiling.lengths import LengthCounts
from classmark.datasets.profiling.oddities import OddityCounts
from classmark.datasets.profiling.profile import (
    UNREADABLE_DATE,
    ClassProfile,
    Excerpt,
    Profile,
    Subject,
    Together,
)
from classmark.datasets.profiling.samples import Fewest, excerpt_of, sampling_key
from classmark.datasets.profiling.terms import TermCounts
from classmark.documents import Document
from classmark.progress import Progress, Silent

# Classes whose terms, dates and samples are shown; of the rest there is the size.
CLASSES_SHOWN = 30
# With more classes than this, a file's labels are hardly labels; memory must not grow with them.
_CLASSES_FOLLOWED = 1000
_TERMS = 10
_SAMPLES = 3
_EXTREMES = 5
_PAIRS_SHOWN = 20
_LABELS_PAIRED = 30
_LANGUAGE_SAMPLE = 1000
# Enough of a text to be sure of its language.
_CHARACTERS_JUDGED = 400
_DATE = re.compile(r"\s*([12]\d{3})(?:[-/.](0?[1-9]|1[0-2])(?!\d))?(?!\d)")


@dataclass(frozen=True, slots=True)
class Sampling:
    """What is drawn from a profile's documents.

    Attributes:
        seed: Decides which documents are shown as samples.
        languages: Counts the languages of a sample; None counts none.
    """

    seed: int = 42
    languages: LanguageCounter | None = None


def profile_dataset(dataset: Dataset, *, progress: Progress | None = None) -> Profile:
    """What a dataset is like, part by part.

    Args:
        dataset: Of which.
        progress: Who watches.
    """
    origin = dataset.source.get("path") or dataset.source.get("name", "")
    subject = Subject(dataset.name, origin, dataset.read, dict(dataset.dropped))
    rows = ((part, one) for part, documents in dataset.parts.items() for one in documents)
    return _profile(rows, subject, Sampling(), progress or Silent())


def profile_documents(
    documents: Iterable[Document],
    subject: Subject,
    sampling: Sampling | None = None,
    *,
    progress: Progress | None = None,
) -> Profile:
    """What documents are like, as they come.

    Args:
        documents: Read once.
        subject: What they are.
        sampling: What is drawn from them.
        progress: Who watches.
    """
    rows = (("", document) for document in documents)
    return _profile(rows, subject, sampling or Sampling(), progress or Silent())


def _profile(
    rows: Iterable[tuple[str, Document]], subject: Subject, sampling: Sampling, watch: Progress
) -> Profile:
    tally = _Tally(sampling.seed)
    for part, document in watch.track(rows, "Reading and counting"):
        tally.add(document, part)
    return tally.profile(subject, sampling.languages)


@dataclass(slots=True)
class _ClassCounts:
    """What is counted of one class."""

    parts: Counter[str] = field(default_factory=Counter)
    lengths: LengthCounts = field(default_factory=LengthCounts)
    months: Counter[str] = field(default_factory=Counter)
    samples: Fewest[Excerpt] = field(default_factory=lambda: Fewest(_SAMPLES))


class _Tally:
    """Everything that is counted, document by document."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._parts: Counter[str] = Counter()
        self._sizes: Counter[str] = Counter()
        self._classes: dict[str, _ClassCounts] = {}
        self._lengths = LengthCounts()
        self._months: Counter[str] = Counter()
        self._missing: Counter[str] = Counter()
        self._labels_each: Counter[int] = Counter()
        self._together: Counter[tuple[str, str]] = Counter()
        self._shortest: Fewest[Excerpt] = Fewest(_EXTREMES)
        self._longest: Fewest[Excerpt] = Fewest(_EXTREMES)
        self._unlabelled: Fewest[Excerpt] = Fewest(_EXTREMES)
        self._judged: Fewest[str] = Fewest(_LANGUAGE_SAMPLE)
        self._terms, self._copies, self._oddities = TermCounts(), CopyCounts(), OddityCounts()

    def add(self, document: Document, part: str) -> None:
        words = len(document.text.split())
        month = _month(document.published)
        self._parts[part] += 1
        self._lengths.add(words)
        self._missing.update(_missing(document, month))
        if month:
            self._months[month] += 1
        self._copies.add(document, part)
        self._oddities.add(document, words)
        followed = list(self._followed(dict.fromkeys(labels_of(document))))
        self._terms.add(document.text, followed)
        self._pair(document, followed)
        self._show(document, words)
        for label in followed:
            self._count(label, document, (part, words, month))

    def _followed(self, labels: Iterable[str]) -> Iterator[str]:
        """The labels that more than a size is kept of."""
        for label in labels:
            self._sizes[label] += 1
            if label in self._classes or len(self._classes) < _CLASSES_FOLLOWED:
                yield label

    def _count(self, label: str, document: Document, facts: tuple[str, int, str]) -> None:
        part, words, month = facts
        counts = self._classes.setdefault(label, _ClassCounts())
        counts.parts[part] += 1
        counts.lengths.add(words)
        if month:
            counts.months[month] += 1
        key = sampling_key(document.id, self._seed)
        if counts.samples.wants(key):
            counts.samples.add(key, excerpt_of(document, words))

    def _pair(self, document: Document, labels: list[str]) -> None:
        self._labels_each[len(set(labels_of(document)))] += 1
        if document.labels:
            self._together.update(combinations(sorted(labels)[:_LABELS_PAIRED], 2))

    def _show(self, document: Document, words: int) -> None:
        for extremes, size in ((self._shortest, words), (self._longest, -words)):
            if extremes.wants(size):
                extremes.add(size, excerpt_of(document, words))
        key = sampling_key(document.id, self._seed)
        self._judged.add(key, document.text[:_CHARACTERS_JUDGED])
        if not labels_of(document) and self._unlabelled.wants(key):
            self._unlabelled.add(key, excerpt_of(document, words))

    def profile(self, subject: Subject, languages: LanguageCounter | None) -> Profile:
        sizes = dict(sorted(self._sizes.items(), key=lambda item: (-item[1], item[0])))
        several = max(self._labels_each, default=0) > 1
        return Profile(
            subject=subject,
            parts={part: count for part, count in self._parts.items() if part},
            classes=tuple(self._class_profiles(sizes)),
            class_sizes=sizes,
            lengths=self._lengths.found(),
            months=dict(sorted(self._months.items())),
            unlabelled=self._unlabelled.items(),
            missing=dict(self._missing.most_common()),
            labels_each=dict(sorted(self._labels_each.items())) if several else {},
            together=tuple(self._most_together()),
            duplicates=self._copies.found(),
            vocabulary=self._terms.vocabulary(),
            shortest=self._shortest.items(),
            longest=self._longest.items(),
            oddities=self._oddities.found(),
            languages=languages(self._judged.items()) if languages else {},
        )

    def _class_profiles(self, sizes: dict[str, int]) -> Iterator[ClassProfile]:
        shown = [label for label in sizes if label in self._classes][:CLASSES_SHOWN]
        for label in shown:
            counts = self._classes[label]
            yield ClassProfile(
                label=label,
                documents=sizes[label],
                parts={part: counts.parts[part] for part in self._parts if part},
                lengths=counts.lengths.found(),
                months=dict(sorted(counts.months.items())),
                terms=self._terms.top(label, _TERMS),
                samples=counts.samples.items(),
            )

    def _most_together(self) -> Iterator[Together]:
        ordered = sorted(self._together.items(), key=lambda item: (-item[1], item[0]))
        yield from (Together(labels, count) for labels, count in ordered[:_PAIRS_SHOWN])


def _month(published: str | None) -> str:
    """`YYYY-MM`, or `YYYY` where no month is given; empty if there is no date that can be read."""
    found = _DATE.match(published or "")
    if found is None:
        return ""
    return f"{found[1]}-{int(found[2]):02}" if found[2] else found[1]


def _missing(document: Document, month: str) -> Iterator[str]:
    """What a document lacks."""
    lacks: dict[str, Callable[[], bool]] = {
        "label": lambda: not labels_of(document),
        "title": lambda: not document.title.strip(),
        "authors": lambda: not document.authors,
        "date": lambda: not (document.published or "").strip(),
        UNREADABLE_DATE: lambda: bool((document.published or "").strip()) and not month,
    }
    return (name for name, is_missing in lacks.items() if is_missing())
