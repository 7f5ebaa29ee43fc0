"""Do models of tables do what the same algorithms do by hand?

Usage: python benchmarks/tables.py [--seed 42]

Writes four tables that come with scikit-learn (breast cancer, wine, digits, diabetes) as CSV,
prepares each with `classmark prepare-table`, trains every family on it, and beside it the same
algorithm of scikit-learn, XGBoost or PyTorch with the same parameters on the same rows, scaled by
scikit-learn's own StandardScaler. Prints for each the figure on the test part (accuracy with
Wilson's interval, or R2 with its bootstrap interval), and whether ours lies within the interval of
the other. Ends with 1 if one does not.
"""

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xgboost
from numpy.typing import NDArray
from sklearn import datasets as bundled
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from classmark.cli.prepare_table import run as prepare_table
from classmark.datasets import PreparedTable, TableStore, Task
from classmark.evaluation import Estimate, measure_regression, proportion
from classmark.models import TABLE_CATALOGUE, table_family_class
from classmark.progress import Silent
from classmark.training import TrainingRecipe, Workshop, train_table

TARGET = "target"
SOURCES: dict[str, Callable[..., Any]] = {
    "breast_cancer": bundled.load_breast_cancer,
    "wine": bundled.load_wine,
    "digits": bundled.load_digits,
    "diabetes": bundled.load_diabetes,
}


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of a table as scikit-learn takes them.

    Attributes:
        values: Of train, val and test, scaled on train, each of shape (rows, columns).
        targets: Codes of classes, or numbers.
        classes: How many; 0 of a number.
    """

    values: dict[str, NDArray[np.float64]]
    targets: dict[str, NDArray[Any]]
    classes: int


def split_of(prepared: PreparedTable) -> Split:
    """The same rows in the same parts, without any of our features."""
    parts = prepared.table.parts
    columns = [column.name for column in prepared.table.used]
    scaler = StandardScaler().fit(parts["train"][columns])
    values = {part: scaler.transform(rows[columns]) for part, rows in parts.items()}
    if prepared.table.task is Task.REGRESSION:
        numbers = {part: rows[TARGET].to_numpy(np.float64) for part, rows in parts.items()}
        return Split(values, numbers, 0)
    classes = sorted(set(parts["train"][TARGET]))
    codes = {
        part: np.array([classes.index(label) for label in rows[TARGET]])
        for part, rows in parts.items()
    }
    return Split(values, codes, len(classes))


def plain_linear(split: Split, given: dict[str, Any], seed: int) -> NDArray[Any]:
    """Logistic regression, or ridge."""
    model = (
        LogisticRegression(
            C=1 / given["regularisation"], max_iter=given["max_iterations"], random_state=seed
        )
        if split.classes
        else Ridge(alpha=given["regularisation"], random_state=seed)
    )
    answers: NDArray[Any] = model.fit(split.values["train"], split.targets["train"]).predict(
        split.values["test"]
    )
    return answers


def plain_forest(split: Split, given: dict[str, Any], seed: int) -> NDArray[Any]:
    """Scikit-learn's random forest."""
    kind = RandomForestClassifier if split.classes else RandomForestRegressor
    model = kind(given["trees"], random_state=seed)
    answers: NDArray[Any] = model.fit(split.values["train"], split.targets["train"]).predict(
        split.values["test"]
    )
    return answers


def plain_boosted(split: Split, given: dict[str, Any], seed: int) -> NDArray[Any]:
    """XGBoost as its own scikit-learn interface has it."""
    kind = xgboost.XGBClassifier if split.classes else xgboost.XGBRegressor
    model = kind(
        n_estimators=given["rounds"],
        early_stopping_rounds=given["patience"],
        learning_rate=given["learning_rate"],
        max_depth=given["max_depth"],
        random_state=seed,
    )
    beside = [(split.values["val"], split.targets["val"])]
    model.fit(split.values["train"], split.targets["train"], eval_set=beside, verbose=False)
    answers: NDArray[Any] = model.predict(split.values["test"])
    return answers


