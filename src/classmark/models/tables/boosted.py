"""Gradient-boosted trees of tables, by XGBoost (Chen and Guestrin 2016)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import xgboost
from pydantic import Field

from classmark.models.model import TrainingSite
from classmark.models.parameters import Count, Strength, Weight
from classmark.models.tables.boosted_runtime import booster_file, outputs_of
from classmark.models.tables.model import EncodedTable, LearnedTable, TableFamily
from classmark.models.tables.targets import Target


@dataclass(frozen=True, slots=True)
class BoostedParameters:
    """What can be set of the boosted family; what shapes a tree is XGBoost's own default.

    Attributes:
        rounds: Trees one after the other at most, of each class where there are more than two.
        patience: Training ends when the loss on val has not fallen for so many rounds; the trees
            after the best round are dropped.
        learning_rate: How much of each tree counts.
        max_depth: Questions on the way to a leaf.
        min_child_weight: Of the rows of a leaf, the least sum of second derivatives.
        row_share: Of the rows that a tree learns from.
        feature_share: Of the features that a tree may ask.
        regularisation: Of the leaves' squared weights.
    """

    rounds: Count = 1000
    patience: Count = 50
    learning_rate: Strength = 0.1
    max_depth: Count = 6
    min_child_weight: Weight = 1.0
    row_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    feature_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    regularisation: Weight = 1.0


class BoostedFamily(TableFamily):
    """Trees that each mend what the ones before got wrong; one booster a target.

    One a target, and not trees with many leaves' values: targets of a table need not be alike, and
    each stops at its own best round.
    """

    name: ClassVar[str] = "boosted"
    parameters_class = BoostedParameters
    keeps_missing: ClassVar[bool] = True

    def _learn(self, table: EncodedTable, folder: Path, site: TrainingSite) -> LearnedTable:
        parent, rounds = [], {}
        targets = enumerate(table.targets)
        for place, target in site.progress.track(targets, "Boosting trees", len(table.targets)):
            validation = _matrix(table.validation, place)
            booster = self._boosted(table, place, validation)
            booster.save_model(folder / booster_file(place))
            parent.append(outputs_of(booster, validation, target.width))
            rounds[target.name] = booster.num_boosted_rounds()
        return LearnedTable(tuple(parent), {"rounds": rounds})

    def _boosted(self, table: EncodedTable, place: int, validation: Any) -> Any:
        """The booster of a target, up to its best round."""
        target = table.targets[place]
        booster = xgboost.train(
            self._settings(target, table.seed),
            _matrix(table.train, place),
            self._parameters.rounds,
            evals=[(validation, "val")],
            early_stopping_rounds=self._parameters.patience,
            verbose_eval=False,
        )
        best = booster[: booster.best_iteration + 1]
        best.set_attr(outputs=str(target.width))
        return best

    def _settings(self, target: Target, seed: int) -> dict[str, Any]:
        given = self._parameters
        return {
            **_objective(len(target.classes)),
            "learning_rate": given.learning_rate,
            "max_depth": given.max_depth,
            "min_child_weight": given.min_child_weight,
            "subsample": given.row_share,
            "colsample_bytree": given.feature_share,
            "reg_lambda": given.regularisation,
            # XGBoost takes 31 bits.
            "seed": seed % 2**31,
            "verbosity": 0,
        }


def _objective(classes: int) -> dict[str, Any]:
    if not classes:
        return {"objective": "reg:squarederror"}
    if classes == 2:
        return {"objective": "binary:logistic"}
    return {"objective": "multi:softprob", "num_class": classes}


def _matrix(rows: Any, place: int) -> Any:
    return xgboost.DMatrix(rows.values, rows.targets[place].astype(np.float64))
