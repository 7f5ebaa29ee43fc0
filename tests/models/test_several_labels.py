"""What every family keeps that learns several labels a text; the others refuse them."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import torch
from torch import nn

from classmark.errors import RecordError, SettingError, TamperedVersionError
from classmark.models import CATALOGUE, LabelledTexts, Problem, family_class, load_classifier
from classmark.models.trainer import Loss

# What the fixtures of this room give: see conftest.py.
Samples = Any
Trained = Any
Learn = Callable[..., Trained]
AskFresh = Callable[[Path, Sequence[str]], Any]

ABLE = [name for name in CATALOGUE if Problem.MULTI_LABEL in family_class(name).problems]
# Vision and robotics both perceive; so each of their documents has two labels.
SETS = {"cs.CV": ("cs.CV", "perception"), "cs.DB": ("cs.DB",), "cs.RO": ("perception", "cs.RO")}
LABELS = ("cs.CV", "cs.DB", "cs.RO", "perception")


def with_sets(texts: LabelledTexts, sets: Mapping[str, tuple[str, ...]]) -> LabelledTexts:
    return replace(texts, label_sets=[sets[label] for label in texts.labels])


@pytest.fixture(scope="session")
def several(samples: Samples) -> Samples:
    """The samples with one label or two each."""
    data = samples.data
    train, validation = with_sets(data.train, SETS), with_sets(data.validation, SETS)
    data = replace(data, train=train, validation=validation)
    return replace(samples, data=data, held_out=with_sets(samples.held_out, SETS))


@pytest.fixture(scope="session", params=ABLE)
def learned(request: pytest.FixtureRequest, several: Samples, learn: Learn) -> Trained:
    return learn(request.param, several.data)


def test_linear_encoder_and_transformer_are_able() -> None:
    assert ABLE == ["linear", "encoder", "transformer"]


def test_each_label_has_a_probability_by_itself(learned: Trained, several: Samples) -> None:
    assert learned.classifier.problem is Problem.MULTI_LABEL
    assert learned.classifier.labels == LABELS
    sums = set()
    for text in several.held_out.texts:
        found = learned.classifier.probabilities(text)
        assert found.shape == (4,)
        assert 0 <= found.min() <= found.max() <= 1
        sums.add(round(float(found.sum()), 3))
    assert len(sums) > 1


def test_labels_are_those_that_reach_their_thresholds(learned: Trained, several: Samples) -> None:
    classifier = learned.classifier
    assert len(classifier.thresholds) == 4
    for text in several.held_out.texts:
        answer = classifier.classify(text)
        reached = np.array(answer.probabilities) >= classifier.thresholds
        assert answer.labels == tuple(np.array(LABELS)[reached].tolist())
        assert answer.label == LABELS[int(np.argmax(answer.probabilities))]
        assert answer.confidence == max(answer.probabilities)
        assert not answer.abstained


def test_both_labels_are_learned(learned: Trained, several: Samples) -> None:
    pairs = [
        (set(learned.classifier.classify(text).labels), set(labels))
        for text, labels in zip(several.held_out.texts, several.held_out.label_sets, strict=True)
    ]
    right = sum(len(given & true) for given, true in pairs)
    # To give every text all labels has a micro F1 of 0.59.
    assert 2 * right / sum(len(given) + len(true) for given, true in pairs) >= 0.65


def test_a_fresh_process_answers_as_this_one_and_needs_no_training_library(
    learned: Trained, several: Samples, ask_fresh: AskFresh
) -> None:
    texts = several.held_out.texts[:12]
    fresh = ask_fresh(learned.folder, texts)
    here = [learned.classifier.classify(text).probabilities for text in texts]
    assert [tuple(row) for row in fresh.rows] == here
    packages = {name.partition(".")[0] for name in fresh.loaded}
    assert packages & {"torch", "transformers", "sklearn", "scipy", "onnx"} == set()


def test_the_artifact_says_what_it_is(learned: Trained) -> None:
    config = orjson.loads((learned.folder / "config.json").read_bytes())
    assert config["problem"] == "multi-label"
    assert tuple(config["thresholds"]) == learned.classifier.thresholds
    assert learned.outcome.architecture.endswith(", multi-label")


def test_parity_is_of_label_sets(learned: Trained, several: Samples) -> None:
    parity = learned.outcome.parity
    assert parity.exports["fp32"].label_share == 1
    assert parity.exports["fp32"].largest_gap < 1e-5
    validation = several.data.validation
    right = [
        set(learned.classifier.classify(text).labels) == set(labels)
        for text, labels in zip(validation.texts, validation.label_sets, strict=True)
    ]
    assert parity.exports[parity.chosen].accuracy == pytest.approx(np.mean(right))


@pytest.mark.parametrize("thresholds", [[], [0.5] * 3, [0.5] * 5, [0.5, 0.5, 0.5, 1.5], ["a"] * 4])
def test_thresholds_that_do_not_belong_to_the_labels_are_not_loaded(
    learned: Trained, tmp_path: Path, thresholds: list[object]
) -> None:
    copy = Path(shutil.copytree(learned.folder, tmp_path / "copy"))
    config = orjson.loads((copy / "config.json").read_bytes())
    (copy / "config.json").write_bytes(orjson.dumps(config | {"thresholds": thresholds}))
    with pytest.raises(TamperedVersionError, match=r"config\.json"):
        load_classifier(copy)


def test_an_artifact_that_says_nothing_of_it_gives_one_label(
    samples: Samples, learn: Learn, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(learn("linear", samples.data).folder, tmp_path / "copy"))
    config = orjson.loads((copy / "config.json").read_bytes())
    assert config.pop("problem") == "single-label"
    assert config.pop("thresholds") == []
    (copy / "config.json").write_bytes(orjson.dumps(config))
    classifier = load_classifier(copy)
    assert classifier.problem is Problem.SINGLE_LABEL
    answer = classifier.classify("A robot arm grasps a cup.")
    assert answer.labels == (answer.label,)
    assert sum(answer.probabilities) == pytest.approx(1)


@pytest.mark.parametrize("family", ["linear", "encoder"])
def test_a_label_that_every_text_has_is_given_to_every_text(
    family: str, several: Samples, learn: Learn
) -> None:
    sets = {label: (*labels, "paper") for label, labels in SETS.items()}
    data = several.data
    train, validation = with_sets(data.train, sets), with_sets(data.validation, sets)
    trained = learn(family, replace(data, train=train, validation=validation))
    assert all(
        "paper" in trained.classifier.classify(text).labels for text in several.held_out.texts
    )


@pytest.mark.parametrize("family", sorted(set(CATALOGUE) - set(ABLE)))
def test_a_family_of_one_label_refuses_several(family: str, several: Samples, learn: Learn) -> None:
    with pytest.raises(SettingError, match="one label for each text") as refused:
        learn(family, several.data)
    assert "--family linear" in refused.value.remedy


@pytest.mark.parametrize("family", ABLE)
def test_validation_labels_must_be_learned(family: str, several: Samples, learn: Learn) -> None:
    strange = with_sets(several.data.validation, SETS | {"cs.DB": ("cs.DB", "strange")})
    with pytest.raises(RecordError, match="'strange': 4"):
        learn(family, replace(several.data, validation=strange))


def test_naive_bayes_is_refused_where_there_are_several(several: Samples, learn: Learn) -> None:
    with pytest.raises(SettingError, match="bayes_weight is 2"):
        learn("linear", several.data, {"bayes_weight": "2"})


def test_the_loss_of_several_labels_is_the_mean_binary_cross_entropy() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.3], [-3.0, 0.0, 1.0]])
    targets = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.25, 1.0]])
    weights = torch.tensor([1.0, 4.0, 0.5])
    found = Loss(weights, 0.0, 0.0, Problem.MULTI_LABEL)(logits, targets)
    expected = nn.functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)
    assert found.item() == pytest.approx(expected.item())


def test_focal_loss_counts_labels_less_that_are_answered_well() -> None:
    logits, targets = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 1.0]])
    found = Loss(torch.ones(2), 2.0, 0.0, Problem.MULTI_LABEL)(logits, targets).item()
    given = torch.sigmoid(logits)
    assert found == pytest.approx((-((1 - given) ** 2) * given.log()).mean().item())


def test_smoothing_spreads_a_share_over_presence_and_absence() -> None:
    logits, targets = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 0.0]])
    found = Loss(torch.ones(2), 0.0, 0.1, Problem.MULTI_LABEL)(logits, targets)
    expected = nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor([[0.95, 0.05]]))
    assert found.item() == pytest.approx(expected.item())


def test_balanced_weights_let_presence_count_as_much_as_absence(several: Samples) -> None:
    family = family_class("transformer").with_parameters(
        {"backbone": "minilm", "class_weights": "balanced"}
    )
    weights = family._loss(several.data).class_weights  # type: ignore[attr-defined]
    # Of 36 texts each class has 12 and perception 24.
    assert weights.tolist() == [2.0, 2.0, 2.0, 0.5]
