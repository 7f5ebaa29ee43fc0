"""Known examples: what an artifact answered where it was made, asked again where it is loaded.

A runtime of another release, or on another kind of CPU, may compute otherwise; an artifact whose
bytes are all intact would not show it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from classmark.models.artifact import damaged

EXAMPLES = "examples.json"
# Nobody's documents: what a version learned from is not to lie in it. One has letters of several
# scripts, one is longer than short inputs.
EXAMPLE_TEXTS = (
    "A new index answers range queries over joined tables of a database without reading them.",
    "Roboter lernen, Türen zu öffnen; 机器人学会开门; роботы учатся открывать двери.",
    "The model is trained on images and words, and then asked what it sees. " * 10,
)
# Of a probability. Two kinds of CPU differ by less than 0.01 where int8 is computed.
MOST_GAP = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Texts, and what was answered.

    Attributes:
        texts: Each of them.
        probabilities: Before any calibration, shape (texts, classes).
    """

    texts: tuple[str, ...]
    probabilities: NDArray[np.float64]


def write_examples(folder: Path, probabilities: NDArray[np.float64]) -> None:
    """Keep what an artifact answers to the examples.

    Args:
        folder: The artifact's.
        probabilities: Before any calibration, shape (examples, classes).
    """
    values = {"texts": EXAMPLE_TEXTS, "probabilities": probabilities.tolist()}
    (folder / EXAMPLES).write_bytes(orjson.dumps(values))


def read_examples(folder: Path, classes: int) -> Examples | None:
    """Read them back; None where an artifact of an earlier release has none.

    Raises:
        TamperedVersionError: They are not what was written.
    """
    try:
        values = orjson.loads((folder / EXAMPLES).read_bytes())
        examples = Examples(tuple(values["texts"]), np.array(values["probabilities"], np.float64))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder, f"{EXAMPLES} is damaged ({error})") from error
    if examples.probabilities.shape != (len(examples.texts), classes):
        raise damaged(folder, f"{EXAMPLES} and the labels do not belong together")
    return examples
