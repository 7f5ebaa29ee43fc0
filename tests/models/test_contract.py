"""What every family of the catalogue keeps: train, save, load, classify."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from classmark.documents import clean
from classmark.errors import RecordError, SettingError, TamperedVersionError
from classmark.models import (
    CATALOGUE,
    Classifier,
    LabelledTexts,
    TrainingData,
    family_class,
    load_classifier,
)

# What the fixtures of this room give: see conftest.py.
Samples = Any
Trained = Any
Fresh = Any
Learn = Callable[..., Trained]
AskFresh = Callable[[Path, Sequence[str]], Fresh]

ODD_TEXTS = {
    "empty": "",
    "empty after cleaning": "https://example.org  $$ x $$",
    "one character": "a",
    "only punctuation": "?!... --- ;;",
    "emoji": "🚀🤖 👩‍👩‍👧‍👦 👍🏽",
    "one word of 50,000 characters": "x" * 50_000,
    "50,000 characters": "robots grasp cups " * 2778,
    "another script": "文書が少ない場合でも、小さなモデルは大きなモデルと同じくらい良い",
    "what is not printed": "a\x00b\u202ec\ufeff\u2028d\n\r\te",
    "half a character": "robot \ud800 arm",
    "nothing that was seen before": "qzxv wkjq zzzz",
}


def probabilities(classifier: Classifier, texts: Sequence[str]) -> list[tuple[float, ...]]:
    return [classifier.classify(text).probabilities for text in texts]


def relabelled(texts: LabelledTexts, labels: Mapping[str, str]) -> LabelledTexts:
    """The rows whose label has a new one, with that."""
    rows = [(t, labels[v]) for t, v in zip(texts.texts, texts.labels, strict=True) if v in labels]
    return LabelledTexts([text for text, _ in rows], [label for _, label in rows])


def with_labels(data: TrainingData, labels: Mapping[str, str]) -> TrainingData:
    train, validation = relabelled(data.train, labels), relabelled(data.validation, labels)
    return replace(data, train=train, validation=validation)


def share_right(classifier: Classifier, texts: LabelledTexts) -> float:
    given = [classifier.classify(text).label for text in texts.texts]
    return float(np.mean([one == other for one, other in zip(given, texts.labels, strict=True)]))


@pytest.fixture(scope="session")
def fresh(trained: Trained, samples: Samples, ask_fresh: AskFresh) -> Fresh:
    return ask_fresh(trained.folder, samples.held_out.texts)


def test_a_fresh_process_answers_as_this_one(
    trained: Trained, samples: Samples, fresh: Fresh
) -> None:
    here = probabilities(trained.classifier, samples.held_out.texts)
    assert np.array(fresh.rows).tolist() == np.array(here).tolist()
    assert tuple(fresh.labels) == trained.classifier.labels


def test_a_fresh_process_loads_nothing_that_only_training_needs(fresh: Fresh) -> None:
    packages = {name.partition(".")[0] for name in fresh.loaded}
    assert packages & {"torch", "transformers", "sklearn", "scipy", "onnx"} == set()


def test_probabilities_stand_in_the_order_of_sorted_labels_and_sum_to_1(
    trained: Trained, samples: Samples
) -> None:
    assert trained.classifier.labels == ("cs.CV", "cs.DB", "cs.RO")
    for text in samples.held_out.texts:
        found = trained.classifier.probabilities(text)
        assert found.shape == (3,)
        assert found.dtype == np.float64
        assert found.min() >= 0
        assert found.sum() == pytest.approx(1, abs=1e-6)


def test_the_answer_is_the_most_probable_label(trained: Trained, samples: Samples) -> None:
    for text in samples.held_out.texts:
        answer = trained.classifier.classify(text)
        found = trained.classifier.probabilities(text)
        assert answer.probabilities == tuple(found.tolist())
        assert answer.label == trained.classifier.labels[int(found.argmax())]
        assert answer.confidence == found.max()


@pytest.mark.parametrize("threads", [1, 4])
def test_answers_depend_neither_on_neighbours_nor_on_threads(
    trained: Trained, samples: Samples, threads: int
) -> None:
    texts = [*samples.held_out.texts, *ODD_TEXTS.values(), *reversed(samples.held_out.texts)]
    alone = [trained.classifier.classify(text) for text in texts]
    together = list(trained.classifier.classify_all(iter(texts), threads=threads))
    assert [timed.answer for timed in together] == alone
    assert all(timed.seconds > 0 for timed in together)


def test_classifying_no_texts_gives_no_answers(trained: Trained) -> None:
    assert list(trained.classifier.classify_all([], threads=2)) == []


def test_answers_come_before_all_texts_are_read(trained: Trained) -> None:
    read: list[int] = []

    def texts() -> Any:
        for number in range(10_000):
            read.append(number)
            yield "robots"

    answers = trained.classifier.classify_all(texts(), threads=1)
    next(answers)
    answers.close()
    assert len(read) <= 64


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
def test_an_odd_text_has_an_answer(trained: Trained, text: str) -> None:
    answer = trained.classifier.classify(text)
    assert answer.label in trained.classifier.labels
    assert sum(answer.probabilities) == pytest.approx(1, abs=1e-6)
    assert 1 / 3 <= answer.confidence <= 1


def test_it_is_more_often_right_than_chance(trained: Trained, samples: Samples) -> None:
    # By chance 72 answers are right in 36 cases or more once in 500 times.
    assert share_right(trained.classifier, samples.held_out) >= 0.5


def test_a_text_is_cleaned_as_the_training_texts_were(trained: Trained) -> None:
    raw = "Robots\n\n grasp $x^2$ cups, see https://example.org/robots !!!"
    assert clean(raw) != raw
    assert trained.classifier.steps
    expected = trained.classifier.probabilities(clean(raw))
    assert trained.classifier.classify(raw).probabilities == tuple(expected.tolist())


def test_the_same_seed_gives_the_same_answers(
    trained: Trained, samples: Samples, learn: Learn
) -> None:
    again = learn(trained.family, samples.data)
    assert again.outcome == trained.outcome
    texts = samples.held_out.texts
    assert probabilities(again.classifier, texts) == probabilities(trained.classifier, texts)


@pytest.mark.parametrize("family", CATALOGUE)
def test_two_classes_work_as_well_as_many(family: str, samples: Samples, learn: Learn) -> None:
    both = {"cs.DB": "no", "cs.RO": "yes"}
    trained = learn(family, with_labels(samples.data, both))
    assert trained.classifier.labels == ("no", "yes")
    assert share_right(trained.classifier, relabelled(samples.held_out, both)) >= 0.75


@pytest.mark.parametrize("family", CATALOGUE)
def test_labels_may_be_any_text_and_one_may_be_missing_among_the_validation_rows(
    family: str, samples: Samples, learn: Learn
) -> None:
    names = {"cs.CV": "a b", "cs.DB": "a", "cs.RO": "日本 🚀 <é>"}
    data = with_labels(samples.data, names)
    some = relabelled(data.validation, {"a": "a", "a b": "a b"})
    trained = learn(family, replace(data, validation=some))
    assert trained.classifier.labels == ("a", "a b", "日本 🚀 <é>")
    assert share_right(trained.classifier, relabelled(samples.held_out, names)) >= 0.5


@pytest.mark.parametrize("family", CATALOGUE)
def test_one_class_is_too_few(family: str, samples: Samples, learn: Learn) -> None:
    data = with_labels(samples.data, {"cs.DB": "alone"})
    with pytest.raises(RecordError, match="one class only: alone"):
        learn(family, data)


@pytest.mark.parametrize("family", CATALOGUE)
@pytest.mark.parametrize(
    ("labels", "told"), [({}, "there are none"), ({"cs.DB": "strange"}, "'strange': 4")]
)
def test_validation_rows_must_be_of_the_classes_that_are_learned(
    labels: dict[str, str],
    told: str,
    family: str,
    samples: Samples,
    learn: Learn,
) -> None:
    data = replace(samples.data, validation=relabelled(samples.data.validation, labels))
    with pytest.raises(RecordError, match=told):
        learn(family, data)


@pytest.mark.parametrize("family", CATALOGUE)
def test_texts_that_were_cleaned_in_an_unknown_way_are_refused(
    family: str, samples: Samples, learn: Learn
) -> None:
    with pytest.raises(SettingError, match="cleaning step polish@9"):
        learn(family, replace(samples.data, cleaning=("polish@9",)))


@pytest.mark.parametrize("family", CATALOGUE)
def test_an_unknown_parameter_is_named_beside_the_known_ones(family: str) -> None:
    with pytest.raises(SettingError, match="flavour") as refused:
        family_class(family).with_parameters({"flavour": "mint"})
    for known in family_class(family).with_parameters({}).parameters:
        assert known in str(refused.value)


@pytest.mark.parametrize("family", CATALOGUE)
@pytest.mark.parametrize("value", ["mint", "-1", "0", "nan", "inf", ""])
def test_a_parameter_that_can_not_be_is_named(family: str, value: str) -> None:
    with pytest.raises(SettingError, match="inverse_regularisation"):
        family_class(family).with_parameters({"inverse_regularisation": value})


def test_the_artifact_says_what_it_is(trained: Trained, samples: Samples) -> None:
    config = orjson.loads((trained.folder / "config.json").read_bytes())
    assert config["family"] == trained.family
    assert config["cleaning"] == list(samples.data.cleaning)
    parameters = family_class(trained.family).with_parameters(trained.given).parameters
    assert config["parameters"] == parameters
    label_map = orjson.loads((trained.folder / "label_map.json").read_bytes())
    assert label_map == {"0": "cs.CV", "1": "cs.DB", "2": "cs.RO"}
    assert trained.outcome.architecture.startswith(trained.family)


def test_nothing_in_the_artifact_is_a_pickle(trained: Trained) -> None:
    for path in filter(Path.is_file, trained.folder.rglob("*")):
        assert path.suffix in {".json", ".txt", ".safetensors", ".onnx", ".data"}
        start = path.read_bytes()[:2]
        # A pickle of protocol 2 to 5, and the archive that torch and skops put theirs into.
        assert start not in {b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK"}


def test_parity_is_told_of_every_export(trained: Trained, samples: Samples) -> None:
    parity = trained.outcome.parity
    assert parity.rows == len(samples.data.validation)
    assert parity.chosen in parity.exports
    assert parity.exports["fp32"].label_share == 1
    assert parity.exports["fp32"].largest_gap < 1e-5


DAMAGES: dict[str, Callable[[Path], object]] = {
    "is missing": Path.unlink,
    "is empty": lambda path: path.write_bytes(b""),
    "is cut off": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "is something else": lambda path: path.write_bytes(b"\x80\x04\xff something else" * 10),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_an_artifact_with_a_damaged_file_is_not_loaded(
    trained: Trained, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    files = filter(Path.is_file, trained.folder.rglob("*"))
    for number, path in enumerate(files):
        if path.name == "examples.json" and damage is Path.unlink:
            continue  # artifacts of earlier releases have none; the manifest knows of ours
        copy = tmp_path / str(number)
        shutil.copytree(trained.folder, copy)
        damage(copy / path.relative_to(trained.folder))
        with pytest.raises(TamperedVersionError, match="no whole artifact"):
            load_classifier(copy)


@pytest.mark.parametrize("labels", [["a"], ["a", "b"], ["a", "b", "c", "d"], []])
def test_an_artifact_with_more_or_fewer_labels_than_weights_is_not_loaded(
    trained: Trained, tmp_path: Path, labels: list[str]
) -> None:
    shutil.copytree(trained.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "label_map.json").write_bytes(orjson.dumps(dict(enumerate(labels)), option=4))
    with pytest.raises(TamperedVersionError, match="do not belong together"):
        load_classifier(tmp_path)


@pytest.mark.slow
def test_the_embedded_encoder_learns_as_the_tiny_one_does(
    samples: Samples, learn: Learn, ask_fresh: AskFresh
) -> None:
    trained = learn("encoder", samples.data, {})
    assert trained.outcome.architecture == "encoder:minilm"
    assert share_right(trained.classifier, samples.held_out) >= 0.8
    texts = samples.held_out.texts[:5]
    fresh = ask_fresh(trained.folder, texts)
    assert [tuple(row) for row in fresh.rows] == probabilities(trained.classifier, texts)


def test_the_known_examples_are_answered_as_where_it_was_made(trained: Trained) -> None:
    assert trained.classifier.examples is not None
    assert trained.classifier.example_gap() < 1e-6


def test_a_wider_classifier_gives_the_same_digits(trained: Trained) -> None:
    wide = trained.classifier.widened(2)
    if trained.family == "linear":
        assert wide is None
        return
    if wide is not None:
        for text in ("A new index.", "Robots grasp cups. " * 30):
            assert wide.classify(text) == trained.classifier.classify(text)
    assert trained.classifier.widened(1) is None
