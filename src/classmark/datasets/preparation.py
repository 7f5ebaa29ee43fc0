"""From documents as they came to a dataset: clean, filter, drop duplicates, sample, split."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from classmark.datasets.dataset import Dataset
from classmark.datasets.splitting import (
    Ratios,
    checked_ratios,
    sample_per_class,
    stratified_split,
)
from classmark.documents import (
    DEFAULT_STEPS,
    CleaningStep,
    Document,
    DropReason,
    ExactDuplicates,
    QualityRules,
    clean,
)
from classmark.errors import RecordError, SettingError
from classmark.naming import checked_name
from classmark.progress import Progress, Silent


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
        per_class: At most so many documents of each label; None takes all.
        ratios: Shares of train, val and test.
        seed: Decides the sample and the split.
    """

    rules: QualityRules = field(default_factory=QualityRules)
    steps: tuple[CleaningStep, ...] = DEFAULT_STEPS
    per_class: int | None = None
    ratios: Ratios = (0.8, 0.1, 0.1)
    seed: int = 42

    def __post_init__(self) -> None:
        checked_ratios(self.ratios)
        if self.per_class is not None and self.per_class < 1:
            raise SettingError("--per-class must be at least 1.", remedy="Leave it out for all.")
        if self.rules.min_words < 0:
            raise SettingError("--min-words can't be negative.", remedy="Use 0 to keep all.")

    def described(self) -> dict[str, Any]:
        """The recipe as it is written into the snapshot."""
        return {
            "cleaning": [str(step) for step in self.steps],
            "min_words": self.rules.min_words,
            "labels": sorted(self.rules.labels),
            "language": "en" if self.rules.is_english else None,
            "per_class": self.per_class,
            "ratios": list(self.ratios),
            "seed": self.seed,
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
    watch = progress or Silent()
    dropped: Counter[str] = Counter()
    kept = list(_kept(watch.track(source.documents, "Reading and cleaning"), recipe, dropped))
    read = len(kept) + dropped.total()
    if not kept:
        raise RecordError(
            f"None of {read} documents was kept: {_listed(dropped)}.",
            remedy="Loosen --min-words, --labels or, for other languages, --any-language; or check"
            " --text-fields and --label-field.",
        )
    if recipe.per_class is not None:
        kept, left_out = sample_per_class(kept, recipe.per_class, recipe.seed)
        dropped.update({DropReason.BEYOND_PER_CLASS.value: left_out} if left_out else {})
    try:
        parts = stratified_split(kept, recipe.ratios, recipe.seed)
    except RecordError as error:
        left_out_too = f" Left out were: {_listed(dropped)}." if dropped else ""
        raise RecordError(f"{error.message}{left_out_too}", remedy=error.remedy) from error
    return Dataset(
        name=name,
        parts=parts,
        created_at=now.isoformat(timespec="seconds"),
        source=dict(source.origin),
        recipe=recipe.described(),
        dropped=dict(sorted(dropped.items())),
        read=read,
    )


def _kept(
    documents: Iterable[Document], recipe: PreparationRecipe, dropped: Counter[str]
) -> Iterator[Document]:
    duplicates = ExactDuplicates()
    for raw in documents:
        text, title = clean(raw.text, recipe.steps), clean(raw.title, recipe.steps)
        document = replace(raw, text=text, title=title)
        reason = recipe.rules.reason_to_drop(document) or duplicates.reason_to_drop(document)
        if reason is None:
            yield document
        else:
            dropped[reason.value] += 1


def _listed(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()))
