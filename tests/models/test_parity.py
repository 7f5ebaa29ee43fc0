"""The parity gate: an export answers as its parent, or it does not serve."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import numpy_helper

from classmark.errors import ParityError
from classmark.models import ParityReport, parity_verdict
from classmark.models.parity import (
    Decisions,
    Tolerance,
    probabilities_in_fresh_process,
    stand_in_verdict,
)

# What the fixtures of this room give: see conftest.py.
Samples = Any
Trained = Any

CLASSES = 3


def sure_of(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probabilities whose largest is that of the label."""
    found = np.full((len(labels), CLASSES), 0.1)
    found[np.arange(len(labels)), labels] = 0.8
    return found


def flipped(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The labels, the first `count` of them others."""
    found = labels.copy()
    found[:count] = (found[:count] + 1) % CLASSES
    return found


def verdict(
    rows: int, *, fp32_flips: int = 0, int8_flips: int | None = None, parent_errors: int = 0
) -> ParityReport:
    """What is said of exports that give other labels on their first rows.

    The parent is wrong on the first `parent_errors` rows, and a flip never makes a row right.
    """
    parent = np.arange(rows) % CLASSES
    truth = parent.copy()
    truth[:parent_errors] = (truth[:parent_errors] + 2) % CLASSES
    exports = {"fp32": sure_of(flipped(parent, fp32_flips))}
    if int8_flips is not None:
        exports["int8"] = sure_of(flipped(parent, int8_flips))
    return parity_verdict(sure_of(parent), exports, truth)


def stands_in(
    larger: Decisions, *, fp32: Decisions, int8: Decisions, truth: NDArray[Any]
) -> ParityReport:
    report = ParityReport("int8", len(truth), 1.0, {})
    exports = {"fp32": fp32, "int8": int8}
    return stand_in_verdict(report, {"larger": larger}, exports, truth, Tolerance(0.9, 0.02))


def test_a_smaller_model_serves_the_way_that_is_near_enough_to_the_larger_one() -> None:
    truth = np.arange(100) % CLASSES
    one, near, far = (Decisions(sure_of(flipped(truth, flips))) for flips in (0, 2, 11))
    assert stands_in(one, fp32=near, int8=near, truth=truth).chosen == "int8"
    found = stands_in(one, fp32=near, int8=far, truth=truth)
    assert found.chosen == "fp32"
    assert found.larger["larger"].label_share == 0.98
    with pytest.raises(ParityError, match=r"unlike larger\. Answered alike: 89\.0 % of 100"):
        stands_in(one, fp32=far, int8=far, truth=truth)


def test_a_smaller_model_that_agrees_may_still_have_lost_too_much() -> None:
    truth = np.arange(100) % CLASSES
    one, other = (Decisions(sure_of(flipped(truth, flips))) for flips in (0, 3))
    with pytest.raises(ParityError, match=r"97\.0 % instead of 100\.0 %"):
        stands_in(one, fp32=other, int8=other, truth=truth)


def test_each_model_gives_labels_by_its_own_thresholds() -> None:
    truth = np.array([[True, False], [False, True], [True, True]])
    low = Decisions(np.where(truth, 0.3, 0.1), (0.2, 0.2))
    high = Decisions(np.where(truth, 0.9, 0.4), (0.6, 0.6))
    found = stands_in(low, fp32=high, int8=high, truth=truth)
    assert found.larger["larger"].label_share == 1
    assert found.larger["larger"].accuracy == 1


def test_an_export_may_differ_on_one_row_in_a_thousand() -> None:
    assert verdict(1000, fp32_flips=1).exports["fp32"].label_share == 0.999
    assert verdict(2000, fp32_flips=2).chosen == "fp32"


@pytest.mark.parametrize(("rows", "flips"), [(1000, 2), (2000, 3), (999, 1), (40, 1), (1, 1)])
def test_an_export_that_differs_on_more_is_refused(rows: int, flips: int) -> None:
    with pytest.raises(ParityError, match=f"of {rows} validation rows"):
        verdict(rows, fp32_flips=flips)


def test_a_good_quantised_export_does_not_save_a_bad_exact_one() -> None:
    with pytest.raises(ParityError, match=r"80\.00%"):
        verdict(10, fp32_flips=2, int8_flips=0)


@pytest.mark.parametrize(
    ("rows", "flips", "chosen"),
    [(100, 3, "int8"), (100, 4, "fp32"), (1000, 30, "int8"), (1000, 31, "fp32")],
)
def test_a_quantised_export_keeps_the_label_of_97_rows_in_100(
    rows: int, flips: int, chosen: str
) -> None:
    # The parent is wrong there anyway, so that no accuracy is lost.
    assert verdict(rows, int8_flips=flips, parent_errors=flips).chosen == chosen


@pytest.mark.parametrize(
    ("rows", "flips", "chosen"),
    [(1000, 5, "int8"), (1000, 6, "fp32"), (200, 1, "int8"), (199, 1, "fp32"), (7, 0, "int8")],
)
def test_a_quantised_export_loses_half_a_point_of_accuracy_at_most(
    rows: int, flips: int, chosen: str
) -> None:
    assert verdict(rows, int8_flips=flips).chosen == chosen


def test_the_figures_are_those_of_the_answers() -> None:
    parent = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3], [0.2, 0.2, 0.6]])
    int8 = np.array([[0.6, 0.2, 0.2], [0.1, 0.8, 0.1], [0.2, 0.5, 0.3], [0.2, 0.2, 0.6]])
    report = parity_verdict(parent, {"fp32": parent, "int8": int8}, np.array([0, 0, 1, 2]))
    assert report.rows == 4
    assert report.chosen == "fp32"
    assert report.parent_accuracy == 0.5
    assert report.exports["fp32"].label_share == 1
    assert report.exports["fp32"].largest_gap == 0
    assert report.exports["int8"].label_share == 0.75
    assert report.exports["int8"].largest_gap == pytest.approx(0.2)
    assert report.exports["int8"].accuracy == 0.75


@given(
    rows=st.integers(1, 400),
    int8_flips=st.integers(0, 400),
    parent_errors=st.integers(0, 400),
)
def test_the_choice_follows_from_the_figures(
    rows: int, int8_flips: int, parent_errors: int
) -> None:
    report = verdict(rows, int8_flips=min(int8_flips, rows), parent_errors=min(parent_errors, rows))
    int8 = report.exports["int8"]
    kept = int8.label_share >= 0.97 and report.parent_accuracy - int8.accuracy <= 0.005 + 1e-9
    assert report.chosen == ("int8" if kept else "fp32")


@given(st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_what_answers_exactly_as_its_parent_passes(rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    parent = rng.dirichlet(np.ones(CLASSES), rows)
    truth = rng.integers(0, CLASSES, rows)
    report = parity_verdict(parent, {"fp32": parent, "int8": parent}, truth)
    assert report.chosen == "int8"
    assert parity_verdict(parent, {"fp32": parent}, truth).chosen == "fp32"
    assert {found.largest_gap for found in report.exports.values()} == {0.0}
    assert {found.accuracy for found in report.exports.values()} == {report.parent_accuracy}


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_an_answer_that_is_no_number_agrees_with_nothing(odd: float) -> None:
    truth = np.zeros(10, np.int64)
    good, bad = sure_of(truth), np.full((10, CLASSES), odd)
    with pytest.raises(ParityError, match=r"0\.00%"):
        parity_verdict(good, {"fp32": bad}, truth)
    with pytest.raises(ParityError, match=r"0\.00%"):
        parity_verdict(np.full((10, CLASSES), np.nan), {"fp32": bad}, truth)
    report = parity_verdict(good, {"fp32": good, "int8": bad}, truth)
    assert report.chosen == "fp32"
    assert report.exports["int8"].largest_gap == 1


@pytest.mark.parametrize("shape", [(10, 1), (10, 4), (9, 3)])
def test_an_export_of_another_shape_is_refused(shape: tuple[int, int]) -> None:
    truth = np.zeros(10, np.int64)
    export = np.full(shape, 1 / shape[1])
    with pytest.raises(ParityError, match=f"{shape[0]} rows with {shape[1]} classes"):
        parity_verdict(sure_of(truth), {"fp32": export}, truth)


def test_a_fresh_process_gives_the_artifact_s_own_answers(
    trained: Trained, samples: Samples
) -> None:
    texts = samples.data.validation.texts
    found = probabilities_in_fresh_process(trained.folder, texts, samples.data.labels)
    here = np.array([trained.classifier.probabilities(text) for text in texts])
    assert found.tolist() == here.tolist()


def test_an_artifact_that_can_not_be_loaded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParityError, match="no whole artifact") as refused:
        probabilities_in_fresh_process(tmp_path, ["text"], ["a", "b"])
    assert "Traceback" not in str(refused.value)
    assert "config.json" in str(refused.value)


def test_an_artifact_with_swapped_labels_is_refused(
    trained: Trained, samples: Samples, tmp_path: Path
) -> None:
    shutil.copytree(trained.folder, tmp_path, dirs_exist_ok=True)
    first, second, third = samples.data.labels
    swapped = {"0": second, "1": first, "2": third}
    (tmp_path / "label_map.json").write_bytes(orjson.dumps(swapped))
    # A family made of others sees at once that their labels are not its own.
    told = f"names its classes {second}, {first}, {third}|labels and those of its members"
    with pytest.raises(ParityError, match=told):
        probabilities_in_fresh_process(tmp_path, ["text"], samples.data.labels)


@pytest.mark.parametrize("trained", ["encoder"], indirect=True)
def test_an_export_with_another_head_is_refused(
    trained: Trained, samples: Samples, tmp_path: Path
) -> None:
    shutil.copytree(trained.folder, tmp_path, dirs_exist_ok=True)
    roll_the_head(tmp_path / "model.onnx")
    texts, labels = samples.data.validation.texts, samples.data.labels
    parent = probabilities_in_fresh_process(trained.folder, texts, labels)
    tampered = probabilities_in_fresh_process(tmp_path, texts, labels)
    truth = np.searchsorted(labels, samples.data.validation.labels)
    with pytest.raises(ParityError):
        parity_verdict(parent, {"fp32": tampered}, truth)


def roll_the_head(path: Path) -> None:
    """Give every class the weights of the one before it."""
    model = onnx.load(path)
    heads = [tensor for tensor in model.graph.initializer if CLASSES in tensor.dims]
    assert heads
    for tensor in heads:
        weights = numpy_helper.to_array(tensor)
        rolled = np.roll(weights, 1, axis=weights.shape.index(CLASSES))
        tensor.CopyFrom(numpy_helper.from_array(rolled, tensor.name))
    onnx.save(model, path)


def test_an_export_that_forgot_its_softmax_is_refused() -> None:
    parent = sure_of(np.arange(300) % CLASSES)
    with pytest.raises(ParityError, match="no probabilities"):
        parity_verdict(parent, {"fp32": np.log(parent)}, np.arange(300) % CLASSES)


def test_a_quantised_export_with_answers_that_are_no_numbers_does_not_serve() -> None:
    truth = np.arange(300) % CLASSES
    parent = sure_of(truth)
    quantised = parent.copy()
    quantised[0] = np.nan
    assert parity_verdict(parent, {"fp32": parent, "int8": quantised}, truth).chosen == "fp32"


def test_no_module_of_the_working_folder_takes_part_in_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "orjson.py").write_text("raise SystemExit('taken from the working folder')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParityError) as caught:
        probabilities_in_fresh_process(tmp_path, ["a text"], ["a"])
    assert "taken from the working folder" not in str(caught.value)
