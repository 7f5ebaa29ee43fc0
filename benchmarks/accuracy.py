"""How good are trained versions on the test part of a dataset, and is one better than the first?

Usage: python benchmarks/accuracy.py HOME DATASET VERSION... [--source FILE]

HOME is the folder that `classmark train` wrote to, DATASET was prepared there, and each VERSION is
MODEL@REF. The first one is what the others are compared with: a paired bootstrap of the difference
in accuracy, 95 %. The members of an ensemble or a cascade are measured too.

With `--source`, the file of papers that the dataset was prepared from: the share of answers that
any category which the paper lists confirms (`categories`), among the labels of the dataset.

What is answered: the share of test rows above the version's own threshold, which was chosen on
other rows to promise that at least so many of its answers are right, and how many are.
"""

import argparse
import gzip
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import ijson

from classmark.assembly import Home, open_home
from classmark.documents import Document
from classmark.evaluation import Assessment, Estimate, assess, compare
from classmark.models import Classifier, load_classifier
from classmark.registry import ModelReference
from classmark.serving import load_served_model

HEADER = ("version", "accuracy", "macro F1", "any category", "answered", "right of these", "beside")


def main() -> None:
    """Print a row for each version."""
    chosen = arguments()
    home = open_home(chosen.home)
    documents = home.datasets.load(chosen.dataset).parts["test"]
    listed = categories(chosen.source) if chosen.source else {}
    print(f"{len(documents):,} test rows\n\n| " + " | ".join(HEADER) + " |")
    print("|---" * len(HEADER) + "|", flush=True)
    first: Assessment | None = None
    for name, classifier in classifiers(home, chosen.versions):
        found = assess(classifier, documents, threads=home.threads)
        first = first or found
        print(row(name, found, first, listed), flush=True)


def classifiers(home: Home, versions: Sequence[str]) -> Iterator[tuple[str, Classifier]]:
    """Each version, and after it the members that it is made of."""
    for reference in versions:
        served = load_served_model(home.registry, ModelReference.parse(reference))
        yield f"{reference} ({served.version.metadata['architecture']})", served.classifier
        for member in sorted(served.version.folder.glob("members/*")):
            yield f"its member {member.name}", load_classifier(member)


def row(
    name: str, found: Assessment, first: Assessment, listed: Mapping[str, frozenset[str]]
) -> str:
    """What a version does, as a row of the table."""
    figures = found.evaluation
    compared = compare(found.truth, first.given, found.given).difference
    beside = (
        f"{100 * compared.value:+.1f} ({100 * compared.low:+.1f} to {100 * compared.high:+.1f})"
    )
    confirmed = any_category(found.documents, found.given, listed)
    cells = (
        name,
        shown(figures.accuracy),
        shown(figures.macro_f1),
        "" if confirmed is None else f"{confirmed:.3f}",
        shown(figures.answered.coverage),
        shown(figures.answered.accuracy),
        "" if found is first else beside,
    )
    return "| " + " | ".join(cells) + " |"


def shown(estimate: Estimate | None) -> str:
    """A figure with its interval."""
    if estimate is None:
        return "none"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def any_category(
    documents: Sequence[Document], given: Sequence[str], listed: Mapping[str, frozenset[str]]
) -> float | None:
    """The share of answers that is among what the paper lists; None where nothing is known."""
    if not listed:
        return None
    pairs = zip(documents, given, strict=True)
    return sum(
        label in listed.get(document.id, {document.label}) for document, label in pairs
    ) / len(documents)


def categories(source: Path) -> dict[str, frozenset[str]]:
    """The categories of each paper of a file, by its id."""
    opened = gzip.open if source.suffix == ".gz" else open
    with opened(source, "rb") as lines:
        papers = ijson.items(lines, "", multiple_values=True)
        return {
            paper["arxiv_id"]: frozenset(
                paper["categories"].split()
                if isinstance(paper["categories"], str)
                else paper["categories"]
            )
            for paper in papers
        }


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("versions", nargs="+")
    parser.add_argument("--source", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
