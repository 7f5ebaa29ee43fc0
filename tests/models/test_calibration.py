"""What a calibration does to probabilities, when it abstains, and how its file is read."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from classmark.errors import TamperedVersionError
from classmark.models import (
    Calibration,
    Knots,
    Promise,
    load_classifier,
    read_calibration,
    write_calibration,
)

# What the fixtures of this room give: see conftest.py.
Samples = Any
Learn = Callable[..., Any]

TEMPERATURE: dict[str, Any] = {
    "method": "temperature",
    "temperature": 1.5,
    "knots": [],
    "abstain_below": 0.75,
    "promise": {"accuracy": 0.9, "risk": 0.05, "rows": 200, "coverage": 0.8},
}
ISOTONIC: dict[str, Any] = {
    "method": "isotonic",
    "temperature": None,
    "knots": [[[0.0, 0.4, 1.0], [0.1, 0.2, 0.9]]] * 3,
    "abstain_below": None,
    "promise": None,
}
PROBABILITIES = st.lists(st.floats(0, 1), min_size=2, max_size=8).filter(any)
TEMPERATURES = st.floats(0.05, 20)


def shares(weights: list[float]) -> NDArray[np.float64]:
    """Weights as probabilities."""
    scaled = np.array(weights) / max(weights)
    found: NDArray[np.float64] = scaled / scaled.sum()
    return found


def line(*points: tuple[float, float]) -> Knots:
    given, calibrated = zip(*points, strict=True)
    return Knots(np.array(given), np.array(calibrated))


@given(PROBABILITIES, TEMPERATURES)
def test_a_temperature_gives_probabilities_and_keeps_the_label(
    weights: list[float], temperature: float
) -> None:
    before = shares(weights)
    after = Calibration(temperature).applied(before)
    assert after.sum() == pytest.approx(1)
    assert (after >= 0).all()
    assert after.argmax() == before.argmax()


def test_a_temperature_keeps_the_label_where_two_differ_in_the_last_digit_only() -> None:
    less = 0.3
    before = np.array([less, np.nextafter(less, 1), 1 - 2 * less - 0.2])
    before /= before.sum()
    assert before.argmax() == 1
    for temperature in (0.9, 1.1, 3.0, 19.0):
        assert Calibration(temperature).applied(before).argmax() == 1


@given(PROBABILITIES)
def test_a_temperature_of_1_changes_nothing_but_the_last_digits(weights: list[float]) -> None:
    before = shares(weights)
    assert Calibration(1.0).applied(before) == pytest.approx(before, abs=1e-12)


@given(PROBABILITIES, TEMPERATURES, TEMPERATURES)
def test_the_hotter_the_less_confident(weights: list[float], one: float, other: float) -> None:
    before = shares(weights)
    cool, hot = (Calibration(value).applied(before).max() for value in sorted((one, other)))
    assert hot <= cool + 1e-9


def test_a_temperature_divides_log_probabilities() -> None:
    after = Calibration(2.0).applied(np.array([0.64, 0.36]))
    assert after == pytest.approx([0.8 / 1.4, 0.6 / 1.4])


def test_without_a_calibration_probabilities_are_the_same_to_the_last_digit() -> None:
    before = np.array([0.1, 0.2, 0.7])
    assert Calibration().applied(before).tolist() == [0.1, 0.2, 0.7]
    assert Calibration().method == "none"


def test_knots_are_joined_by_lines_and_what_they_give_is_normalised() -> None:
    bent = Calibration(knots=(line((0, 0), (0.5, 0.2), (1, 1)), line((0.1, 0.1), (0.9, 0.9))))
    # 0.75 lies half way between 0.2 and 1; 0.05 lies left of the first knot.
    assert bent.applied(np.array([0.75, 0.05])) == pytest.approx([0.6 / 0.7, 0.1 / 0.7])
    assert bent.method == "isotonic"


def test_knots_may_change_the_label() -> None:
    bent = Calibration(knots=(line((0, 0), (1, 0.1)), line((0, 0), (1, 1))))
    assert bent.applied(np.array([0.6, 0.4])).argmax() == 1


def test_where_knots_leave_nothing_probabilities_stay() -> None:
    flat = Calibration(knots=(line((0, 0), (1, 0)),) * 2)
    assert flat.applied(np.array([0.6, 0.4])).tolist() == [0.6, 0.4]


@given(st.floats(0, 1), st.floats(0, 1))
def test_less_confident_than_the_threshold_is_abstained(threshold: float, value: float) -> None:
    assert Calibration(abstain_below=threshold).abstains(value) == (value < threshold)
    assert not Calibration().abstains(value)


@pytest.mark.parametrize("values", [TEMPERATURE, ISOTONIC])
def test_what_was_written_is_read(values: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_bytes(orjson.dumps(values))
    found = read_calibration(tmp_path, 3)
    assert found.described() == values
    write_calibration(tmp_path, found)
    assert orjson.loads((tmp_path / "calibration.json").read_bytes()) == values
    assert read_calibration(tmp_path, 3).described() == values


@given(st.floats(0.05, 20), st.floats(0, 1))
def test_numbers_are_read_to_the_last_digit(
    tmp_path_factory: pytest.TempPathFactory, temperature: float, threshold: float
) -> None:
    folder = tmp_path_factory.mktemp("artifact")
    promise = Promise(0.9, 0.05, 100, threshold)
    written = Calibration(temperature, abstain_below=threshold, promise=promise)
    write_calibration(folder, written)
    assert read_calibration(folder, 2) == written


def test_an_artifact_without_the_file_has_no_calibration(tmp_path: Path) -> None:
    assert read_calibration(tmp_path, 2) == Calibration()


@pytest.mark.parametrize(
    "values",
    [
        {**TEMPERATURE, "temperature": 0},
        {**TEMPERATURE, "temperature": -1.0},
        {**TEMPERATURE, "temperature": "warm"},
        {**TEMPERATURE, "temperature": None},
        {**TEMPERATURE, "method": "isotonic"},
        {**TEMPERATURE, "method": "none"},
        {**TEMPERATURE, "knots": ISOTONIC["knots"]},
        {**TEMPERATURE, "abstain_below": 1.5},
        {**TEMPERATURE, "abstain_below": "high"},
        {**TEMPERATURE, "promise": {"accuracy": 0.9}},
        {**TEMPERATURE, "promise": {"accuracy": 9, "risk": 0.1, "rows": 1, "coverage": 1}},
        {key: value for key, value in TEMPERATURE.items() if key != "abstain_below"},
        {**ISOTONIC, "knots": ISOTONIC["knots"][:2]},
        {**ISOTONIC, "knots": []},
        {**ISOTONIC, "knots": [[[], []]] * 3},
        {**ISOTONIC, "knots": [[[0.5, 0.5], [0.1, 0.2]]] * 3},
        {**ISOTONIC, "knots": [[[0.1, 0.5], [0.3, 0.2]]] * 3},
        {**ISOTONIC, "knots": [[[0.1, 0.5], [0.3, 1.2]]] * 3},
        {**ISOTONIC, "knots": [[[0.1, 0.5], [0.3]]] * 3},
        {**ISOTONIC, "knots": [[0.1, 0.5]] * 3},
        {**ISOTONIC, "knots": [[["a"], ["b"]]] * 3},
        [],
        None,
        1,
        "text",
    ],
)
def test_a_calibration_that_can_not_be_is_damage(values: Any, tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_bytes(orjson.dumps(values))
    with pytest.raises(TamperedVersionError, match=r"calibration\.json is damaged") as refused:
        read_calibration(tmp_path, 3)
    assert str(tmp_path) in refused.value.message


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"temperature": NaN}'])
def test_what_is_no_json_is_damage(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_bytes(content)
    with pytest.raises(TamperedVersionError, match=r"calibration\.json is damaged"):
        read_calibration(tmp_path, 3)


@pytest.fixture
def artifact(samples: Samples, learn: Learn, tmp_path: Path) -> Path:
    """A whole one of the linear family, to be changed at will."""
    shutil.copytree(learn("linear", samples.data).folder, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_loaded_classifier_answers_as_its_file_says(artifact: Path, samples: Samples) -> None:
    plain = load_classifier(artifact)
    text = samples.held_out.texts[0]
    write_calibration(artifact, Calibration(3.0, abstain_below=0.6))
    loaded = load_classifier(artifact)
    before, after = plain.classify(text), loaded.classify(text)
    assert after.label == before.label
    assert after.confidence < before.confidence
    assert after.probabilities == tuple(
        Calibration(3.0).applied(np.array(before.probabilities)).tolist()
    )
    assert sum(after.probabilities) == pytest.approx(1)
    assert not before.abstained
    assert loaded.classify(text) == after


def test_a_loaded_classifier_abstains_below_its_threshold_on_every_way(
    artifact: Path, samples: Samples
) -> None:
    texts = samples.held_out.texts
    confidences = sorted(load_classifier(artifact).classify(text).confidence for text in texts)
    # One that occurs: just there is not below.
    threshold = confidences[len(confidences) // 2]
    write_calibration(artifact, Calibration(abstain_below=threshold))
    loaded = load_classifier(artifact)
    one_by_one = [loaded.classify(text) for text in texts]
    together = [timed.answer for timed in loaded.classify_all(texts, threads=2)]
    assert one_by_one == together
    assert [answer.abstained for answer in together] == [
        answer.confidence < threshold for answer in together
    ]
    assert sum(answer.abstained for answer in together) == sum(
        confidence < threshold for confidence in confidences
    )


def test_a_classifier_with_knots_for_other_classes_is_not_loaded(artifact: Path) -> None:
    write_calibration(artifact, Calibration(knots=(line((0, 0), (1, 1)),) * 2))
    with pytest.raises(TamperedVersionError, match="do not belong together"):
        load_classifier(artifact)
