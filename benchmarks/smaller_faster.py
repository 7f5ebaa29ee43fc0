"""What do export, int8, pruning and distillation cost and bring?

Usage: python benchmarks/smaller_faster.py FILE [--per-class 4000] [--min-words 1] [--epochs 2]
    [--learning-rate 1e-4] [--max-tokens 64] [--backbone minilm] [--seed 42]

FILE has labelled texts, as `classmark prepare` reads them. Two tables:

1. One graph in three forms, its weights as they come with the backbone: attention spelled out and
   every token computed; attention as one operator; and of the last layer only what the head reads,
   as classmark exports it. CPU milliseconds a text on one thread, at several lengths, in turn.
2. Models trained with `classmark train` on the same rows: the whole transformer; half its
   feed-forward neurons; half its layers; half its layers, taught by the whole one; and linear
   beside. Size of the artifact, texts a second on one thread (all artifacts in turn, medians), and
   accuracy on the test part with its interval. What the gate refuses is said to be refused.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

from classmark.assembly import Home, open_home
from classmark.cli.prepare import run as prepare
from classmark.errors import ParityError
from classmark.models import Classifier, load_classifier
from classmark.models.onnx_export import export_onnx
from classmark.models.sequence_classifier import Probabilities, load_sequence_classifier
from classmark.progress import Silent
from classmark.registry import RegisteredVersion
from classmark.retraining import VersionRequest, train_version
from classmark.training import Reliability, TeachingModel, TrainingRecipe

LENGTHS = (32, 128, 256)
TURNS = 11
TEXTS = 50


def main() -> None:
    """Print both tables."""
    chosen = arguments()
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory(prefix="classmark-smaller-") as folder:
        show_graphs(chosen.backbone, Path(folder))
        show_models(chosen, Path(folder, "home"))


def show_graphs(backbone: str, folder: Path) -> None:
    """The first table."""
    sessions = {name: session(path) for name, path in graphs(backbone, folder)}
    print("\n| graph | " + " | ".join(f"{length} tokens" for length in LENGTHS) + " |")
    print("|---|" + "---|" * len(LENGTHS))
    rows: dict[str, list[str]] = {name: [] for name in sessions}
    for length in LENGTHS:
        ids = np.random.default_rng(0).integers(1000, 20000, (1, length))
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        calls = {name: asking(one, given) for name, one in sessions.items()}
        for name, seconds in in_turn(calls).items():
            rows[name].append(f"{1000 * seconds:.1f} ms")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")


def graphs(backbone: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """The same weights in three forms."""
    module = Probabilities(load_sequence_classifier(backbone, [*"abcdefghij"], 42).model)
    example = (torch.ones(2, 8, dtype=torch.int64), torch.ones(2, 8, dtype=torch.int64))
    sizes = {0: torch.export.Dim("texts", min=1, max=64), 1: torch.export.Dim("tokens", max=512)}
    for name, attention, opset in (
        ("spelled out, every token", "eager", 18),
        ("one operator, every token", "sdpa", 23),
    ):
        module.model.set_attn_implementation(attention)
        program = torch.onnx.export(
            module.eval(),
            example,
            dynamo=True,
            verbose=False,
            input_names=["input_ids", "attention_mask"],
            dynamic_shapes={"input_ids": sizes, "attention_mask": sizes},
            opset_version=opset,
        )
        assert program is not None
        program.save(str(folder / f"{opset}.onnx"))
        yield name, folder / f"{opset}.onnx"
    export_onnx(module, folder / "ours.onnx")
    yield "one operator, what the head reads", folder / "ours.onnx"


def session(path: Path) -> ort.InferenceSession:
    """One thread, as in serving."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def asking(one: ort.InferenceSession, given: Mapping[str, object]) -> Callable[[], object]:
    """A call of a session."""
    return lambda: one.run(None, given)


def in_turn(calls: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """CPU seconds of each call, the median of several, each time all of them in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(TURNS):
        for name, call in calls.items():
            start = time.process_time()
            call()
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(one) for name, one in seconds.items()}


def show_models(chosen: argparse.Namespace, folder: Path) -> None:
    """The second table."""
    prepare(
        source=str(chosen.file),
        name="texts",
        per_class=chosen.per_class,
        min_words=chosen.min_words,
        any_language=True,
        seed=chosen.seed,
        home=folder,
    )
    home = open_home(folder)
    models = dict(trained(home, chosen))
    texts = [document.text for document in home.datasets.load("texts").parts["test"][:TEXTS]]
    classifiers = {name: load_classifier(it.folder) for name, it in models.items() if it}
    seconds = in_turn({name: answering(one, texts) for name, one in classifiers.items()})
    print("\n| model | serves as | MB | texts a second | accuracy on the test part |")
    print("|---|---|---|---|---|")
    for name, version in models.items():
        if version is None:
            print(f"| {name} | refused by the gate | | | |")
            continue
        metadata = version.metadata
        test = metadata["metrics"]["test"]
        print(
            f"| {name} | {metadata['parity']['chosen']} | {metadata['size_mb']:.1f} | "
            f"{TEXTS / seconds[name]:.0f} | {test['accuracy']:.3f} ({test['accuracy_low']:.3f} to "
            f"{test['accuracy_high']:.3f}) |"
        )


def answering(classifier: Classifier, texts: Sequence[str]) -> Callable[[], object]:
    """A call that answers all texts, one after the other."""
    return lambda: [classifier.probabilities(text) for text in texts]


def trained(
    home: Home, chosen: argparse.Namespace
) -> Iterator[tuple[str, RegisteredVersion | None]]:
    """A version of each kind; None where the gate refused it."""
    usual = {
        "backbone": chosen.backbone,
        "epochs": str(chosen.epochs),
        "learning_rate": str(chosen.learning_rate),
        "max_tokens": str(chosen.max_tokens),
    }
    whole = made(home, "transformer", usual, chosen.seed)
    assert whole is not None
    yield "transformer", whole
    yield "half of its neurons", made(home, "transformer", usual | {"prune": "0.5"}, chosen.seed)
    half = usual | {"layers": "3"}
    yield "half of its layers", made(home, "transformer", half, chosen.seed)
    teacher = TeachingModel("transformer", load_classifier(whole.folder))
    taught = half | {"least_agreement": "0.85"}
    yield "half of its layers, taught", made(home, "transformer", taught, chosen.seed, teacher)
    yield "linear", made(home, "linear", {}, chosen.seed)


def made(
    home: Home,
    family: str,
    parameters: Mapping[str, str],
    seed: int,
    teacher: TeachingModel | None = None,
) -> RegisteredVersion | None:
    """A version, if the gate lets it pass."""
    recipe = TrainingRecipe(
        family, parameters, seed, with_baseline=False, reliability=Reliability("none", None)
    )
    request = VersionRequest("small", recipe, teacher=teacher, home=home.folder)
    dataset = home.datasets.load("texts")
    try:
        return train_version(dataset, request, home.registry, threads=2, progress=Silent()).version
    except ParityError as error:
        print(f"{parameters}: {error}")
        return None


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--per-class", type=int, default=4000)
    parser.add_argument("--min-words", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--backbone", default="minilm")
    parser.add_argument("--seed", type=int, default=42)
    return parser.parse_args()


if __name__ == "__main__":
    main()
