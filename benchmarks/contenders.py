"""One contender of `time_to_accuracy.py`, which starts each in a process of its own.

Usage: python benchmarks/contenders.py NAME JOB POINTS

JOB is a JSON file with what to learn from; to POINTS a line of JSON is added for each measurement:
seconds of training so far, and accuracy.
"""

# ruff: noqa: PLC0415 (each contender imports its own libraries; SetFit's process has not got ours)

import argparse
import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

BATCH, LONGEST = 16, 512
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rows:
    """Texts and the label of each."""

    texts: list[str]
    labels: list[str]


@dataclass(frozen=True, slots=True)
class Job:
    """What every contender is told.

    Attributes:
        train: Learned from.
        validation: Measured on.
        backbone: The folder of the pretrained model.
        epochs: Of transformer and plain.
        learning_rate: Of transformer; None takes the family's own.
        plain_learning_rate: Of plain.
        plain_points: How often plain is measured.
        setfit_steps: Of contrastive training.
        setfit_points: How often setfit is measured.
        seed: Everything random follows from it.
    """

    train: Rows
    validation: Rows
    backbone: str
    epochs: int
    learning_rate: float | None
    plain_learning_rate: float
    plain_points: int
    setfit_steps: int
    setfit_points: int
    seed: int

    @classmethod
    def read(cls, file: Path) -> Self:
        """The job that was written into a file."""
        told = json.loads(file.read_text(encoding="utf-8"))
        for part in ("train", "validation"):
            told[part] = Rows(**told[part])
        return cls(**told)

    def write(self, file: Path) -> None:
        """Keep it in a file."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @property
    def classes(self) -> list[str]:
        """Sorted."""
        return sorted(set(self.train.labels))

    def codes(self, rows: Rows) -> list[int]:
        """The class of each row as a number."""
        numbers = {label: number for number, label in enumerate(self.classes)}
        return [numbers[label] for label in rows.labels]

    def accuracy(self, answers: Iterable[int]) -> float:
        """The share of validation rows whose class, as a number, is answered."""
        pairs = list(zip(answers, self.codes(self.validation), strict=True))
        return sum(answer == code for answer, code in pairs) / len(pairs)


class Course:
    """A clock of training alone, and the points that were reached."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._start = time.perf_counter()

    def seconds(self) -> float:
        """Of training so far."""
        return time.perf_counter() - self._start

    def set_back(self, seconds: float) -> None:
        """Let what was done since then not count."""
        self._start += self.seconds() - seconds

    def add(self, seconds: float, accuracy: float) -> None:
        """Write down what was reached after so many seconds."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps([seconds, accuracy]) + "\n")


class Stages:
    """A `Progress` that remembers when each stage began, and when work last moved on."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self.began: dict[str, float] = {}
        self.moved = 0.0

    def track(
        self, items: Iterable[T], doing: str, total: int | None = None, note: Any = None
    ) -> Iterator[T]:
        """The items, one by one."""
        del total, note
        self.began[doing] = self._course.seconds()
        for item in items:
            self.moved = self._course.seconds()
            yield item
        self.moved = self._course.seconds()

    def tell(self, text: str) -> None:
        """Nothing."""


def encoder(job: Job, file: Path) -> None:
    """Classmark's frozen encoder with a linear head: one point, when the head is fitted."""
    from classmark.models import family_class

    family = family_class("encoder").with_parameters({"backbone": job.backbone})
    data = _training_data(job)
    course = Course(file)
    stages = Stages(course)
    with tempfile.TemporaryDirectory() as folder:
        outcome = family.train(data, Path(folder), stages)
    course.add(stages.began["Exporting to ONNX"], outcome.parity.parent_accuracy)


def transformer(job: Job, file: Path) -> None:
    """Classmark's fine-tuning: a point after each epoch."""
    from classmark.models import Milestone, family_class

    given = {"backbone": job.backbone, "epochs": str(job.epochs)}
    rate = {"learning_rate": str(job.learning_rate)} if job.learning_rate else {}
    family = family_class("transformer").with_parameters(given | rate)
    data = _training_data(job)
    course = Course(file)
    stages = Stages(course)

    def announced(milestone: Milestone) -> None:
        # Between the last step and the announcement lies the measuring.
        course.add(stages.moved, milestone.metrics["val_accuracy"])
        course.set_back(stages.moved)

    with tempfile.TemporaryDirectory() as folder:
        family.train(data, Path(folder), stages, announce=announced)


