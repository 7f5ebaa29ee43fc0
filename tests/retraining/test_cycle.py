"""A dataset becomes a measured, registered version, or nothing at all."""

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from classmark.database import Database
from classmark.datasets import Dataset
from classmark.errors import ClassmarkError, ParityError, SettingError, TamperedVersionError
from classmark.models import load_classifier
from classmark.progress import Silent
from classmark.registry import (
    Bump,
    Lineage,
    ModelReference,
    Registry,
    Status,
    VersionDraft,
    model_card,
)
from classmark.retraining import NewVersion, VersionRequest, train_version
from classmark.training import InMemoryTracker, RunLink, RunStatus, TrainingRecipe

LINEAR = TrainingRecipe("linear", {"longest_ngram": "1"}, seed=7)
NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
REQUEST = VersionRequest("shelves", LINEAR, notes="the first one")


def trained(dataset: Dataset, registry: Registry, request: VersionRequest = REQUEST) -> NewVersion:
    return train_version(dataset, request, registry, threads=1, progress=Silent())


def test_the_first_version_is_registered_for_testing(dataset: Dataset, registry: Registry) -> None:
    found = trained(dataset, registry)
    assert str(found.version.version) == "v1.0.0"
    assert found.version.status is Status.TESTING
    assert registry.versions("shelves") == [found.version]
    (event,) = registry.history("shelves")
    assert event.reason == "the first one"
    assert registry.verify(ModelReference.parse("shelves@v1.0.0")) == found.version


def test_its_metadata_tell_where_it_came_from(dataset: Dataset, registry: Registry) -> None:
    found = trained(dataset, registry)
    metadata = found.version.metadata
    assert metadata["version"] == "v1.0.0"
    assert metadata["created_at"] == "2024-05-06T07:08:09+00:00"
    assert metadata["family"] == metadata["architecture"] == "linear"
    assert metadata["base_model"] is None
    assert metadata["labels"] == list(dataset.labels)
    assert metadata["dataset"] == {
        "name": "samples",
        "snapshot": dataset.snapshot_id,
        "fingerprint": dataset.fingerprint,
        "source": {"name": "samples"},
        "samples": 60,
        "categories": list(dataset.labels),
        "split": {"train": 48, "val": 6, "test": 6},
        "recipe": dict(dataset.recipe),
        "read": dataset.read,
        "dropped": dict(dataset.dropped),
        "counts": dataset.counts(),
    }
    assert metadata["hyperparameters"]["longest_ngram"] == 1
    assert metadata["hyperparameters"]["max_iterations"] == 500
    assert metadata["seed"] == 7
    assert metadata["reliability"] == {"method": "temperature", "accuracy": 0.9, "risk": 0.05}
    assert metadata["baseline"] is None
    assert metadata["tracking"] is None
    assert metadata["notes"] == "the first one"
    assert metadata["size_mb"] > 0
    assert metadata["training_seconds"] > 0
    assert metadata["libraries"]["numpy"]
    assert "git_commit" in metadata


def test_its_metadata_tell_what_was_measured(dataset: Dataset, registry: Registry) -> None:
    found = trained(dataset, registry)
    metrics = found.version.metadata["metrics"]
    assert set(metrics) == {"train", "val", "test"}
    for part, assessment in found.trained.assessments.items():
        measured = assessment.evaluation
        assert metrics[part]["rows"] == measured.rows
        assert metrics[part]["accuracy"] == measured.accuracy.value
        assert metrics[part]["macro_f1"] == measured.macro_f1.value
        assert metrics[part]["accuracy_low"] <= metrics[part]["accuracy"]
        assert metrics[part]["accuracy"] <= metrics[part]["accuracy_high"]
        assert metrics[part]["latency_p95_ms"] > 0
        assert metrics[part]["macro_f1_low"] <= measured.macro_f1.value
        assert measured.macro_f1.value <= metrics[part]["macro_f1_high"]
        assert list(metrics[part]["per_class"]) == list(dataset.labels)
        for found_class in measured.per_class:
            kept = metrics[part]["per_class"][found_class.label]
            assert kept["support"] == found_class.support
            assert kept["recall"] == found_class.recall.value
            assert kept["recall_low"] <= kept["recall"] <= kept["recall_high"]
            assert kept["f1"] == found_class.f1.value
        wrong = sum(
            given != true for given, true in zip(assessment.given, assessment.truth, strict=True)
        )
        confusions = metrics[part]["confusions"]
        assert sum(one["rows"] for one in confusions) == wrong
        assert confusions == sorted(confusions, key=lambda one: -one["rows"])
    parity = found.version.metadata["parity"]
    assert parity["chosen"] == "fp32"
    assert parity["rows"] == 6
    assert parity["exports"]["fp32"]["label_share"] == 1
    assert found.version.metadata["details"]["terms"] > 100


