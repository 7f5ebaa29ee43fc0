"""A family learns from a table, and what lies in the folder is what was measured."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sklearn.datasets import load_diabetes

from classmark.datasets import PreparedTable, TableRecipe, TableSource, prepare_table
from classmark.errors import SettingError
from classmark.evaluation import NumberComparison, assess_table
from classmark.models import Milestone, load_table_predictor
from classmark.progress import Silent
from classmark.training import TrainedTable, TrainingRecipe, Workshop, train_table


@pytest.fixture(scope="module")
def patients() -> PreparedTable:
    frame = load_diabetes(as_frame=True, scaled=False).frame
    recipe = TableRecipe(("target",))
    now = datetime(2024, 5, 6, tzinfo=UTC)
    return prepare_table("patients", TableSource(frame, {"name": "bundled"}), recipe, now=now)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("network")


@pytest.fixture(scope="module")
def heard() -> list[Milestone]:
    """What the network told while it learned."""
    return []


@pytest.fixture(scope="module")
def network(patients: PreparedTable, folder: Path, heard: list[Milestone]) -> TrainedTable:
    recipe = TrainingRecipe("network", {"max_epochs": "10"})
    return train_table(patients, recipe, folder, Workshop(1, Silent(), heard.append))


def test_the_figures_are_those_of_what_lies_in_the_folder(
    patients: PreparedTable, network: TrainedTable, folder: Path
) -> None:
    assert list(network.assessments) == ["val", "test"]
    again = assess_table(load_table_predictor(folder), patients.table.parts["test"])
    measured = network.assessments["test"]
    assert again.numbers is not None
    assert measured.numbers is not None
    assert again.numbers.per_target == measured.numbers.per_target
    assert network.parameters["max_epochs"] == 10
    assert network.seconds > 0


def test_the_linear_family_is_measured_beside(
    patients: PreparedTable, network: TrainedTable
) -> None:
    assert network.baseline is not None
    assert list(network.baseline.assessments) == ["val", "test"]
    (comparison,) = network.baseline.comparisons.values()
    assert isinstance(comparison, NumberComparison)
    assert comparison.rows == len(patients.table.parts["test"])
    beside, own = (
        found.numbers
        for found in (network.baseline.assessments["test"], network.assessments["test"])
    )
    assert beside is not None
    assert own is not None
    assert comparison.mae_a == pytest.approx(beside.mae.value)
    assert comparison.mae_b == pytest.approx(own.mae.value)


@pytest.mark.usefixtures("network")
def test_every_epoch_is_told(heard: Sequence[Milestone]) -> None:
    assert [milestone.epoch for milestone in heard] == list(range(1, 11))
    losses = [milestone.metrics["loss"] for milestone in heard]
    assert losses[-1] < losses[0]


def test_the_baseline_has_none_beside_it(patients: PreparedTable, tmp_path: Path) -> None:
    found = train_table(patients, TrainingRecipe("linear"), tmp_path, Workshop(1, Silent()))
    assert found.baseline is None
    assert found.outcome.architecture == "linear"


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        (TrainingRecipe("encoder"), "no model family 'encoder' for tables"),
        (TrainingRecipe("forest", {"trees": "many"}), "trees"),
        (TrainingRecipe("network", {"learning_rate": "1e30"}), "Lower learning_rate"),
    ],
)
def test_a_recipe_that_can_not_be_leaves_nothing_behind(
    patients: PreparedTable, tmp_path: Path, recipe: TrainingRecipe, told: str
) -> None:
    with pytest.raises(SettingError) as refused:
        train_table(patients, recipe, tmp_path, Workshop(1, Silent()))
    assert told in str(refused.value)
    assert list(tmp_path.iterdir()) == []
