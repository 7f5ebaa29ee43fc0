"""What MLflow loads answers as the classifier does, and only if every byte is as it was."""

from pathlib import Path
from shutil import copytree

import pandas as pd
import pytest

from classmark.errors import RecordError, TamperedVersionError
from classmark.models import load_classifier
from classmark.registry import write_manifest
from classmark.registry.integrity import manifest_digest
from classmark.serving.pyfunc import _load_pyfunc

TEXTS = ["Joins in relational databases", "Translation of rare languages"]


@pytest.fixture
def folder(artifact: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "shelves_v1.0.0"
    copytree(artifact, folder)
    write_manifest(folder)
    return folder


def test_a_row_is_what_the_classifier_says_of_its_text(folder: Path) -> None:
    loaded = _load_pyfunc(str(folder), {"digest": manifest_digest(folder)})
    found = loaded.predict(pd.DataFrame({"text": TEXTS}, index=[7, 3]))
    assert list(found.index) == [7, 3]
    answers = [load_classifier(folder).classify(text) for text in TEXTS]
    assert list(found["label"]) == [answer.label for answer in answers]
    assert list(found["confidence"]) == [answer.confidence for answer in answers]
    assert list(found["labels"]) == [list(answer.labels) for answer in answers]
    assert found.filter(like="probability_").to_numpy().tolist() == [
        list(answer.probabilities) for answer in answers
    ]


def test_no_texts_have_no_answers(folder: Path) -> None:
    loaded = _load_pyfunc(str(folder), {"digest": manifest_digest(folder)})
    assert len(loaded.predict(pd.DataFrame({"text": []}))) == 0


@pytest.mark.parametrize("text", ["", " \n", None, 7])
def test_a_row_without_text_is_named(folder: Path, text: object) -> None:
    loaded = _load_pyfunc(str(folder), {"digest": manifest_digest(folder)})
    with pytest.raises(RecordError, match="Row 2 has no text"):
        loaded.predict(pd.DataFrame({"text": ["a word", text]}))


def test_what_was_changed_or_is_not_the_one_that_was_noted_is_refused(folder: Path) -> None:
    digest = manifest_digest(folder)
    with pytest.raises(TamperedVersionError, match=r"manifest\.json was changed"):
        _load_pyfunc(str(folder), {"digest": "00" * 32})
    (folder / "config.json").write_bytes(b"{}")
    with pytest.raises(TamperedVersionError, match=r"config\.json was changed"):
        _load_pyfunc(str(folder), {"digest": digest})