def plain(job: Job, file: Path) -> None:
    """The script that everybody copies; measured after every so many steps."""
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        Trainer,
        TrainerCallback,
        TrainingArguments,
        set_seed,
    )

    from datasets import Dataset

    steps = -(-len(job.train.texts) // BATCH) * job.epochs
    every = max(1, steps // job.plain_points)
    course = Course(file)
    set_seed(job.seed)
    tokenizer = AutoTokenizer.from_pretrained(job.backbone)
    model = AutoModelForSequenceClassification.from_pretrained(
        job.backbone, num_labels=len(job.classes)
    )

    class Measure(TrainerCallback):  # type: ignore[misc]
        """Measures while the clock stands still."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """Measure, if it is time."""
            del args, control, kwargs
            if state.global_step % every == 0 or state.global_step == steps:
                seconds = course.seconds()
                course.add(seconds, job.accuracy(_answers(model, tokenizer, job.validation.texts)))
                course.set_back(seconds)

    rows = Dataset.from_dict({"text": job.train.texts, "label": job.codes(job.train)})
    rows = rows.map(
        lambda batch: tokenizer(
            batch["text"], padding="max_length", truncation=True, max_length=LONGEST
        ),
        batched=True,
    )
    arguments = TrainingArguments(
        output_dir="plain",
        num_train_epochs=job.epochs,
        per_device_train_batch_size=BATCH,
        learning_rate=job.plain_learning_rate,
        weight_decay=0.01,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        seed=job.seed,
    )
    Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[Measure()]).train()


def setfit(job: Job, file: Path) -> None:
    """SetFit: contrastive training of the encoder, then a head; measured every so many steps."""
    from setfit import SetFitModel, Trainer, TrainingArguments
    from transformers import TrainerCallback

    from datasets import Dataset

    every = max(1, job.setfit_steps // job.setfit_points)
    codes = job.codes(job.train)
    course = Course(file)

    def measure(model: Any) -> None:
        course.add(course.seconds(), job.accuracy(model.predict(job.validation.texts).tolist()))

    class Measure(TrainerCallback):  # type: ignore[misc]
        """Fits a head, which counts for its own point alone, and measures."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """Fit and measure, if it is time; after the last step the trainer fits the head."""
            del args, control
            if state.global_step % every == 0 and state.global_step < job.setfit_steps:
                seconds = course.seconds()
                kwargs["model"].fit(job.train.texts, codes, num_epochs=1)
                measure(kwargs["model"])
                course.set_back(seconds)

    model = SetFitModel.from_pretrained(job.backbone, device="cpu")
    arguments = TrainingArguments(
        output_dir="setfit",
        max_steps=job.setfit_steps,
        save_strategy="no",
        report_to="none",
        seed=job.seed,
    )
    rows = Dataset.from_dict({"text": job.train.texts, "label": codes})
    Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[Measure()]).train()
    measure(model)


def _training_data(job: Job) -> Any:
    """The rows as classmark takes them."""
    from classmark.models import LabelledTexts, TrainingData

    return TrainingData(
        LabelledTexts(job.train.texts, job.train.labels),
        LabelledTexts(job.validation.texts, job.validation.labels),
        job.seed,
    )


def _answers(model: Any, tokenizer: Any, texts: list[str]) -> Iterator[int]:
    """Classes as numbers; nobody waits for it, so that nothing is padded without need."""
    import torch

    model.eval()
    for start in range(0, len(texts), BATCH):
        batch = tokenizer(
            texts[start : start + BATCH],
            padding=True,
            truncation=True,
            max_length=LONGEST,
            return_tensors="pt",
        )
        with torch.inference_mode():
            yield from model(**batch).logits.argmax(1).tolist()
    model.train()


CONTENDERS = {"encoder": encoder, "transformer": transformer, "plain": plain, "setfit": setfit}


def main() -> None:
    """Be one contender."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=CONTENDERS)
    parser.add_argument("job", type=Path)
    parser.add_argument("points", type=Path)
    given = parser.parse_args()
    CONTENDERS[given.name](Job.read(given.job), given.points)


if __name__ == "__main__":
    main()
