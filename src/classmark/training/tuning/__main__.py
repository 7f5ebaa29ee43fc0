"""A trial's own process: `python -m classmark.training.tuning`.

It reads one order from standard input, answers on standard output, and ends when standard input
does: a process that was killed leaves none that goes on training.
"""

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import orjson

from classmark.datasets import DatasetStore
from classmark.errors import ClassmarkError
from classmark.models import Milestone, family_class, load_classifier
from classmark.progress import Silent
from classmark.training.run import training_data
from classmark.training.tuning.order import Order, lacks_memory, milestone_line


def main() -> None:
    """Train, measure, answer."""
    order = Order.parse(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if order.memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (order.memory_bytes, order.memory_bytes))
    # What libraries print must not come between the answers.
    answers = os.dup(1)
    os.dup2(2, 1)

    def hear(milestone: Milestone) -> None:
        os.write(answers, milestone_line(milestone))

    os.write(answers, orjson.dumps(_answer(order, hear)) + b"\n")


def _answer(order: Order, hear: Callable[[Milestone], None]) -> dict[str, object]:
    try:
        return {"value": _value(order, hear)}
    except ClassmarkError as error:
        told = {"error": type(error).__name__, "message": error.message, "remedy": error.remedy}
        return told | {"lacks_memory": lacks_memory(error.message)}
    except Exception as error:  # noqa: BLE001 (whatever a library raises ends one trial, not all)
        message = " ".join(f"{type(error).__name__}: {error}".split())
        told = {"error": type(error).__name__, "message": message, "remedy": ""}
        return told | {"lacks_memory": isinstance(error, MemoryError) or lacks_memory(message)}


def _value(order: Order, hear: Callable[[Milestone], None]) -> float:
    """The accuracy of the artifact on the validation rows; the test rows stay unseen.

    Where a row may have several labels, it is right with all of them and no other.
    """
    dataset = DatasetStore(Path(order.data)).load_snapshot(order.dataset, order.snapshot)
    data = training_data(dataset, order.seed)
    family = family_class(order.family).with_parameters(order.parameters)
    family.train(data, Path(order.artifact), Silent(), announce=hear)
    classifier = load_classifier(Path(order.artifact))
    answers = classifier.classify_all(data.validation.texts, threads=order.threads)
    pairs = zip(answers, data.validation.sets(), strict=True)
    right = [set(timed.answer.labels) == set(labels) for timed, labels in pairs]
    return sum(right) / len(right)


def _end_with_parent() -> None:
    """Kill this process and its own when whoever asked is no more."""
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
