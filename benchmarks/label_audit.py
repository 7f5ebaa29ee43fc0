"""How many of the labels that were made wrong on purpose does the audit find?

Usage: python benchmarks/label_audit.py FILE [--text-fields title,abstract] [--label-field FIELD]
    [--documents 10000] [--share 0.05] [--family linear] [--seed 42]

Prepares so many documents, the same number of each label, gives a share of each class, drawn at
random, another label, and audits them. Prints how many of the listed documents are such flips
(precision) and how many of the flips are listed (recall): for the list as long as it is by default,
as long as there are flips, and for the first hundred. Precision is a lower bound: real data have
label errors of their own, and the audit lists them too.
"""

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from classmark.datasets import Dataset, DocumentSource, PreparationRecipe, prepare
from classmark.documents import Document, Fields, QualityRules, read_documents
from classmark.evaluation import Suspect, suspected_errors
from classmark.progress import Silent
from classmark.training import TrainingRecipe, out_of_fold


def prepared(file: Path, fields: Fields, documents: int) -> Dataset:
    """A dataset with the same number of documents of each label."""
    labels = {document.label for document in read_documents(file, fields)}
    recipe = PreparationRecipe(rules=QualityRules(min_words=10), per_class=documents // len(labels))
    source = DocumentSource(read_documents(file, fields), {"name": file.name})
    return prepare("benchmark", source, recipe, now=datetime.now(UTC))


def flipped(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, set[str]]:
    """The dataset with a share of wrong labels in each class, and the ids that have one."""
    draw = random.Random(seed)
    labels = dataset.labels
    chosen: set[str] = set()
    for label in labels:
        ids = [d.id for group in dataset.parts.values() for d in group if d.label == label]
        chosen.update(draw.sample(ids, round(len(ids) * share)))

    def spoilt(document: Document) -> Document:
        others = [label for label in labels if label != document.label]
        is_chosen = document.id in chosen
        return replace(document, label=draw.choice(others)) if is_chosen else document

    parts = {part: [spoilt(d) for d in group] for part, group in dataset.parts.items()}
    return replace(dataset, parts=parts), chosen


def told(documents: Sequence[Document], suspects: Sequence[Suspect], flips: set[str]) -> str:
    """Precision and recall of a list."""
    hits = sum(documents[suspect.row].id in flips for suspect in suspects)
    precision, recall = hits / len(suspects), hits / len(flips)
    return f"{len(suspects):5} listed: precision {precision:.3f}, recall {recall:.3f}"


def main() -> None:
    """Flip, audit, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--text-fields")
    parser.add_argument("--label-field")
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--family", default="linear")
    parser.add_argument("--seed", type=int, default=42)
    given = parser.parse_args()
    names = tuple(given.text_fields.split(",")) if given.text_fields else None
    dataset = prepared(given.file, Fields(names, given.label_field), given.documents)
    spoilt, flips = flipped(dataset, given.share, given.seed)
    start = time.perf_counter()
    recipe = TrainingRecipe(given.family, seed=given.seed)
    answers = out_of_fold(spoilt, recipe, folds=5, threads=2, progress=Silent())
    seconds = time.perf_counter() - start
    print(
        f"{len(answers.documents)} documents of {len(answers.classes)} classes, {len(flips)} labels"
        f" made wrong; {given.family} agrees with {answers.agreement:.3f}; {seconds:.0f} s"
    )
    for length in (None, len(flips), 100):
        suspects = suspected_errors(answers.labels, answers.probabilities, answers.classes, length)
        print(told(answers.documents, suspects, flips))


if __name__ == "__main__":
    main()
