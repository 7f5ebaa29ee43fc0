"""What a dataset is like: the figures that a person looks at before anything is learnt from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from classmark.datasets.profiling.lengths import Lengths

UNREADABLE_DATE = "date that can be read"
# From here on a finding is worth a sentence.
_UNBALANCED = 10
_FEW = 10
_MANY_COPIES = 0.05


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A document as a person is shown it.

    Attributes:
        id: The document's.
        label: Its class, or None.
        title: Its title, or empty.
        text: The beginning of its text behind the title, in one line.
        words: How many its text has.
    """

    id: str
    label: str | None
    title: str
    text: str
    words: int


@dataclass(frozen=True, slots=True)
class Term:
    """A word that is more frequent in one class than in the others.

    Attributes:
        word: As it is compared: case apart.
        z: How many standard deviations its log-odds lie above those elsewhere.
        share: Of the class's documents, those that have it.
        share_elsewhere: Of all other documents, those that have it.
    """

    word: str
    z: float
    share: float
    share_elsewhere: float


@dataclass(frozen=True, slots=True)
class ClassProfile:
    """One class. A document of several classes counts in each.

    Attributes:
        label: Its name.
        documents: How many it has.
        parts: How many each part has of it; empty without parts.
        lengths: Of its texts.
        months: How many were published when, by `YYYY-MM`, or `YYYY` where no month is given.
        terms: What sets it apart, the most telling first.
        samples: Some of its documents.
    """

    label: str
    documents: int
    parts: Mapping[str, int]
    lengths: Lengths
    months: Mapping[str, int]
    terms: tuple[Term, ...]
    samples: tuple[Excerpt, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two documents that are the same, or nearly.

    Attributes:
        id: Of the later.
        label: Of the later.
        original_id: Of the earlier.
        original_label: Of the earlier.
        alike: By id, title, text, or how similar they are.
    """

    id: str
    label: str | None
    original_id: str
    original_label: str | None
    alike: str


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Documents that repeat an earlier one.

    Attributes:
        exact: How many, by the way in which they are equal; the first that applies counts.
        contradicting: How many of those have another label than the earlier one.
        near: How many of the rest are nearly the same as another document.
        straddling: How many documents have a near-copy in another part.
        examples: The first exact ones, those with another label before the rest.
        near_examples: The first near ones.
    """

    exact: Mapping[str, int]
    contradicting: int
    near: int
    straddling: int
    examples: tuple[Pair, ...]
    near_examples: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Oddity:
    """Texts that look as if something went wrong on their way here.

    Attributes:
        sign: What is odd.
        documents: How many show it.
        examples: The first of them.
    """

    sign: str
    documents: int
    examples: tuple[Excerpt, ...]


@dataclass(frozen=True, slots=True)
class Together:
    """Two classes that the same documents have."""

    labels: tuple[str, str]
    documents: int


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How many different words there are.

    Attributes:
        words: How many were counted.
        whole: Whether none was given up to save memory; else there are more.
    """

    words: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """What a profile is of.

    Attributes:
        name: Of the dataset, or of the file.
        source: Where the documents came from.
        read: How many documents the source of a dataset had; 0 for a file.
        dropped: How many of those were left out when it was prepared, by reason.
    """

    name: str
    source: str
    read: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """All figures of a dataset or a file.

    Attributes:
        subject: What it is of.
        parts: How many documents each part has; empty without parts.
        classes: Those shown one by one, the largest first.
        class_sizes: How many documents each class has, the largest first.
        lengths: Of all texts.
        months: How many were published when, as in a class.
        unlabelled: Some documents without a label.
        missing: How many documents lack what.
        labels_each: How many documents have how many labels, where any has several; else empty.
        together: Which classes go together most often.
        duplicates: What is there twice.
        vocabulary: How many words there are.
        shortest: Documents of the fewest words.
        longest: Documents of the most words.
        oddities: What looks damaged.
        languages: How many of a sample are in which language; empty if nobody looked.
    """

    subject: Subject
    parts: Mapping[str, int]
    classes: tuple[ClassProfile, ...]
    class_sizes: Mapping[str, int]
    lengths: Lengths
    months: Mapping[str, int]
    unlabelled: tuple[Excerpt, ...]
    missing: Mapping[str, int]
    labels_each: Mapping[int, int]
    together: tuple[Together, ...]
    duplicates: Duplicates
    vocabulary: Vocabulary
    shortest: tuple[Excerpt, ...]
    longest: tuple[Excerpt, ...]
    oddities: tuple[Oddity, ...]
    languages: Mapping[str, int]

    @property
    def documents(self) -> int:
        """How many there are."""
        return self.lengths.total

    def findings(self) -> Iterator[str]:
        """What a person should look at first, as sentences."""
        yield from self._about_classes()
        yield from self._about_copies()
        if undated := self.missing.get(UNREADABLE_DATE, 0):
            yield f"Dates that can't be read, as they don't begin with a year: {undated:,}."
        yield from (
            f"Texts with {oddity.sign}: {oddity.documents:,}."
            for oddity in self.oddities
            if oddity.documents
        )

    def _about_classes(self) -> Iterator[str]:
        sizes = list(self.class_sizes.values())
        if not sizes:
            yield "No document has a label: what is told class by class is left out."
            return
        if unlabelled := self.missing.get("label", 0):
            yield f"Documents without a label: {unlabelled:,}."
        if len(sizes) == 1:
            yield "There is one class only; a classifier needs two."
        times = sizes[0] / sizes[-1]
        if times >= _UNBALANCED:
            yield f"The largest class has {times:,.0f} times as many documents as the smallest."
        if few := sum(size < _FEW for size in sizes):
            yield f"Classes with fewer than {_FEW} documents: {few:,}."

    def _about_copies(self) -> Iterator[str]:
        copies = self.duplicates
        share = sum(copies.exact.values()) / max(self.documents, 1)
        if share > _MANY_COPIES:
            yield f"{share:.0%} of the documents repeat an earlier one."
        if copies.contradicting:
            yield f"Documents that repeat one with another label: {copies.contradicting:,}."
        if copies.straddling:
            yield f"Documents with a near-copy in another part: {copies.straddling:,}."