def test_the_same_metadata_lie_beside_the_model(dataset: Dataset, registry: Registry) -> None:
    found = trained(dataset, registry).version
    kept = orjson.loads((found.folder / "metadata.json").read_bytes())
    assert kept == orjson.loads(orjson.dumps(found.metadata))


def test_its_card_lies_beside_the_model_and_is_part_of_the_manifest(
    dataset: Dataset, registry: Registry
) -> None:
    found = trained(dataset, registry).version
    card = (found.folder / "card.md").read_text()
    assert card == model_card(found.metadata)
    assert "None" not in card
    accuracy = found.metadata["metrics"]["test"]["accuracy"]
    assert f"| test | 6 | {accuracy * 100:.1f} % (" in card
    assert "--model shelves --family linear --set longest_ngram=1" in card
    (found.folder / "card.md").write_text(card + "Better than any other.\n")
    with pytest.raises(TamperedVersionError, match=r"card\.md was changed"):
        registry.verify(ModelReference.parse("shelves@latest"))


def test_the_record_of_the_training_is_kept(dataset: Dataset, registry: Registry) -> None:
    tracker = InMemoryTracker()
    found = trained(dataset, registry, replace(REQUEST, tracker=tracker))
    (run,) = tracker.runs
    assert (run.start.experiment, run.start.name) == ("shelves", "linear on samples")
    assert run.start.parameters["family"] == "linear"
    assert run.start.parameters["seed"] == 7
    assert run.start.parameters["longest_ngram"] == 1
    assert run.start.parameters["max_iterations"] == 500
    assert run.start.tags["dataset"] == "samples"
    assert run.start.tags["dataset_snapshot"] == dataset.snapshot_id
    assert run.start.tags["dataset_fingerprint"] == dataset.fingerprint
    assert run.start.tags["library.numpy"]
    assert (run.status, run.name) == (RunStatus.FINISHED, "shelves_v1.0.0")
    metadata = found.version.metadata
    assert run.metrics["test.accuracy"] == metadata["metrics"]["test"]["accuracy"]
    assert run.metrics["training_seconds"] == metadata["training_seconds"]
    assert set(run.files) >= {"config.json", "label_map.json", "metadata.json", "card.md"}
    assert not [name for name in run.files if name.startswith("model")]
    assert metadata["tracking"] == {"uri": "memory:", "run_id": run.run_id, "problem": ""}
    assert found.run == RunLink("memory:", run.run_id)


def test_a_tracker_in_trouble_fails_no_training(dataset: Dataset, registry: Registry) -> None:
    tracker = InMemoryTracker(problem="it can't be reached")
    found = trained(dataset, registry, replace(REQUEST, tracker=tracker))
    assert registry.versions("shelves") == [found.version]
    told = {"uri": "memory:", "run_id": None, "problem": "it can't be reached"}
    assert found.version.metadata["tracking"] == told
    assert found.run == RunLink("memory:", None, "it can't be reached")


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_the_record_says_which_training_failed(dataset: Dataset, registry: Registry) -> None:
    tracker = InMemoryTracker()
    beyond = TrainingRecipe("linear", {"bayes_weight": "1e300"})
    with pytest.raises(ParityError):
        trained(dataset, registry, replace(REQUEST, recipe=beyond, tracker=tracker))
    (run,) = tracker.runs
    assert (run.status, run.metrics, run.files) == (RunStatus.FAILED, {}, {})
    assert run.start.parameters["bayes_weight"] == 1e300


def test_a_recipe_that_can_not_be_begins_no_run(dataset: Dataset, registry: Registry) -> None:
    tracker = InMemoryTracker()
    recipe = TrainingRecipe("linear", {"flavour": "mint"})
    with pytest.raises(SettingError):
        trained(dataset, registry, replace(REQUEST, recipe=recipe, tracker=tracker))
    assert tracker.runs == []


