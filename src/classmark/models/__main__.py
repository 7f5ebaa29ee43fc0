"""The fresh process of the parity gate: `python -m classmark.models ARTIFACT TEXTS ANSWERS`.

TEXTS is a JSON list; ANSWERS becomes an .npz file with `labels`, and `probabilities` of shape
(texts, classes).
"""

import sys
from pathlib import Path

import numpy as np
import orjson

from classmark.models.catalogue import load_classifier


def main(artifact: Path, texts: Path, answers: Path) -> None:
    """Load the artifact as a server would and answer every text."""
    classifier = load_classifier(artifact)
    found = [classifier.probabilities(text) for text in orjson.loads(texts.read_bytes())]
    np.savez(answers, labels=np.array(classifier.labels), probabilities=np.array(found))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
