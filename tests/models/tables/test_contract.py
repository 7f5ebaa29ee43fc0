"""What every family for tables keeps: train, save, load, predict."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from classmark.datasets import PreparedTable, Task
from classmark.errors import ParityError, RecordError, SettingError, TamperedVersionError
from classmark.models import (
    TABLE_CATALOGUE,
    TableFamily,
    TablePredictor,
    TableTrainingData,
    load_classifier,
    load_table_predictor,
    table_family_class,
)
from classmark.models.model import TrainingSite
from classmark.models.tables.model import EncodedTable, LearnedTable
from classmark.progress import Silent

# What the fixtures of this room give: see conftest.py.
Trained = Any
Learn = Callable[..., Trained]
Learned = Callable[[str, str], Trained]
Fresh = dict[str, object]


def outputs(predictor: TablePredictor, rows: pd.DataFrame) -> list[list[list[float]]]:
    return [target.tolist() for target in predictor.outputs(rows)]


def resealed(folder: Path) -> None:
    """Let the artifact's own digests be those of its files, as who changes a file can."""
    config = orjson.loads((folder / "config.json").read_bytes())
    for name in config["files"]:
        config["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "config.json").write_bytes(orjson.dumps(config))


def weights_of(trained: Trained) -> list[Path]:
    """The files that differ by family."""
    return [path for path in trained.folder.iterdir() if path.name.startswith("model")]


def test_a_fresh_process_without_torch_predicts_as_this_one(
    of_classes: Trained, fresh: Fresh
) -> None:
    assert fresh[of_classes.family] == outputs(of_classes.predictor, of_classes.held_out)


def test_the_same_seed_gives_the_same_predictions(of_classes: Trained, learn: Learn) -> None:
    again, rows = learn(of_classes.family, of_classes.prepared), of_classes.held_out
    assert again.outcome == of_classes.outcome
    assert outputs(again.predictor, rows) == outputs(of_classes.predictor, rows)


@pytest.mark.parametrize("family", ["forest", "network"])
def test_another_seed_gives_others(family: str, learned: Learned, learn: Learn) -> None:
    trained = learned(family, "numbers")
    other = learn(family, trained.prepared, 1)
    rows = trained.held_out
    assert outputs(other.predictor, rows) != outputs(trained.predictor, rows)


def test_probabilities_stand_in_the_order_of_the_classes_and_sum_to_1(of_classes: Trained) -> None:
    grape, strength = of_classes.predictor.predict(of_classes.held_out)
    assert (grape.name, grape.classes) == ("grape", ("Barbera", "Barolo", "Grignolino"))
    assert (strength.name, strength.classes) == ("strength", ("strong", "weak"))
    for target in (grape, strength):
        probabilities = target.probabilities
        assert probabilities is not None
        assert probabilities.shape == (len(of_classes.held_out), len(target.classes))
        assert probabilities.min() >= 0
        assert probabilities.sum(1) == pytest.approx(1, abs=1e-12)
        best = [target.classes[place] for place in probabilities.argmax(1)]
        assert target.values.tolist() == best


def test_classes_are_right_more_often_than_the_most_frequent_one(of_classes: Trained) -> None:
    truth = of_classes.held_out
    for target, least in zip(of_classes.predictor.predict(truth), (0.8, 0.7), strict=True):
        # Of 27 rows the most frequent class is right in about 11, or about 14.
        assert (target.values == truth[target.name].to_numpy()).mean() >= least


def test_numbers_are_nearer_than_the_mean(of_numbers: Trained) -> None:
    truth, learned = of_numbers.held_out, of_numbers.prepared.table.parts["train"]
    target, bmi = of_numbers.predictor.predict(truth)
    for found in (target, bmi):
        assert found.probabilities is None
        errors = found.values - truth[found.name].to_numpy()
        by_mean = learned[found.name].mean() - truth[found.name].to_numpy()
        assert (errors**2).mean() < (by_mean**2).mean()
    assert target.values.mean() == pytest.approx(truth["target"].mean(), rel=0.2)


ODD_ROWS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "all cells missing": lambda rows: rows.assign(**dict.fromkeys(rows.columns)),
    "numbers far beyond train": lambda rows: rows.assign(
        **{name: 1e99 for name in rows.columns if rows[name].dtype == float}
    ),
    "a single row": lambda rows: rows.iloc[:1],
    "no row at all": lambda rows: rows.iloc[:0],
}


