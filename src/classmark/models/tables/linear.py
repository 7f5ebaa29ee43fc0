"""Linear models of tables: logistic regression, ridge, least squares."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from classmark.models.model import TrainingSite
from classmark.models.parameters import Count, Weight
from classmark.models.tables.estimators import outputs_of, save_estimators
from classmark.models.tables.model import EncodedTable, LearnedTable, TableFamily
from classmark.models.tables.targets import Target


@dataclass(frozen=True, slots=True)
class LinearTableParameters:
    """What can be set of the linear family for tables.

    Attributes:
        regularisation: Of the squared weights: 1 / C of scikit-learn's logistic regression, or
            alpha of its ridge; 0 is none, which for numbers is least squares.
        max_iterations: Of the logistic regression's solver.
    """

    regularisation: Weight = 1.0
    max_iterations: Count = 1000


class LinearTableFamily(TableFamily):
    """Logistic regression for classes, ridge for numbers; one model a target."""

    name: ClassVar[str] = "linear"
    parameters_class = LinearTableParameters

    def _learn(self, table: EncodedTable, folder: Path, site: TrainingSite) -> LearnedTable:
        estimators = [self._unfitted(target, table.seed) for target in table.targets]
        pairs = zip(estimators, table.train.targets, strict=True)
        with warnings.catch_warnings():
            # Told in the details, of each target.
            warnings.simplefilter("ignore", ConvergenceWarning)
            for estimator, learned in site.progress.track(
                pairs, "Fitting linear models", len(estimators)
            ):
                estimator.fit(table.train.values, learned)
        save_estimators(estimators, folder)
        converged = {
            target.name: self._has_converged(estimator)
            for target, estimator in zip(table.targets, estimators, strict=True)
        }
        return LearnedTable(
            outputs_of(estimators, table.validation.values), {"converged": converged}
        )

    def _unfitted(self, target: Target, seed: int) -> Any:
        strength = self._parameters.regularisation
        if target.classes:
            return LogisticRegression(
                C=1 / strength if strength else np.inf,
                max_iter=self._parameters.max_iterations,
                random_state=seed,
            )
        return Ridge(alpha=strength, random_state=seed) if strength else LinearRegression()

    def _has_converged(self, estimator: Any) -> bool:
        rounds = getattr(estimator, "n_iter_", None)
        return rounds is None or bool(np.max(rounds) < self._parameters.max_iterations)