def test_the_registered_model_is_the_one_that_was_measured(
    dataset: Dataset, registry: Registry
) -> None:
    found = trained(dataset, registry)
    classifier = load_classifier(found.version.folder)
    answers = [classifier.classify(document.text) for document in dataset.parts["test"]]
    assert answers == list(found.trained.assessments["test"].answers)


def test_the_number_that_rises_follows_from_what_differs(
    dataset: Dataset, more_data: Dataset, registry: Registry
) -> None:
    tuned = replace(REQUEST, recipe=replace(LINEAR, parameters={"longest_ngram": "2"}))
    fewer = replace(
        dataset,
        parts={
            part: [document for document in documents if document.label != "cs.RO"]
            for part, documents in dataset.parts.items()
        },
    )
    versions = [
        trained(dataset, registry),
        trained(dataset, registry, tuned),
        trained(more_data, registry),
        trained(fewer, registry),
        trained(fewer, registry, replace(REQUEST, bump=Bump.MINOR)),
    ]
    assert [str(found.version.version) for found in versions] == [
        *("v1.0.0", "v1.0.1", "v1.1.0", "v2.0.0", "v2.1.0")
    ]


def test_without_notes_the_history_says_what_was_trained(
    dataset: Dataset, registry: Registry
) -> None:
    found = trained(dataset, registry, replace(REQUEST, notes=""))
    assert registry.history("shelves")[0].reason == "trained linear on samples"
    assert found.version.metadata["notes"] == ""


def test_nothing_is_left_lying_about(
    dataset: Dataset, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    trained(dataset, registry)
    assert list(scratch.iterdir()) == []


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_an_export_that_does_not_answer_as_its_parent_is_not_registered(
    dataset: Dataset, registry: Registry, tmp_path: Path
) -> None:
    # Weights beyond single precision: the parent has them in double, the export has not.
    beyond = replace(REQUEST, recipe=TrainingRecipe("linear", {"bayes_weight": "1e300"}))
    with pytest.raises(ParityError, match="Nothing was registered"):
        trained(dataset, registry, beyond)
    assert registry.models() == []
    assert not list((tmp_path / "models").glob("**/*_v*"))


def test_a_number_that_another_machine_took_meanwhile_costs_no_training(
    dataset: Dataset, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'classmark.db'}")
    other = Registry(database, tmp_path / "other", now=lambda: NOW, actor="faster")
    (tmp_path / "artifact").mkdir()
    theirs = VersionDraft("shelves", tmp_path / "artifact", Lineage("linear", ("a",), "00"), {})

    def meanwhile() -> datetime:
        if not other.models():
            other.register(theirs)
        return NOW

    registry = Registry(database, tmp_path / "models", now=meanwhile, actor="slower")
    assert str(trained(dataset, registry).version.version) == "v2.0.0"
    assert [event.actor for event in registry.history("shelves")] == ["faster", "slower"]
    registry.verify(ModelReference.parse("shelves@v2.0.0"))
    database.close()


@pytest.mark.parametrize("name", ["", "a b", "../a", "arxiv_v1.0.0"])
def test_a_name_that_no_model_can_have_is_refused_before_anything_is_trained(
    dataset: Dataset, registry: Registry, name: str
) -> None:
    class Watchful(Silent):
        def track(self, items: Any, doing: str, total: int | None = None, note: Any = None) -> Any:
            raise AssertionError(doing, items, total, note)

    request = replace(REQUEST, model=name)
    with pytest.raises(SettingError, match="name of a model"):
        train_version(dataset, request, registry, threads=1, progress=Watchful())


def test_a_model_of_tables_learns_no_texts(dataset: Dataset, registry: Registry) -> None:
    artifact = trained(dataset, registry).version.folder
    of_table = {"dataset": {"kind": "table", "fingerprint": "00"}}
    lineage = Lineage("forest", ("a",), "00")
    registry.register(VersionDraft("cellar", artifact, lineage, of_table))
    with pytest.raises(SettingError, match="'cellar' are asked for the rows of tables"):
        trained(dataset, registry, replace(REQUEST, model="cellar"))
    assert len(registry.versions("cellar")) == 1


def test_a_recipe_that_can_not_be_registers_nothing(dataset: Dataset, registry: Registry) -> None:
    for recipe in (TrainingRecipe("oracle"), TrainingRecipe("linear", {"flavour": "mint"})):
        with pytest.raises(ClassmarkError):
            trained(dataset, registry, replace(REQUEST, recipe=recipe))
    assert registry.models() == []