@pytest.mark.parametrize("odd", ODD_ROWS.values(), ids=ODD_ROWS.keys())
def test_an_odd_row_is_predicted(
    trained: Trained, odd: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    rows = odd(trained.held_out)
    for target in trained.predictor.predict(rows):
        numbers = target.values if target.probabilities is None else target.probabilities
        assert len(target.values) == len(rows)
        assert np.isfinite(numbers.astype(float)).all()


def test_a_category_that_train_never_saw_is_like_any_other_rare_one(of_classes: Trained) -> None:
    one, other = (of_classes.held_out.assign(soil=soil) for soil in ("lava", "peat"))
    assert outputs(of_classes.predictor, one) == outputs(of_classes.predictor, other)


def test_columns_may_come_in_any_order_with_others_beside_and_without_targets(
    trained: Trained,
) -> None:
    rows = trained.held_out
    used = list(trained.predictor.columns)
    shuffled = rows[used[::-1]].assign(extra="something", other=1.5)
    assert outputs(trained.predictor, shuffled) == outputs(trained.predictor, rows)
    assert trained.predictor.unknown_columns(shuffled) == ["extra", "other"]
    assert trained.predictor.unknown_columns(rows) == []


def test_cells_may_be_written_as_text(of_numbers: Trained) -> None:
    written = of_numbers.held_out.map(repr)
    assert outputs(of_numbers.predictor, written) == outputs(
        of_numbers.predictor, of_numbers.held_out
    )


def test_a_missing_column_is_named(trained: Trained) -> None:
    column = trained.predictor.columns[2]
    with pytest.raises(RecordError, match=f"no column '{column}'"):
        trained.predictor.predict(trained.held_out.drop(columns=column))


def test_a_row_is_predicted_alike_whatever_stands_beside_it(trained: Trained) -> None:
    together = trained.predictor.outputs(trained.held_out)
    for place in range(5):
        alone = trained.predictor.outputs(trained.held_out.iloc[[place]])
        for one, all_of_them in zip(alone, together, strict=True):
            assert one[0] == pytest.approx(all_of_them[place], rel=1e-12, abs=1e-12)


def test_the_truth_of_rows_is_read_as_the_table_was(trained: Trained) -> None:
    rows, names = trained.held_out, [target.name for target in trained.predictor.config.targets]
    assert trained.predictor.truth(rows).equals(rows[names])
    with pytest.raises(RecordError, match=f"2 of {len(rows)} rows have no '{names[1]}'"):
        trained.predictor.truth(rows.assign(**{names[1]: [None, None, *rows[names[1]][2:]]}))


def test_a_class_that_the_model_does_not_know_is_named(of_classes: Trained) -> None:
    with pytest.raises(RecordError, match="does not know: Merlot"):
        of_classes.predictor.truth(of_classes.held_out.assign(grape="Merlot"))


def test_the_artifact_says_what_it_is(trained: Trained) -> None:
    config = trained.predictor.config
    assert config.family == trained.family
    assert config.task is trained.prepared.table.task
    assert [target.column for target in config.targets] == list(trained.prepared.table.targets)
    known = table_family_class(trained.family).with_parameters({}).parameters
    assert set(config.parameters) == set(known)
    assert trained.outcome.architecture == trained.family


def test_columns_that_no_feature_is_made_of_are_known_and_not_needed(of_classes: Trained) -> None:
    assert of_classes.predictor.config.left_out == ("bottle",)
    assert "bottle" not in of_classes.predictor.columns


def test_parity_is_told(trained: Trained) -> None:
    parity = trained.outcome.parity
    assert parity.rows == len(trained.prepared.table.parts["val"])
    assert parity.largest_gap < 1e-5


def test_nothing_in_the_artifact_is_a_pickle(trained: Trained) -> None:
    for path in trained.folder.iterdir():
        assert path.suffix in {".json", ".skops", ".ubj", ".safetensors"}
        content = path.read_bytes()
        assert content[:2] not in {b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"}


def test_a_pickle_in_the_place_of_weights_is_never_run(trained: Trained, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    payload = f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()
    for number, path in enumerate([*weights_of(trained), trained.folder / "features.skops"]):
        copy = Path(shutil.copytree(trained.folder, tmp_path / str(number)))
        (copy / path.name).write_bytes(payload)
        resealed(copy)
        with pytest.raises(TamperedVersionError):
            load_table_predictor(copy)
    assert not canary.exists()


def test_a_pickle_beside_the_files_of_a_model_is_never_run(
    trained: Trained, tmp_path: Path
) -> None:
    canary, copy = tmp_path / "canary", tmp_path / "model"
    shutil.copytree(trained.folder, copy)
    for name in ("model.pkl", "model.joblib", "pytorch_model.bin", "model.pt", "features.pkl"):
        (copy / name).write_bytes(f"cos\nsystem\n(S'touch {canary}'\ntR.".encode())
    resealed(copy)
    load_table_predictor(copy)
    assert not canary.exists()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "is missing": Path.unlink,
    "is empty": lambda path: path.write_bytes(b""),
    "is cut off": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "is something else": lambda path: path.write_bytes(b"\x80\x04\xff something else" * 10),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_an_artifact_with_a_damaged_file_is_not_loaded(
    trained: Trained, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    for path in trained.folder.iterdir():
        copy = Path(shutil.copytree(trained.folder, tmp_path / path.stem))
        damage(copy / path.name)
        with pytest.raises(TamperedVersionError, match="no whole artifact"):
            load_table_predictor(copy)


def test_weights_of_another_table_are_not_loaded(
    of_classes: Trained, learned: Learned, tmp_path: Path
) -> None:
    other = learned(of_classes.family, "numbers")
    for one, another in ((of_classes, other), (other, of_classes)):
        copy = Path(shutil.copytree(one.folder, tmp_path / one.folder.name))
        for path in weights_of(another):
            shutil.copy(path, copy / path.name)
        resealed(copy)
        with pytest.raises(TamperedVersionError, match="do not belong together"):
            load_table_predictor(copy)


def test_a_model_of_a_table_is_not_loaded_as_one_of_texts(trained: Trained) -> None:
    with pytest.raises(SettingError, match="tables are predicted from files"):
        load_classifier(trained.folder)


@pytest.mark.parametrize("family", TABLE_CATALOGUE)
def test_an_unknown_parameter_is_named_beside_the_known_ones(family: str) -> None:
    with pytest.raises(SettingError, match="flavour") as refused:
        table_family_class(family).with_parameters({"flavour": "mint"})
    for known in table_family_class(family).with_parameters({}).parameters:
        assert known in str(refused.value)


@pytest.mark.parametrize("family", TABLE_CATALOGUE)
@pytest.mark.parametrize("value", ["mint", "-1", "nan", "inf", ""])
def test_a_parameter_that_can_not_be_is_named(family: str, value: str) -> None:
    name = next(iter(table_family_class(family).with_parameters({}).parameters))
    with pytest.raises(SettingError, match=name):
        table_family_class(family).with_parameters({name: value})


@pytest.mark.parametrize("family", TABLE_CATALOGUE)
def test_what_can_not_be_learned_is_refused(
    family: str, wines: PreparedTable, patients: PreparedTable, tmp_path: Path
) -> None:
    classes, numbers = TableTrainingData.of(wines), TableTrainingData.of(patients)
    strange = classes.validation.assign(grape="Merlot")
    gaps = numbers.train.assign(bmi=np.nan)
    refusals = {
        "one class of 'grape' only": replace(classes, train=classes.train.assign(grape="Barolo")),
        "that train has not: Merlot": replace(classes, validation=strange),
        "0 to validate on": replace(classes, validation=classes.validation.iloc[:0]),
        "no number in 'bmi'": replace(numbers, train=gaps),
    }
    for told, data in refusals.items():
        with pytest.raises(RecordError, match=told):
            table_family_class(family).with_parameters({}).train(data, tmp_path, Silent())
    assert list(tmp_path.iterdir()) == []


class Forgetful(table_family_class("linear")):  # type: ignore[misc]
    """A family whose artifact is not what it was."""

    def _learn(self, table: EncodedTable, folder: Path, site: TrainingSite) -> LearnedTable:
        learned = super()._learn(table, folder, site)
        moved = tuple(outputs[::-1] for outputs in learned.parent)
        return LearnedTable(moved, learned.details)


def test_a_model_that_does_not_predict_as_it_was_trained_is_refused(
    patients: PreparedTable, tmp_path: Path
) -> None:
    family: TableFamily = Forgetful.with_parameters({})
    assert patients.table.task is Task.REGRESSION
    with pytest.raises(ParityError, match="does not answer as the trained one does on 7"):
        family.train(TableTrainingData.of(patients), tmp_path, Silent())
    assert list(tmp_path.iterdir()) == []
