"""A version that is there already teaches a smaller model that comes to be."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray
from safetensors.numpy import load, save

from classmark.durable import publishing
from classmark.errors import SettingError
from classmark.models import Classifier, Decisions, Teacher, TrainingData
from classmark.progress import Progress

# Where the answers are kept among the checkpoints.
ASKED = "teacher"
_ANSWERS, _DIGEST = "answers.safetensors", "digest"

# The texts of each part, by its name.
Texts = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class TeachingModel:
    """A version that teaches.

    Attributes:
        name: As `papers@v1.0.0`.
        classifier: What it answers with.
    """

    name: str
    classifier: Classifier


def taught(
    data: TrainingData,
    model: TeachingModel,
    checkpoints: Path | None,
    *,
    threads: int,
    progress: Progress,
) -> TrainingData:
    """The same data with what a version answers to their texts (Hinton et al. 2015).

    Args:
        data: What is learned.
        model: Who answers, calibrated as it serves.
        checkpoints: Where the answers are kept for a training that goes on; None keeps none.
        threads: Texts that are computed at once.
        progress: Shows long work.

    Raises:
        SettingError: The version knows other labels, or one label where texts have several.
    """
    _check(data, model)
    parts = {"train": data.train.texts, "validation": data.validation.texts}
    kept = checkpoints / ASKED if checkpoints else None
    found = _kept(kept, parts) if kept else None
    if found is None:
        found = {
            name: _answers(model.classifier, texts, threads, progress)
            for name, texts in parts.items()
        }
        if kept:
            _keep(kept, found, parts)
    validation = Decisions(found["validation"], model.classifier.thresholds)
    return replace(data, teacher=Teacher(model.name, found["train"], validation))


def _kept(folder: Path, parts: Texts) -> dict[str, NDArray[np.float64]] | None:
    """The answers that were kept, if they are whole and to these texts."""
    try:
        content = (folder / _ANSWERS).read_bytes()
        if (folder / _DIGEST).read_text() != _digest(content, parts):
            return None
    except FileNotFoundError:
        return None
    answers: dict[str, NDArray[np.float64]] = load(content)
    return answers


def _keep(folder: Path, answers: Mapping[str, NDArray[np.float64]], parts: Texts) -> None:
    content = save(dict(answers))
    shutil.rmtree(folder, ignore_errors=True)
    with publishing(folder) as draft:
        (draft / _ANSWERS).write_bytes(content)
        (draft / _DIGEST).write_text(_digest(content, parts))


def _digest(answers: bytes, parts: Texts) -> str:
    """Of answers and the texts that they belong to, in their order."""
    texts = orjson.dumps({name: list(part) for name, part in parts.items()})
    return hashlib.sha256(answers + texts).hexdigest()


def _check(data: TrainingData, model: TeachingModel) -> None:
    # Every artifact has its labels sorted, as the data have theirs.
    if (model.classifier.problem, model.classifier.labels) != (data.problem, data.labels):
        raise SettingError(
            f"{model.name} can't teach these documents: it answers {model.classifier.problem} with "
            f"{', '.join(model.classifier.labels)}; they are {data.problem} with "
            f"{', '.join(data.labels)}.",
            remedy="Choose a teacher that was trained on the same labels.",
        )


def _answers(
    classifier: Classifier, texts: Sequence[str], threads: int, progress: Progress
) -> NDArray[np.float64]:
    """Probabilities of each text, shape (texts, classes)."""
    answers = classifier.classify_all(texts, threads=threads)
    told = progress.track(answers, "Asking the teacher", len(texts))
    return np.array([timed.answer.probabilities for timed in told], np.float64)