def plain_network(split: Split, given: dict[str, Any], seed: int) -> NDArray[Any]:
    """A network in plain PyTorch that is stopped when the loss on val falls no more."""
    torch.manual_seed(seed)
    mean, scale = split.targets["train"].mean(), split.targets["train"].std()
    inputs = {part: torch.from_numpy(found).float() for part, found in split.values.items()}
    outputs = {
        part: torch.from_numpy(found)
        if split.classes
        else torch.from_numpy((found - mean) / scale).float()[:, None]
        for part, found in split.targets.items()
    }
    width, dropout = given["width"], given["dropout"]
    sizes = [inputs["train"].shape[1], *[width] * given["layers"]]
    layers: list[torch.nn.Module] = []
    for start, end in pairwise(sizes):
        layers += [torch.nn.Linear(start, end), torch.nn.ReLU(), torch.nn.Dropout(dropout)]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(width, split.classes or 1))
    loss_of = torch.nn.CrossEntropyLoss() if split.classes else torch.nn.MSELoss()
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=given["learning_rate"], weight_decay=given["weight_decay"]
    )
    best, kept, since = np.inf, network.state_dict(), 0
    for _ in range(given["max_epochs"]):
        network.train()
        for rows in torch.split(torch.randperm(len(inputs["train"])), given["batch_size"]):
            optimiser.zero_grad()
            loss_of(network(inputs["train"][rows]), outputs["train"][rows]).backward()
            optimiser.step()
        network.eval()
        with torch.no_grad():
            reached = loss_of(network(inputs["val"]), outputs["val"]).item()
        since += 1
        if reached < best:
            best, since = reached, 0
            kept = {name: values.clone() for name, values in network.state_dict().items()}
        elif since >= given["patience"]:
            break
    network.load_state_dict(kept)
    with torch.no_grad():
        scores = network(inputs["test"]).double().numpy()
    answers: NDArray[Any] = scores.argmax(1) if split.classes else scores[:, 0] * scale + mean
    return answers


PLAIN: dict[str, Callable[[Split, dict[str, Any], int], NDArray[Any]]] = {
    "linear": plain_linear,
    "forest": plain_forest,
    "boosted": plain_boosted,
    "network": plain_network,
}


def figure(split: Split, answers: NDArray[Any]) -> Estimate:
    """Accuracy, or R2, on the test part."""
    truth = split.targets["test"]
    if split.classes:
        return proportion(int((answers == truth).sum()), len(truth))
    found = measure_regression(truth, answers, [TARGET]).r2
    assert found is not None
    return found


def ours(prepared: PreparedTable, family: str, seed: int) -> Estimate:
    """The same figure of the artifact that training wrote."""
    recipe = TrainingRecipe(family, seed=seed, with_baseline=False)
    with tempfile.TemporaryDirectory() as folder:
        trained = train_table(prepared, recipe, Path(folder), Workshop(1, Silent()))
    found = trained.assessments["test"]
    if found.numbers is None:
        return found.classes[TARGET].accuracy
    assert found.numbers.r2 is not None
    return found.numbers.r2


def measured(home: Path, seed: int) -> Iterator[tuple[str, str, int, Estimate, Estimate]]:
    """Table, family, rows of test, ours, plain."""
    for name, load in SOURCES.items():
        source = home / f"{name}.csv"
        load(as_frame=True).frame.to_csv(source, index=False)
        prepare_table(source, name, TARGET, home=home / "home", seed=seed)
        prepared = TableStore(home / "home" / "data").load(name)
        split = split_of(prepared)
        for family in TABLE_CATALOGUE:
            given = table_family_class(family).with_parameters({}).parameters
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                plain = figure(split, PLAIN[family](split, given, seed))
            yield name, family, len(split.targets["test"]), ours(prepared, family, seed), plain


def written(estimate: Estimate) -> str:
    """A figure with its interval."""
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def main() -> int:
    """Train, measure and print; 1 if a figure lies outside."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=42)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = list(measured(Path(folder), given.seed))
    print("\n| table | figure | test rows | family | classmark | by hand | within |")
    print("|---|---|---|---|---|---|---|")
    outside = 0
    for name, family, count, mine, plain in rows:
        within = plain.low <= mine.value <= plain.high
        outside += not within
        kind = "R2" if name == "diabetes" else "accuracy"
        told = "yes" if within else "no"
        cells = (name, kind, count, family, written(mine), written(plain), told)
        print(f"| {' | '.join(map(str, cells))} |")
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
