"""From documents as they came to a dataset: clean, filter, drop duplicates, sample, split."""

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classmark.datasets.dataset import PARTS, Conflict, Dataset
from classmark.datasets.splitting import (
    LEFT_OUT,
    Ratios,
    Split,
    checked_ratios,
    sampled_per_class,
    split,
)
from classmark.datasets.workbench import Workbench
from classmark.documents import (
    DEFAULT_STEPS,
    LEAST_SIMILARITY,
    REDACTION,
    CleaningStep,
    Document,
    DropReason,
    ExactDuplicates,
    QualityRules,
    clean,
    content_id,
    redact,
)
from classmark.errors import RecordError, SettingError
from classmark.naming import checked_name
from classmark.progress import Progress, Silent

# Documents in hand at a time: enough to keep all cores busy with their languages.
_BATCH = 512
_CONFLICTS_LISTED = 1000


@dataclass(frozen=True, slots=True)
class DocumentSource:
    """Documents as they came, and what they came from.

    Attributes:
        documents: Read once.
        origin: Written into the snapshot: `path` and `sha256` of a file, else a `name`.
    """

    documents: Iterable[Document]
    origin: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PreparationRecipe:
    """How documents become a dataset.

    Attributes:
        rules: What a document must be to be kept.
        steps: The cleaning steps, in order.
        per_class: At most so many documents of each label, of several the first; None takes all.
        ratios: Shares of train, val and test.
        test_per_class: So many documents of each label test, whatever the ratios say.
        seed: Decides the sample and the split.
        split: By what documents are shared out.
        near_duplicates: Of documents that are at least so similar (0 to 1) the first is kept; None
            keeps them all.
        keep_together: Documents that are at least so similar (0 to 1) come into one part.
        several_labels: Whether a document may have several.
    """

    rules: QualityRules = field(default_factory=QualityRules)
    steps: tuple[CleaningStep, ...] = DEFAULT_STEPS
    per_class: int | None = None
    ratios: Ratios = (0.8, 0.1, 0.1)
    seed: int = 42
    split: Split = Split.STRATIFIED
    near_duplicates: float | None = None
    keep_together: float = 0.4
    several_labels: bool = False
    test_per_class: int | None = None

    def __post_init__(self) -> None:
        checked_ratios(self.ratios)
        self._check_test_per_class()
        if self.per_class is not None and self.per_class < 1:
            raise SettingError("--per-class must be at least 1.", remedy="Leave it out for all.")
        if self.rules.min_words < 0:
            raise SettingError("--min-words can't be negative.", remedy="Use 0 to keep all.")
        for option, similarity in (
            ("--near-duplicates", self.near_duplicates),
            ("--keep-together", self.keep_together),
        ):
            if similarity is not None and not LEAST_SIMILARITY <= similarity <= 1:
                raise SettingError(
                    f"{option} {similarity:g} is no similarity that can be told.",
                    remedy=f"Give one from {LEAST_SIMILARITY:g} to 1, equal word for word.",
                )

    def _check_test_per_class(self) -> None:
        if self.test_per_class is None:
            return
        if self.test_per_class < 1:
            raise SettingError("--test-per-class must be at least 1.", remedy="Or leave it out.")
        if self.split is Split.TIME or self.several_labels:
            raise SettingError(
                "--test-per-class needs documents of one label that are shared out by label.",
                remedy="Leave out --split time and --multi-label, or --test-per-class.",
            )

    def described(self) -> dict[str, Any]:
        """The recipe as it is written into the snapshot."""
        return {
            "cleaning": [str(step) for step in self.steps],
            "min_words": self.rules.min_words,
            "labels": sorted(self.rules.labels),
            "language": "en" if self.rules.are_english else None,
            "per_class": self.per_class,
            "ratios": list(self.ratios),
            "seed": self.seed,
            "split": self.split.value,
            "near_duplicates": self.near_duplicates,
            "keep_together": self.keep_together,
            "several_labels": self.several_labels,
            "test_per_class": self.test_per_class,
        }


def prepare(
    name: str,
    source: DocumentSource,
    recipe: PreparationRecipe,
    *,
    now: datetime,
    progress: Progress | None = None,
) -> Dataset:
    """A dataset from documents as they came; what is left out is counted by reason.

    Raises:
        SettingError: The name can't be a dataset's.
        RecordError: Nothing was kept, or too little to split.
    """
    checked_name(name, of="dataset")
    bench = Workbench(recipe.seed, several=recipe.several_labels)
    intake = _Intake(recipe)
    for document in intake.kept(
        (progress or Silent()).track(source.documents, "Reading and cleaning")
    ):
        bench.add(document)
    chosen = _chosen(bench, recipe, intake)
    parts = _parts(bench, chosen, recipe, intake.dropped)
    intake.drop(DropReason.OLDER_COPY, int((parts == LEFT_OUT).sum()))
    return Dataset(
        name=name,
        parts={
            part: bench.documents(bench.in_seeded_order(chosen[parts == place]))
            for place, part in enumerate(PARTS)
        },
        created_at=now.isoformat(timespec="seconds"),
        source=dict(source.origin),
        recipe=recipe.described(),
        dropped={reason: count for reason, count in sorted(intake.dropped.items()) if count},
        read=intake.read,
        conflicts=tuple(intake.conflicts),
    )


