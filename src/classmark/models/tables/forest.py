"""Random forests of tables (Breiman 2001)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from classmark.models.model import TrainingSite
from classmark.models.parameters import Count
from classmark.models.tables.estimators import outputs_of, save_estimators
from classmark.models.tables.model import EncodedTable, LearnedTable, TableFamily
from classmark.models.tables.targets import Target


@dataclass(frozen=True, slots=True)
class ForestParameters:
    """What can be set of the forest family; the defaults are scikit-learn's.

    Attributes:
        trees: Of each target.
        max_depth: Questions on the way to a leaf; None asks on until leaves are pure.
        min_rows_a_leaf: Training rows that a leaf has at least.
        feature_share: Of the features that a question is chosen from; None takes the square root
            of their number for classes, and all for numbers.
    """

    trees: Count = 100
    max_depth: Count | None = None
    min_rows_a_leaf: Count = 1
    feature_share: Annotated[float, Field(gt=0, le=1)] | None = None


class ForestFamily(TableFamily):
    """Bagged trees that each ask random features; one forest a target."""

    name: ClassVar[str] = "forest"
    parameters_class = ForestParameters

    def _learn(self, table: EncodedTable, folder: Path, site: TrainingSite) -> LearnedTable:
        forests = [self._unfitted(target, table.seed) for target in table.targets]
        pairs = zip(forests, table.train.targets, strict=True)
        for forest, learned in site.progress.track(pairs, "Growing forests", len(forests)):
            forest.fit(table.train.values, learned)
            # Trees grow on all cores. Answers are summed on one: in which order several would add
            # is chance, and so would be their last digits.
            forest.set_params(n_jobs=1)
        save_estimators(forests, folder)
        deepest = {
            target.name: max(tree.get_depth() for tree in forest.estimators_)
            for target, forest in zip(table.targets, forests, strict=True)
        }
        return LearnedTable(outputs_of(forests, table.validation.values), {"deepest": deepest})

    def _unfitted(self, target: Target, seed: int) -> Any:
        kind = RandomForestClassifier if target.classes else RandomForestRegressor
        given = self._parameters
        return kind(
            given.trees,
            max_depth=given.max_depth,
            min_samples_leaf=given.min_rows_a_leaf,
            max_features=given.feature_share or ("sqrt" if target.classes else 1.0),
            random_state=seed,
            n_jobs=-1,
        )
