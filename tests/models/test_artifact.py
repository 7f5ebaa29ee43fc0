"""The small files that every artifact has."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.documents import DEFAULT_STEPS
from classmark.errors import SettingError, TamperedVersionError
from classmark.models import load_classifier
from classmark.models.artifact import ArtifactConfig, read_artifact_config, write_artifact_config

# What the fixtures of this room give: see conftest.py.
Samples = Any
Learn = Callable[..., Any]

CONFIG = ArtifactConfig("linear", ("a", "b"), {"longest_ngram": 2}, ("urls@1", "white-space@1"))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_artifact_config(tmp_path, CONFIG)
    return tmp_path


@given(
    labels=st.lists(TEXT, min_size=1, max_size=12, unique=True),
    parameters=st.dictionaries(TEXT, st.none() | st.integers(-9, 9) | st.booleans() | TEXT),
)
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str], parameters: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("artifact")
    config = ArtifactConfig("encoder", tuple(labels), parameters, ("urls@1",))
    write_artifact_config(folder, config)
    assert read_artifact_config(folder) == config


def test_labels_are_read_by_their_number_and_not_by_their_place(folder: Path) -> None:
    many = {str(index): f"label {index}" for index in reversed(range(12))}
    (folder / "label_map.json").write_bytes(orjson.dumps(many))
    labels = read_artifact_config(folder).labels
    assert labels == tuple(f"label {index}" for index in range(12))


@pytest.mark.parametrize("name", ["config.json", "label_map.json"])
@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"[1]", b'"text"', b"1", b"null", b"\xff", b'{"family": "linear"}'],
)
def test_a_damaged_file_is_named(folder: Path, name: str, content: bytes | None) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(TamperedVersionError, match=r"config\.json or label_map\.json") as refused:
        read_artifact_config(folder)
    assert str(folder) in refused.value.message


@pytest.mark.parametrize(
    "label_map", [{"1": "a", "2": "b"}, {"0": "a", "2": "b"}, {"a": "0", "b": "1"}]
)
def test_labels_that_are_not_numbered_from_0_are_damage(
    folder: Path, label_map: dict[str, str]
) -> None:
    (folder / "label_map.json").write_bytes(orjson.dumps(label_map))
    with pytest.raises(TamperedVersionError):
        read_artifact_config(folder)


def change_config(folder: Path, **changes: Any) -> None:
    config = orjson.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_bytes(orjson.dumps({**config, **changes}))


@pytest.fixture
def artifact(samples: Samples, learn: Learn, tmp_path: Path) -> Path:
    """A whole one of the linear family, to be changed at will."""
    shutil.copytree(learn("linear", samples.data).folder, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.parametrize("steps", [["polish@1"], ["urls@2"], ["urls"], ["unicode@1", "polish@1"]])
def test_cleaning_that_this_release_does_not_know_is_refused(
    artifact: Path, steps: list[str]
) -> None:
    change_config(artifact, cleaning=steps)
    with pytest.raises(SettingError, match=f"no cleaning step {steps[-1]}"):
        load_classifier(artifact)


def test_a_text_goes_through_the_steps_of_the_artifact_and_no_others(artifact: Path) -> None:
    raw = "robots\n\nat https://example.org/query !!!"
    for names in ([], ["urls@1"], ["white-space@1", "urls@1"], list(map(str, DEFAULT_STEPS))):
        change_config(artifact, cleaning=names)
        classifier = load_classifier(artifact)
        assert [str(step) for step in classifier.steps] == names
    change_config(artifact, cleaning=[])
    uncleaned = load_classifier(artifact).classify(raw)
    change_config(artifact, cleaning=["urls@1"])
    cleaned = load_classifier(artifact).classify(raw)
    assert uncleaned != cleaned
    assert cleaned == load_classifier(artifact).classify("robots at")


def test_an_unknown_family_is_refused_with_the_known_ones(artifact: Path) -> None:
    change_config(artifact, family="oracle")
    with pytest.raises(SettingError, match=r"'oracle'.*linear, encoder"):
        load_classifier(artifact)


def test_an_artifact_without_a_parameter_that_answering_needs_is_damaged(artifact: Path) -> None:
    change_config(artifact, parameters={})
    with pytest.raises(TamperedVersionError, match="longest_ngram"):
        load_classifier(artifact)