class _Intake:
    """Cleans and filters documents, and counts what it drops."""

    def __init__(self, recipe: PreparationRecipe) -> None:
        self._recipe = recipe
        self._seen = ExactDuplicates()
        self._key = secrets.token_bytes(16)
        self.read = 0
        self.dropped: Counter[str] = Counter()
        self.conflicts: list[Conflict] = []

    def drop(self, reason: DropReason, count: int) -> None:
        """Count documents that were taken in and left out later."""
        self.dropped += Counter({reason.value: count})

    def kept(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The documents that are kept, cleaned."""
        pending = iter(documents)
        while batch := [self._cleaned(raw) for raw in islice(pending, _BATCH)]:
            self.read += len(batch)
            reasons = self._recipe.rules.reasons_to_drop(batch)
            for document, reason in zip(batch, reasons, strict=True):
                why = reason or self._repeated(document)
                if why is None:
                    yield document
                else:
                    self.dropped[why.value] += 1

    def _cleaned(self, raw: Document) -> Document:
        steps, expected = self._recipe.steps, self._recipe.rules.labels
        labels = tuple(label for label in raw.labels if not expected or label in expected)
        document = replace(
            raw,
            text=clean(raw.text, steps),
            title=clean(raw.title, steps),
            label=raw.label if raw.label in labels or not labels else labels[0],
            labels=labels,
        )
        return _without_persons(document, self._key) if REDACTION in steps else document

    def _repeated(self, document: Document) -> DropReason | None:
        repeat = self._seen.repeat_of(document)
        if repeat is None:
            return None
        self.note_conflict(repeat.original_id, repeat.original_label, document)
        return repeat.reason

    def note_conflict(self, original_id: str, original_label: str | None, copy: Document) -> None:
        """List a document that is left out, if it repeats another one under another label."""
        label = copy.label or ""
        if original_label != label and len(self.conflicts) < _CONFLICTS_LISTED:
            self.conflicts.append(Conflict(original_id, original_label or "", copy.id, label))


def _without_persons(document: Document, key: bytes) -> Document:
    """The document without personal data in anything but its labels, which are its classes.

    An id that is an address becomes a hash of the text, a group a hash with a key that nobody
    keeps, so that nobody can guess what it was.
    """
    group = document.group
    return replace(
        document,
        id=document.id if redact(document.id) == document.id else content_id(document.text),
        authors=tuple(redact(author) for author in document.authors),
        published=document.published and redact(document.published),
        ids=tuple(known_as for known_as in document.ids if redact(known_as) == known_as),
        group=group and hashlib.blake2b(group.encode(), key=key, digest_size=12).hexdigest(),
    )


def _chosen(bench: Workbench, recipe: PreparationRecipe, intake: _Intake) -> NDArray[np.intp]:
    """The numbers of the documents that go into the dataset."""
    if not len(bench):
        raise RecordError(
            f"None of {intake.read} documents was kept: {_listed(intake.dropped)}.",
            remedy="Loosen --min-words, --labels or, for other languages, --any-language; or check"
            " --text-fields and --label-field.",
        )
    chosen = np.arange(len(bench))
    if recipe.near_duplicates is not None:
        firsts = bench.near_duplicates(recipe.near_duplicates)
        copies = np.flatnonzero(firsts != chosen)
        pairs = zip(
            bench.documents(firsts[copies].astype(np.intp)), bench.documents(copies), strict=True
        )
        for original, copy in pairs:
            intake.note_conflict(original.id, original.label, copy)
        chosen = chosen[firsts == chosen]
        intake.drop(DropReason.NEAR_DUPLICATE, len(copies))
    if recipe.per_class is not None:
        sample = sampled_per_class(bench.rows(chosen), recipe.per_class)
        intake.drop(DropReason.BEYOND_PER_CLASS, len(chosen) - len(sample))
        chosen = chosen[sample]
    return chosen


def _parts(
    bench: Workbench,
    chosen: NDArray[np.intp],
    recipe: PreparationRecipe,
    dropped: Mapping[str, int],
) -> NDArray[np.int8]:
    """The part of each chosen document."""
    by_field = recipe.split is Split.GROUP
    rows = bench.rows(chosen, bench.groups(recipe.keep_together, by_field=by_field))
    try:
        return split(rows, recipe.ratios, recipe.split, recipe.test_per_class)
    except RecordError as error:
        left_out_too = f" Left out were: {_listed(dropped)}." if dropped else ""
        raise RecordError(f"{error.message}{left_out_too}", remedy=error.remedy) from error


def _listed(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()))
