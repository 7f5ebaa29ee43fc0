"""How a table becomes a dataset and its features: what somebody can choose, and nothing else."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from classmark.datasets.splitting import Ratios, checked_ratios
from classmark.datasets.tables.columns import Conventions
from classmark.datasets.tables.reading import MISSING_WORDS
from classmark.errors import SettingError


class Task(StrEnum):
    """What is to be predicted."""

    AUTO = "auto"
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class Outliers(StrEnum):
    """What becomes of outliers."""

    KEEP = "keep"
    CLIP = "clip"
    DROP = "drop"


class Importance(StrEnum):
    """By what a feature is important."""

    TREES = "trees"
    MUTUAL_INFORMATION = "mutual-information"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which features are kept; each step is off where it is None.

    Attributes:
        correlation: Of two features that correlate more than this, the later one goes.
        most_important: How many are kept: a count, or below 1 a share.
        importance: By what.
        variance: Principal components take the features' place, so many that they hold this share
            of the variance.
    """

    correlation: float | None = None
    most_important: float | None = None
    importance: Importance = Importance.TREES
    variance: float | None = None

    def __post_init__(self) -> None:
        for option, share in (("--correlation", self.correlation), ("--pca", self.variance)):
            if share is not None and not 0 < share < 1:
                raise SettingError(f"{option} {share:g} is no share.", remedy="Try 0.95.")
        kept = self.most_important
        if kept is not None and (kept <= 0 or (kept > 1 and kept % 1)):
            raise SettingError(
                f"--select {kept:g} is neither a number of features nor a share of them.",
                remedy="Give a whole number like 20, or a share like 0.5.",
            )


@dataclass(frozen=True, slots=True)
class TableRecipe:
    """How a table becomes a dataset.

    Attributes:
        targets: The columns to predict.
        task: What to predict of them; AUTO looks at the first.
        ratios: Shares of train, val and test.
        conventions: What cells can't tell alone.
        missing: Words that mean missing.
        outliers: What becomes of them.
        selection: Which features are kept.
        keep_duplicates: Whether equal rows are kept, all in the same part; else the first is.
        seed: Decides the split, and whatever of the features is random.
    """

    targets: tuple[str, ...]
    task: Task = Task.AUTO
    ratios: Ratios = (0.7, 0.15, 0.15)
    conventions: Conventions = field(default_factory=Conventions)
    missing: tuple[str, ...] = MISSING_WORDS
    outliers: Outliers = Outliers.KEEP
    selection: Selection = field(default_factory=Selection)
    keep_duplicates: bool = False
    seed: int = 42

    def __post_init__(self) -> None:
        checked_ratios(self.ratios)
        if not self.targets or len(set(self.targets)) < len(self.targets):
            raise SettingError(
                f"--target {','.join(self.targets)!r} names no column, or one twice.",
                remedy="Name the columns to predict, as: --target price",
            )

    def described(self) -> dict[str, Any]:
        """The recipe as it is written into the snapshot."""
        return {
            "targets": list(self.targets),
            "task": self.task.value,
            "ratios": list(self.ratios),
            "decimal": self.conventions.decimal,
            "date_order": self.conventions.date_order,
            "types": {name: kind.value for name, kind in self.conventions.kinds},
            "missing": list(self.missing),
            "outliers": self.outliers.value,
            "correlation": self.selection.correlation,
            "select": self.selection.most_important,
            "select_by": self.selection.importance.value,
            "pca": self.selection.variance,
            "keep_duplicates": self.keep_duplicates,
            "seed": self.seed,
        }
