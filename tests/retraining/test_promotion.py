"""A candidate beside production: on rows that are new to both, of classes that both know."""

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
from classmark.documents import Document, QualityRules, sample_documents
from classmark.evaluation import Comparison
from classmark.models import load_table_predictor
from classmark.progress import Silent
from classmark.registry import Decision, ModelReference, PromotionSettings, Registry
from classmark.retraining import (
    Gatekeeper,
    VersionRequest,
    learned_before,
    train_table_version,
    train_version,
)
from classmark.serving import LoadedTableVersion, ServedModel, load_served_model
from classmark.training import Reliability, TrainingRecipe

Trained = Callable[..., ServedModel]
TrainedTable = Callable[..., LoadedTableVersion]


@pytest.fixture
def gatekeeper(tmp_path: Path) -> Gatekeeper:
    folder = tmp_path / "data"
    return Gatekeeper(PromotionSettings(), DatasetStore(folder), TableStore(folder), 1, Silent())


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
    learned = sum(learned_before(now.version, gatekeeper.datasets, documents))
    assert learned > 20
    assert (found.rows, found.left_out) == (len(documents) - learned, learned)
    # The same answers to 75 documents don't show that less than one in a hundred is lost.
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


def test_where_one_learned_from_every_row_nothing_is_measured(
    dataset: Dataset, trained: Trained, gatekeeper: Gatekeeper
) -> None:
    now, new = trained(dataset), trained(dataset)
    found = gatekeeper.of_texts(new, now, list(dataset.parts["train"]))
    assert (found.rows, found.left_out) == (0, len(dataset.parts["train"]))
    assert found.verdict.decision is Decision.MORE_DATA
    assert found.verdict.reasons[0].startswith("one of the two learned from every row")


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
    assert found.left_out == len(table.table.parts["train"])
    assert found.rows == len(frame) - found.left_out
    assert gatekeeper.of_rows(new, now, gatekeeper.own_rows(new.version)).left_out == 0
    assert gatekeeper.of_rows(new, now, None).verdict.decision is Decision.MORE_DATA


def test_numbers_are_judged_by_their_error(
    trained_table: TrainedTable, gatekeeper: Gatekeeper
) -> None:
    frame = load_diabetes(as_frame=True).frame
    asked = TableRecipe(("target",), task=Task.REGRESSION)
    table = prepare_table("sugar", TableSource(frame, {"name": "bundled"}), asked, now=NOW)
    spoiled = frame.assign(target=frame["target"].sample(frac=1, random_state=1).to_numpy())
    odd = prepare_table("spoiled", TableSource(spoiled, {"name": "bundled"}), asked, now=NOW)
    now, new = trained_table(table, "linear"), trained_table(odd, "linear")
    rows = gatekeeper.own_rows(now.version)
    found = gatekeeper.of_rows(new, now, rows)
    assert found.verdict.decision is Decision.REJECT
    assert "mean absolute error of target, less -" in found.verdict.reasons[0]
    back = gatekeeper.of_rows(now, new, rows)
    assert back.verdict.decision is Decision.PROMOTE
    assert "better than production" in back.verdict.reasons[0]


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
