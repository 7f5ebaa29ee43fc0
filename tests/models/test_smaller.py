"""Smaller models: fewer layers, pruned neurons, students of a teacher; and the gate before them."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    LlamaConfig,
    OPTConfig,
    PretrainedConfig,
    PreTrainedModel,
)

from classmark.errors import ParityError, SettingError
from classmark.models import (
    Decisions,
    LabelledTexts,
    Milestone,
    Teacher,
    TrainingData,
    TrainingOutcome,
    family_class,
    load_classifier,
)
from classmark.models.inputs import Inputs
from classmark.models.pruning import check_prunable, keep_layers, prune_neurons
from classmark.models.trainer import Loss
from classmark.progress import Silent

Train = Callable[..., tuple[TrainingOutcome, Path]]

FEW = {"max_tokens": "16", "epochs": "4", "batch_size": "4", "learning_rate": "5e-3"}
WORDS = {
    "cs.CV": "image images visual pixels camera detection video",
    "cs.DB": "query database tables relational index joins data",
    "cs.RO": "robot robots motion arm grasping planning control",
}
BERT = BertConfig(
    vocab_size=50,
    hidden_size=16,
    num_hidden_layers=4,
    num_attention_heads=2,
    intermediate_size=32,
    num_labels=3,
)
DISTILBERT = DistilBertConfig(
    vocab_size=50, dim=16, hidden_dim=32, n_layers=4, n_heads=2, num_labels=3
)
GPT2 = GPT2Config(vocab_size=50, n_embd=16, n_layer=4, n_head=2, num_labels=3, pad_token_id=0)


LLAMA = LlamaConfig(
    vocab_size=50,
    hidden_size=16,
    intermediate_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_labels=3,
    pad_token_id=0,
)
# It puts the tokens of all texts into one dimension. With ReLU some neurons are silent by chance.
OPT = OPTConfig(
    activation_function="gelu",
    vocab_size=50,
    hidden_size=16,
    word_embed_proj_dim=16,
    ffn_dim=32,
    num_hidden_layers=4,
    num_attention_heads=2,
    num_labels=3,
    pad_token_id=0,
)


class Stopped(Exception):  # noqa: N818 (nothing is wrong)
    """Ends a training where it stands."""


def made(config: PretrainedConfig) -> PreTrainedModel:
    torch.manual_seed(0)
    return AutoModelForSequenceClassification.from_config(deepcopy(config)).eval()


def some_inputs() -> Inputs:
    generator = np.random.default_rng(0)
    windows = [generator.integers(1, 50, size).astype(np.int32) for size in (7, 5, 9, 6)]
    targets = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    return Inputs(windows, np.arange(4), targets)


def scores(model: PreTrainedModel) -> NDArray[np.float32]:
    ids = torch.arange(1, 13).reshape(2, 6)
    with torch.inference_mode():
        found: NDArray[np.float32] = model(input_ids=ids).logits.numpy()
    return found


def prune(model: PreTrainedModel, share: float) -> None:
    prune_neurons(model, share, some_inputs(), Loss(torch.ones(3), 0.0, 0.0), padding=0)


def some_texts(count: int, seed: int) -> LabelledTexts:
    """Texts that are told apart by any word of theirs."""
    generator = np.random.default_rng(seed)
    labels = [label for label in WORDS for _ in range(count)]
    texts = [" ".join(generator.choice(WORDS[label].split(), 8)) for label in labels]
    return LabelledTexts(texts, labels)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return TrainingData(some_texts(12, seed=0), some_texts(4, seed=1))


@pytest.fixture(scope="module")
def train(
    tiny_backbone: Path, data: TrainingData, tmp_path_factory: pytest.TempPathFactory
) -> Train:
    def trained(
        given: Mapping[str, str] | None = None, other: TrainingData | None = None, **kept: Any
    ) -> tuple[TrainingOutcome, Path]:
        settings = {"backbone": str(tiny_backbone), **FEW, **(given or {})}
        folder = tmp_path_factory.mktemp("artifact")
        family = family_class("transformer").with_parameters(settings)
        return family.train(other or data, folder, Silent(), **kept), folder

    return trained


def answers(folder: Path) -> NDArray[np.float64]:
    classifier = load_classifier(folder)
    return np.array([classifier.probabilities(text) for text in some_texts(3, seed=2).texts])


def knowing(data: TrainingData, part: LabelledTexts) -> NDArray[np.float64]:
    """What one who knows the labels answers."""
    return data.targets(part).astype(np.float64) * 0.94 + 0.02


@pytest.fixture(scope="module")
def taught(data: TrainingData) -> TrainingData:
    """A teacher who knows the labels, and training labels that are all wrong."""
    wrong = dict(zip(data.labels, np.roll(data.labels, 1).tolist(), strict=True))
    validation = Decisions(knowing(data, data.validation))
    teacher = Teacher("knowing@v1.0.0", knowing(data, data.train), validation)
    labels = [wrong[label] for label in data.train.labels]
    return replace(data, train=replace(data.train, labels=labels), teacher=teacher)


@pytest.mark.parametrize("config", [BERT, DISTILBERT, GPT2], ids=lambda config: config.model_type)
def test_layers_are_kept_from_the_first_to_the_last(config: PretrainedConfig) -> None:
    model = made(config)
    (stack,) = (m for m in model.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == 4)
    first, last = stack[0], stack[3]

    keep_layers(model, 2)

    assert list(stack) == [first, last]
    assert scores(model).shape == (2, 3)


def test_more_layers_than_there_are_can_not_be_kept() -> None:
    with pytest.raises(SettingError, match="backbone of 4 layers"):
        keep_layers(made(BERT), 5)


@pytest.mark.parametrize("config", [BERT, DISTILBERT, OPT], ids=lambda config: config.model_type)
def test_neurons_that_nothing_depends_on_are_the_first_to_go(config: PretrainedConfig) -> None:
    model = made(config)
    narrowing: list[Any] = [m for m in model.modules() if getattr(m, "in_features", 0) == 32]
    generator = np.random.default_rng(0)
    with torch.no_grad():
        for layer in narrowing:
            # Others in each layer, so that no layer can be taken for another one.
            layer.weight[:, generator.permutation(32)[:16]] = 0
    before = scores(model)

    check_prunable(model)
    prune(model, 0.5)

    assert [layer.weight.shape for layer in narrowing] == [(16, 16)] * 4
    np.testing.assert_allclose(scores(model), before, atol=1e-6)


@pytest.mark.parametrize("config", [GPT2, LLAMA], ids=lambda config: config.model_type)
def test_a_backbone_whose_neurons_can_not_be_told_is_refused(config: PretrainedConfig) -> None:
    with pytest.raises(SettingError, match="can't be pruned"):
        check_prunable(made(config))


def test_pruning_and_adapters_are_refused_together() -> None:
    with pytest.raises(SettingError, match="adapters"):
        family_class("transformer").with_parameters({"lora": "true", "prune": "0.3"})


@pytest.mark.slow
def test_a_pruned_model_is_smaller_and_compared_with_the_whole_one(train: Train) -> None:
    outcome, folder = train({"prune": "0.75"})

    (compared,) = outcome.parity.larger.values()
    assert list(outcome.parity.larger) == ["the model before pruning"]
    assert compared.label_share >= 0.9
    assert len(outcome.details["recovery"]["epochs"]) == 1
    shapes = {tuple(tensor.dims) for tensor in onnx.load(folder / "model.onnx").graph.initializer}
    assert {(32, 16), (16, 32)} <= shapes
    assert not {(32, 64), (64, 32)} & shapes
    assert np.allclose(answers(folder).sum(1), 1, atol=1e-5)


@pytest.mark.slow
def test_a_pruning_that_was_interrupted_ends_as_if_it_had_not_been(
    train: Train, tmp_path: Path
) -> None:
    given = {"prune": "0.5", "recovery_epochs": "2", "checkpoint_seconds": "0"}
    heard: list[Milestone] = []
    _, undisturbed = train(given, announce=heard.append)

    def stop(milestone: Milestone) -> None:
        if milestone.epoch == 6:
            raise Stopped

    with pytest.raises(Stopped):
        train(given, checkpoints=tmp_path, announce=stop)
    _, resumed = train(given, checkpoints=tmp_path)

    assert [milestone.epoch for milestone in heard] == [1, 2, 3, 4, 5, 6]
    assert answers(resumed).tolist() == answers(undisturbed).tolist()


def test_a_student_learns_what_its_teacher_answers(train: Train, taught: TrainingData) -> None:
    outcome, folder = train({"teacher_weight": "1"}, taught)

    assert outcome.parity.larger["knowing@v1.0.0"].label_share >= 0.9
    given = [taught.labels[row.argmax()] for row in answers(folder)]
    assert given == some_texts(3, seed=2).labels


def test_a_student_that_is_not_like_its_teacher_is_refused(
    train: Train, taught: TrainingData
) -> None:
    with pytest.raises(ParityError, match=r"too unlike knowing@v1\.0\.0") as refused:
        train({"teacher_weight": "0"}, taught)
    assert "least_agreement" in refused.value.remedy


def test_what_is_asked_of_a_student_can_be_less(train: Train, taught: TrainingData) -> None:
    given = {"teacher_weight": "0", "least_agreement": "0", "most_accuracy_lost": "1"}
    outcome, _ = train(given, taught)
    assert outcome.parity.larger["knowing@v1.0.0"].label_share < 0.9


def test_a_weight_for_a_teacher_that_is_not_there_is_refused(train: Train) -> None:
    with pytest.raises(SettingError, match="there is no teacher"):
        train({"teacher_weight": "0.7"})


@pytest.mark.parametrize("family", ["linear", "encoder", "ensemble"])
def test_a_family_that_learns_from_labels_alone_refuses_a_teacher(
    family: str, taught: TrainingData, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match="not from a teacher"):
        family_class(family).with_parameters({}).train(taught, tmp_path, Silent())
    assert list(tmp_path.iterdir()) == []
