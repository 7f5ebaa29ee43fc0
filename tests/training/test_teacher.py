"""What a version answers to the texts that another one learns from."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classmark.errors import SettingError
from classmark.models import Classifier, LabelledTexts, TrainingData, family_class, load_classifier
from classmark.progress import Silent
from classmark.training import TeachingModel
from classmark.training.teacher import taught

WORDS = {"b": "river water fish stream", "a": "stone rock mountain cliff"}


def texts(labels: Sequence[str], seed: int) -> LabelledTexts:
    generator = np.random.default_rng(seed)
    return LabelledTexts(
        [" ".join(generator.choice(WORDS[label].split(), 4)) for label in labels], labels
    )


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return TrainingData(texts(["a", "b"] * 10, seed=0), texts(["b", "a"] * 3, seed=1))


@pytest.fixture(scope="module")
def classifier(data: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    folder = tmp_path_factory.mktemp("linear")
    family_class("linear").with_parameters({}).train(data, folder, Silent())
    return load_classifier(folder)


def test_every_text_gets_the_answer_that_serves(data: TrainingData, classifier: Classifier) -> None:
    model = TeachingModel("words@v1.0.0", classifier)
    teacher = taught(data, model, None, threads=2, progress=Silent()).teacher

    assert teacher is not None
    assert teacher.name == "words@v1.0.0"
    assert teacher.validation.thresholds == ()
    given = teacher.validation.probabilities
    for answers, part in ((teacher.train, data.train), (given, data.validation)):
        expected = [classifier.classify(text).probabilities for text in part.texts]
        assert answers.tolist() == [list(row) for row in expected]
        assert [data.labels[row.argmax()] for row in answers] == list(part.labels)


@pytest.fixture
def kept(data: TrainingData, classifier: Classifier, tmp_path: Path) -> Path:
    """What a training that was killed has of its teacher."""
    taught(data, TeachingModel("words@v1.0.0", classifier), tmp_path, threads=1, progress=Silent())
    return tmp_path


@pytest.fixture
def pretender(data: TrainingData, tmp_path: Path) -> TeachingModel:
    """One that calls itself the same and answers otherwise."""
    folder = tmp_path / "pretender"
    folder.mkdir()
    family_class("linear").with_parameters({"bayes_weight": "0"}).train(data, folder, Silent())
    return TeachingModel("words@v1.0.0", load_classifier(folder))


def answers(data: TrainingData, model: TeachingModel, checkpoints: Path | None) -> object:
    teacher = taught(data, model, checkpoints, threads=1, progress=Silent()).teacher
    assert teacher is not None
    return teacher.train.tolist()


def test_a_training_that_goes_on_asks_its_teacher_no_more(
    data: TrainingData, classifier: Classifier, pretender: TeachingModel, kept: Path
) -> None:
    first = answers(data, TeachingModel("words@v1.0.0", classifier), None)
    assert answers(data, pretender, kept) == first
    assert answers(data, pretender, None) != first


@pytest.mark.parametrize("damage", ["cut off", "changed", "gone"])
def test_answers_that_are_damaged_are_asked_for_again(
    damage: str, data: TrainingData, pretender: TeachingModel, kept: Path
) -> None:
    file = kept / "teacher" / "answers.safetensors"
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:-9] + (b"" if damage == "cut off" else bytes(9)))
    expected = answers(data, pretender, None)
    assert answers(data, pretender, kept) == expected
    assert answers(data, pretender, kept) == expected


def test_answers_to_other_texts_are_not_taken(
    data: TrainingData, pretender: TeachingModel, kept: Path
) -> None:
    turned = LabelledTexts(list(data.train.texts)[::-1], list(data.train.labels)[::-1])
    other = replace(data, train=turned)
    assert answers(other, pretender, kept) == answers(other, pretender, None)


def test_a_teacher_of_other_labels_is_refused(
    data: TrainingData, classifier: Classifier, tmp_path: Path
) -> None:
    others = TrainingData(LabelledTexts(["stone", "sun"], ["a", "c"]), data.validation)
    with pytest.raises(SettingError, match="can't teach these documents"):
        taught(
            others, TeachingModel("w@v1.0.0", classifier), tmp_path, threads=1, progress=Silent()
        )
    assert list(tmp_path.iterdir()) == []
