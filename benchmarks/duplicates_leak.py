"""How much accuracy do duplicates across a split pretend?

Usage: python benchmarks/duplicates_leak.py FILE [--per-class 1000] [--repeats 3]

Trains the linear family twice on the same file of papers: as `classmark prepare` makes the dataset,
and with its duplicates left in. The second figure is what a split that does not look for duplicates
would report.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from classmark.datasets import DocumentSource, PreparationRecipe, prepare
from classmark.documents import Document, Fields, QualityRules, clean, read_documents
from classmark.evaluation import assess
from classmark.models import LabelledTexts, TrainingData, family_class, load_classifier
from classmark.progress import Silent


def made_unique(documents: Iterator[Document]) -> Iterator[Document]:
    """Documents that no rule finds equal: each has an id of its own and a word of its own."""
    for number, document in enumerate(documents):
        tag = f" zz{number}zz"
        yield replace(
            document, id=str(number), title=clean(document.title) + tag, text=document.text + tag
        )


def accuracy(documents: Iterator[Document], per_class: int, seed: int) -> float:
    """Of the linear family on the test part of a dataset made from the documents."""
    recipe = PreparationRecipe(rules=QualityRules(min_words=50), per_class=per_class, seed=seed)
    source = DocumentSource(documents, {"name": "benchmark"})
    dataset = prepare("benchmark", source, recipe, now=datetime.now(UTC))
    train, val = (
        LabelledTexts(
            [d.text for d in dataset.parts[part]], [d.label or "" for d in dataset.parts[part]]
        )
        for part in ("train", "val")
    )
    with tempfile.TemporaryDirectory() as folder:
        family = family_class("linear").with_parameters({})
        family.train(TrainingData(train, val), Path(folder), Silent())
        assessment = assess(load_classifier(Path(folder)), dataset.parts["test"])
    return assessment.evaluation.accuracy.value


def main() -> None:
    """Print both figures for several seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--per-class", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    fields = Fields(("title", "abstract"), "primary_category")
    documents = list(read_documents(arguments.file, fields))
    for seed in itertools.islice(itertools.count(42), arguments.repeats):
        without = accuracy(iter(documents), arguments.per_class, seed)
        with_duplicates = accuracy(made_unique(iter(documents)), arguments.per_class, seed)
        print(f"seed {seed}: without duplicates {without:.4f}, with them {with_duplicates:.4f}")


if __name__ == "__main__":
    main()
