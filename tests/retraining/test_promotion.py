"""A candidate beside production: on rows that are new to both, of classes that both know."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_diabetes, load_wine
from tests.retraining.conftest import LABELS, NOW

from classmark.datasets import (
    Dataset,
    DatasetStore,
    DocumentSource,
    PreparationRecipe,
    PreparedTable,
    TableRecipe,
    TableSource,
    TableStore,
    Task,
    prepare,
    prepare_table,
)
from classmark.documents import Document, QualityRules, clean, sample_documents
from classmark.evaluation import Comparison
from classmark.models import load_table_predictor
from classmark.progress import Silent
from classmark.registry import Decision, ModelReference, PromotionSettings, Registry
from classmark.retraining import (
    Gatekeeper,
    VersionRequest,
    train_table_version,
    train_version,
)
from classmark.retraining.exposure import Exposure, met_documents
from classmark.serving import LoadedTableVersion, ServedModel, load_served_model
from classmark.training import Reliability, TrainingRecipe

Trained = Callable[..., ServedModel]
TrainedTable = Callable[..., LoadedTableVersion]


@pytest.fixture
def gatekeeper(tmp_path: Path, registry: Registry) -> Gatekeeper:
    folder = tmp_path / "data"
    return Gatekeeper(
        PromotionSettings(), registry, DatasetStore(folder), TableStore(folder), 1, Silent()
    )


@pytest.fixture
def trained(registry: Registry, gatekeeper: Gatekeeper) -> Trained:
    def train(dataset: Dataset, **parameters: Any) -> ServedModel:
        gatekeeper.datasets.save(dataset)
        recipe = TrainingRecipe("linear", parameters, reliability=Reliability(accuracy=None))
        version = train_version(
            dataset, VersionRequest("shelf", recipe), registry, threads=1, progress=Silent()
        ).version
        return load_served_model(registry, ModelReference("shelf", version.version))

    return train


@pytest.fixture
def trained_table(registry: Registry, gatekeeper: Gatekeeper) -> TrainedTable:
    def train(table: PreparedTable, family: str) -> LoadedTableVersion:
        gatekeeper.tables.save(table)
        request = VersionRequest("rows", TrainingRecipe(family))
        version = train_table_version(table, request, registry, progress=Silent()).version
        return LoadedTableVersion(version, load_table_predictor(version.folder))

    return train


def known_documents() -> Sequence[Document]:
    return [document for document in sample_documents() if document.label in LABELS]


def test_the_same_again_is_measured_on_what_neither_learned_from(
    dataset: Dataset, trained: Trained, gatekeeper: Gatekeeper
) -> None:
    now, new = trained(dataset), trained(dataset)
    documents = known_documents()
    found = gatekeeper.of_texts(new, now, documents)
    met = len(dataset.parts["train"]) + len(dataset.parts["val"])
    assert len(documents) > met > 20
    assert (found.rows, found.left_out) == (len(documents) - met, met)
    # The same answers to so few documents don't show that less than one in a hundred is lost.
    assert found.verdict.decision is Decision.MORE_DATA
    assert "would tell" in found.verdict.reasons[0]
    wider = replace(gatekeeper, settings=PromotionSettings(margin=0.1))
    assert wider.of_texts(new, now, documents).verdict.decision is Decision.PROMOTE


def test_a_worse_one_is_rejected(
    dataset: Dataset, trained: Trained, gatekeeper: Gatekeeper
) -> None:
    names = sorted(LABELS)
    others = dict(zip(names, [*names[1:], names[0]], strict=True))
    wrong = [replace(one, label=others[one.label or ""]) for one in dataset.parts["train"]]
    of_wrong_labels = replace(dataset, parts={**dataset.parts, "train": wrong})
    now, new = trained(dataset), trained(of_wrong_labels)
    found = gatekeeper.of_texts(new, now, known_documents())
    assert found.verdict.decision is Decision.REJECT
    assert found.verdict.reasons[0].startswith("worse than production: accuracy -")
    assert gatekeeper.of_texts(now, new, known_documents()).verdict.decision is Decision.PROMOTE


def test_its_own_test_part_is_there_while_its_snapshot_is(
    dataset: Dataset, trained: Trained, gatekeeper: Gatekeeper, tmp_path: Path
) -> None:
    new = trained(dataset)
    found = gatekeeper.own_documents(new.version)
    assert [one.id for one in found] == [one.id for one in dataset.parts["test"]]
    elsewhere = replace(gatekeeper, datasets=DatasetStore(tmp_path / "empty"))
    assert list(elsewhere.own_documents(new.version)) == []
    judgement = elsewhere.of_texts(new, new, [])
    assert judgement.verdict.decision is Decision.MORE_DATA
    assert judgement.verdict.reasons == ("the rows that it was tested on are not kept",)


@pytest.mark.parametrize("part", ["train", "val"])
def test_where_one_has_met_every_row_nothing_is_measured(
    dataset: Dataset, trained: Trained, gatekeeper: Gatekeeper, part: str
) -> None:
    now, new = trained(dataset), trained(dataset)
    # As a file without ids has them.
    documents = [replace(one, id=f"line {at}") for at, one in enumerate(dataset.parts[part])]
    found = gatekeeper.of_texts(new, now, documents)
    assert (found.rows, found.left_out) == (0, len(documents))
    assert found.verdict.decision is Decision.MORE_DATA
    assert found.verdict.reasons[0].startswith("one of the two has met every row")


def test_where_a_snapshot_is_gone_rows_are_new_only_if_somebody_says_so(
    dataset: Dataset, more_data: Dataset, trained: Trained, gatekeeper: Gatekeeper
) -> None:
    now, new = trained(dataset), trained(more_data)
    shutil.rmtree(gatekeeper.datasets.save(dataset))
    documents = known_documents()
    wide = replace(gatekeeper, settings=PromotionSettings(margin=0.9, class_margin=1))
    found = wide.of_texts(new, now, documents)
    gone = f"{now.version.name}, whose snapshot samples/{dataset.snapshot_id} can't be read here"
    assert (found.verdict.decision, found.rows) == (Decision.MORE_DATA, 0)
    assert found.verdict.reasons == (f"it can't be told whether the rows are new to {gone}",)
    assert found.untold == (gone,)
    assumed = replace(wide, assume_new=True).of_texts(new, now, documents)
    assert assumed.verdict.decision is Decision.PROMOTE
    assert assumed.verdict.reasons[-1] == f"the rows are taken as new to {gone}"
    # What can be told is still heeded: the candidate has met these.
    met = len(more_data.parts["train"]) + len(more_data.parts["val"])
    assert (assumed.rows, assumed.left_out) == (len(documents) - met, met)
    assert assumed.untold == (gone,)


def test_rows_that_a_teacher_has_met_are_left_out(
    dataset: Dataset, more_data: Dataset, trained: Trained, gatekeeper: Gatekeeper
) -> None:
    teacher, new = trained(more_data), trained(dataset)
    named = f"{teacher.version.model}@{teacher.version.version}"
    documents = known_documents()

    def exposure(taught_by: str) -> Exposure:
        metadata = {**new.version.metadata, "teacher": taught_by}
        version = replace(new.version, metadata=metadata)
        return met_documents([version], gatekeeper.registry, gatekeeper.datasets, documents)

    both = {
        document.text
        for one in (dataset, more_data)
        for part in ("train", "val")
        for document in one.parts[part]
    }
    assert exposure(named) == Exposure([clean(one.text) in both for one in documents])
    assert exposure("shelf@v9.0.0").untold == (
        f"shelf@v9.0.0, which taught {new.version.name} and is not in this registry",
    )


def test_of_rows_of_a_table_too_it_must_be_told_who_met_them(
    trained_table: TrainedTable, gatekeeper: Gatekeeper
) -> None:
    frame = load_wine(as_frame=True).frame
    table = prepare_table(
        "wines", TableSource(frame, {"name": "bundled"}), TableRecipe(("target",)), now=NOW
    )
    now, new = trained_table(table, "linear"), trained_table(table, "forest")
    shutil.rmtree(gatekeeper.tables.save(table))
    found = gatekeeper.of_rows(new, now, frame)
    assert (found.verdict.decision, found.rows) == (Decision.MORE_DATA, 0)
    assert len(found.untold) == 2
    assert replace(gatekeeper, assume_new=True).of_rows(new, now, frame).rows == len(frame)


def test_a_class_may_be_added_and_not_lost(
    dataset: Dataset, trained: Trained, gatekeeper: Gatekeeper
) -> None:
    labels = LABELS | {"cs.CL"}
    recipe = PreparationRecipe(QualityRules(labels=labels), per_class=20)
    source = DocumentSource(sample_documents(), {"name": "samples"})
    three, four = trained(dataset), trained(prepare("more", source, recipe, now=NOW))
    documents = [one for one in sample_documents() if one.label in labels]
    found = gatekeeper.of_texts(four, three, documents)
    comparison = found.comparisons["accuracy"]
    assert isinstance(comparison, Comparison)
    assert {change.label for change in comparison.per_class} == set(LABELS)
    back = gatekeeper.of_texts(three, four, documents)
    assert back.verdict.decision is Decision.REJECT
    assert back.verdict.reasons == ("it no longer knows cs.CL",)


def test_rows_of_a_table_are_judged_target_by_target(
    trained_table: TrainedTable, gatekeeper: Gatekeeper
) -> None:
    frame = load_wine(as_frame=True).frame
    recipe = TableRecipe(("target",))
    table = prepare_table("wines", TableSource(frame, {"name": "bundled"}), recipe, now=NOW)
    now, new = trained_table(table, "linear"), trained_table(table, "forest")
    found = gatekeeper.of_rows(new, now, frame)
    assert set(found.comparisons) == {"target"}
    assert found.left_out == len(table.table.parts["train"]) + len(table.table.parts["val"])
    assert found.rows == len(frame) - found.left_out
    assert gatekeeper.of_rows(new, now, gatekeeper.own_rows(new.version)).left_out == 0
    assert gatekeeper.of_rows(new, now, None).verdict.decision is Decision.MORE_DATA


def test_numbers_are_judged_by_their_error(
    trained_table: TrainedTable, gatekeeper: Gatekeeper
) -> None:
    frame = load_diabetes(as_frame=True).frame
    asked = TableRecipe(("target",), task=Task.REGRESSION)
    rows, frame = frame[:150], frame[150:]
    table = prepare_table("sugar", TableSource(frame, {"name": "bundled"}), asked, now=NOW)
    spoiled = frame.assign(target=frame["target"].sample(frac=1, random_state=1).to_numpy())
    odd = prepare_table("spoiled", TableSource(spoiled, {"name": "bundled"}), asked, now=NOW)
    now, new = trained_table(table, "linear"), trained_table(odd, "linear")
    found = gatekeeper.of_rows(new, now, rows)
    assert found.verdict.decision is Decision.REJECT
    assert "mean absolute error of target, less -" in found.verdict.reasons[0]
    back = gatekeeper.of_rows(now, new, rows)
    assert back.verdict.decision is Decision.PROMOTE
    assert "better than production" in back.verdict.reasons[0]
    few = gatekeeper.of_rows(now, new, rows[:99])
    assert few.verdict.decision is Decision.MORE_DATA
    assert few.verdict.reasons == ("99 rows are too few: 100 at least",)


def test_other_questions_are_not_compared(
    trained_table: TrainedTable, gatekeeper: Gatekeeper
) -> None:
    tables = [
        prepare_table("of", TableSource(frame, {"name": "bundled"}), recipe, now=NOW)
        for frame, recipe in (
            (load_wine(as_frame=True).frame, TableRecipe(("target",))),
            (load_diabetes(as_frame=True).frame, TableRecipe(("bmi",), task=Task.REGRESSION)),
        )
    ]
    now, new = (trained_table(table, "linear") for table in tables)
    found = gatekeeper.of_rows(new, now, load_wine(as_frame=True).frame)
    assert found.verdict.decision is Decision.REJECT
    assert found.verdict.reasons == ("it predicts other targets or classes",)
