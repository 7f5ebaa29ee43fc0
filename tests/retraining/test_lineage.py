"""A version leads back to its sources, and a document on to the versions that used it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from classmark.datasets import Dataset, DatasetStore, origin_of
from classmark.documents import Document
from classmark.registry import Lineage, RegisteredVersion, Registry, VersionDraft
from classmark.retraining import (
    Link,
    Role,
    learned_before,
    trace_document,
    trace_version,
)
from classmark.retraining.lineage import is_known_as, trace_source

# Dataset, whether the version names its snapshot -> a version that learned from it.
Register = Callable[..., RegisteredVersion]


@pytest.fixture
def datasets(tmp_path: Path) -> DatasetStore:
    return DatasetStore(tmp_path / "data")


@pytest.fixture
def sourced(dataset: Dataset, tmp_path: Path) -> Dataset:
    """The dataset as if it had been prepared from a file."""
    path = tmp_path / "papers.jsonl"
    path.write_text("papers")
    return replace(dataset, source=origin_of(path))


@pytest.fixture
def register(artifact: Path, registry: Registry) -> Register:
    def make(dataset: Dataset, *, names_snapshot: bool = True) -> RegisteredVersion:
        told = {"name": dataset.name, "fingerprint": dataset.fingerprint}
        told |= {"snapshot": dataset.snapshot_id} if names_snapshot else {}
        lineage = Lineage("linear", dataset.labels, dataset.fingerprint)
        metadata = {"dataset": {**told, "source": dict(dataset.source)}}
        return registry.register(VersionDraft("shelves", artifact, lineage, metadata))

    return make


@pytest.mark.parametrize("names_snapshot", [True, False])
def test_an_unbroken_chain_is_followed_to_the_file(
    sourced: Dataset, datasets: DatasetStore, register: Register, names_snapshot: bool
) -> None:
    datasets.save(sourced)
    found = trace_version(register(sourced, names_snapshot=names_snapshot), datasets)
    assert (found.name, found.snapshot_id) == ("samples", sourced.snapshot_id)
    assert found.fingerprint == sourced.fingerprint
    assert (found.link, found.source.link) == (Link.INTACT, Link.INTACT)
    assert found.source.origin == sourced.source
    assert found.dataset is not None
    assert found.dataset.recipe == sourced.recipe


def test_a_newer_snapshot_of_the_same_name_is_not_mistaken_for_it(
    sourced: Dataset, more_data: Dataset, datasets: DatasetStore, register: Register
) -> None:
    datasets.save(sourced)
    datasets.save(more_data)
    for names_snapshot in (True, False):
        version = register(sourced, names_snapshot=names_snapshot)
        assert trace_version(version, datasets).snapshot_id == sourced.snapshot_id


@pytest.mark.parametrize("names_snapshot", [True, False])
def test_a_deleted_snapshot_is_told_and_its_source_still_looked_at(
    sourced: Dataset, datasets: DatasetStore, register: Register, names_snapshot: bool
) -> None:
    folder = datasets.save(sourced)
    version = register(sourced, names_snapshot=names_snapshot)
    shutil.rmtree(folder)
    found = trace_version(version, datasets)
    assert (found.link, found.dataset) == (Link.GONE, None)
    assert found.snapshot_id == (sourced.snapshot_id if names_snapshot else None)
    assert found.source.link is Link.INTACT


def test_a_damaged_snapshot_is_told(
    sourced: Dataset, datasets: DatasetStore, register: Register
) -> None:
    folder = datasets.save(sourced)
    shutil.copy(folder / "val.json.gz", folder / "test.json.gz")
    found = trace_version(register(sourced), datasets)
    assert (found.link, found.dataset) == (Link.CHANGED, None)


def test_a_file_that_changed_or_went_is_told(tmp_path: Path) -> None:
    path = tmp_path / "papers.jsonl"
    path.write_text("then")
    origin = origin_of(path)
    assert trace_source(origin).link is Link.INTACT
    path.write_text("now")
    changed = trace_source(origin)
    assert (changed.link, changed.sha256_now) == (Link.CHANGED, origin_of(path)["sha256"])
    path.unlink()
    assert trace_source(origin).link is Link.GONE
    assert trace_source({"name": "hf:ag_news"}).link is Link.UNCHECKED


def test_what_a_version_did_with_a_document_follows_from_its_part(
    dataset: Dataset, datasets: DatasetStore, register: Register, registry: Registry
) -> None:
    datasets.save(dataset)
    version = register(dataset)
    roles = {"train": Role.LEARNED, "val": Role.TUNED, "test": Role.TESTED}
    for part, role in roles.items():
        document = dataset.parts[part][0]
        found = trace_document(document.id, datasets, registry.versions("shelves"))
        (holding,) = found.holdings
        assert (holding.dataset, holding.snapshot_id) == ("samples", dataset.snapshot_id)
        assert (holding.part, holding.document) == (part, document)
        assert [(use.version, use.role) for use in found.uses] == [(version, role)]
        assert (found.unknown, found.damaged) == ([], [])


def test_the_same_rows_under_another_name_are_the_same_document_learned(
    dataset: Dataset, datasets: DatasetStore, register: Register
) -> None:
    datasets.save(replace(dataset, name="copy"))
    datasets.save(dataset)
    version = register(dataset)
    found = trace_document(dataset.parts["train"][0].id, datasets, [version])
    assert [holding.dataset for holding in found.holdings] == ["copy", "samples"]
    assert [(use.version, use.role) for use in found.uses] == [(version, Role.LEARNED)]


def test_a_document_that_only_a_newer_snapshot_holds_was_not_learned_before(
    dataset: Dataset, more_data: Dataset, datasets: DatasetStore, register: Register
) -> None:
    datasets.save(dataset)
    datasets.save(more_data)
    before, after = register(dataset), register(more_data)
    known = {document.id for part in dataset.parts.values() for document in part}
    new = next(d for part in more_data.parts.values() for d in part if d.id not in known)
    found = trace_document(new.id, datasets, [before, after])
    assert [use.version for use in found.uses] == [after]
    assert found.unknown == []


def test_versions_whose_snapshot_is_gone_or_damaged_are_named(
    dataset: Dataset, more_data: Dataset, datasets: DatasetStore, register: Register
) -> None:
    folders = [datasets.save(dataset), datasets.save(more_data)]
    versions = [register(dataset), register(more_data)]
    shutil.rmtree(folders[0])
    (folders[1] / "test.json.gz").write_bytes(b"no gzip")
    found = trace_document("anything", datasets, versions)
    assert (found.holdings, found.uses) == ([], [])
    assert found.unknown == versions
    assert found.damaged == [f"samples/{more_data.snapshot_id}"]


@pytest.mark.parametrize(
    "asked", ["2101.00001v1", "arxiv:2101.00001", "2101.00001", "10.1/AbC", "DOI:10.1/abc", " 77 "]
)
def test_a_document_is_known_by_each_of_its_ids(asked: str) -> None:
    ids = ("arxiv:2101.00001", "doi:10.1/abc", "pmid:77")
    assert is_known_as(Document("2101.00001v1", "text", ids=ids), asked)


@pytest.mark.parametrize("asked", ["", "7", "arxiv:", "doi", "arxiv:10.1/abc", "2101.0000"])
def test_a_document_is_not_known_by_parts_of_its_ids(asked: str) -> None:
    ids = ("arxiv:2101.00001", "doi:10.1/abc", "pmid:77")
    assert not is_known_as(Document("2101.00001v1", "text", ids=ids), asked)


def test_documents_that_a_version_learned_from_are_counted(
    dataset: Dataset, datasets: DatasetStore, register: Register
) -> None:
    folder = datasets.save(dataset)
    version = register(dataset)
    train, test = list(dataset.parts["train"]), list(dataset.parts["test"])
    assert learned_before(version, datasets, test) == [False] * len(test)
    found = learned_before(version, datasets, [*train[:7], *test])
    assert found == [True] * 7 + [False] * len(test)
    assert learned_before(version, datasets, test, ("train", "test")) == [True] * len(test)
    shutil.rmtree(folder)
    assert learned_before(version, datasets, train) is None


def test_what_was_learned_can_not_be_told_of_a_snapshot_that_is_another_one(
    dataset: Dataset, datasets: DatasetStore, register: Register
) -> None:
    datasets.save(dataset)
    version = register(dataset)
    told = {**version.metadata["dataset"], "fingerprint": "00" * 32}
    other = replace(version, metadata={**version.metadata, "dataset": told})
    assert learned_before(other, datasets, list(dataset.parts["train"])) is None


def test_what_was_learned_can_not_be_told_of_cleaning_that_is_not_known(
    dataset: Dataset, datasets: DatasetStore, register: Register
) -> None:
    odd = replace(dataset, recipe={**dataset.recipe, "cleaning": ["unicode@99"]})
    datasets.save(odd)
    assert learned_before(register(odd), datasets, list(dataset.parts["train"])) is None


def test_a_document_is_learned_as_it_came_or_cleaned(
    dataset: Dataset, datasets: DatasetStore, register: Register
) -> None:
    datasets.save(dataset)
    first = dataset.parts["train"][0]
    raw = replace(first, text=f"  {first.text} https://example.org/x  ")
    other = replace(first, text="Another text under the same id.")
    without_id = replace(raw, id="a content's digest")
    found = learned_before(register(dataset), datasets, [raw, other, without_id])
    assert found == [True, False, True]
