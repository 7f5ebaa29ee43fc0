"""`classmark lineage` tells where a version comes from and what became of a document."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from classmark.datasets import DatasetStore

Done = subprocess.CompletedProcess[str]
Classmark = Callable[..., Done]
Lineage = Callable[..., tuple[dict[str, Any], Done]]


@pytest.fixture
def lineage(classmark: Classmark, tmp_path: Path) -> Lineage:
    def run(*arguments: object) -> tuple[dict[str, Any], Done]:
        path = tmp_path / "result.json"
        done = classmark("lineage", *arguments, "--json", path)
        assert done.returncode == 0, done.stderr
        return json.loads(path.read_bytes()), done

    return run


def test_a_version_leads_to_its_snapshot_and_its_file(
    lineage: Lineage, shelf: Path, papers: Path
) -> None:
    found, done = lineage("shelf@v1.0.1", "--home", shelf)
    assert found["version"]["name"] == "shelf_v1.0.1"
    assert found["version"]["status"] == "production"
    assert found["version"]["hyperparameters"]["longest_ngram"] == 1
    dataset = DatasetStore(shelf / "data").load("papers")
    assert found["snapshot"]["snapshot"] == dataset.snapshot_id
    assert found["snapshot"]["fingerprint"] == dataset.fingerprint
    assert found["snapshot"]["sizes"] == {"train": 48, "val": 6, "test": 6}
    assert found["snapshot"]["link"] == found["source"]["link"] == "intact"
    assert found["source"]["path"] == str(papers)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("shelf_v1.0.1 (production, registered 20")
    assert f"  dataset papers, snapshot {dataset.snapshot_id}: kept, and whole" in lines
    assert f"    from {papers}: unchanged" in lines
    assert f"      SHA-256 then: {found['source']['sha256']}" in lines


def test_a_source_that_changed_since_is_told(
    classmark: Classmark, lineage: Lineage, papers: Path, tmp_path: Path
) -> None:
    home, copy = tmp_path / "home", tmp_path / "papers.jsonl"
    shutil.copy(papers, copy)
    for command in (
        ("prepare", copy, "--name", "papers"),
        ("train", "papers", "--model", "shelf", "--family", "linear"),
    ):
        assert classmark(*command, "--home", home).returncode == 0
    copy.write_bytes(copy.read_bytes() + b"\n")
    found, done = lineage("shelf@latest", "--home", home)
    assert found["source"]["link"] == "changed"
    assert found["source"]["sha256_now"] != found["source"]["sha256"]
    assert f"    from {copy}: changed since" in done.stdout
    assert f"      SHA-256 now:  {found['source']['sha256_now']}" in done.stdout
    copy.unlink()
    found, done = lineage("shelf@latest", "--home", home)
    assert found["source"]["link"] == "gone"
    assert f"    from {copy}: gone, or not to be found" in done.stdout


def test_a_snapshot_that_was_deleted_is_told_and_what_is_remembered_of_it_shown(
    lineage: Lineage, home: Path
) -> None:
    shutil.rmtree(home / "data" / "snapshots")
    found, done = lineage("shelf@v1.0.0", "--document", "sample-cs-ai-01", "--home", home)
    assert found["snapshot"]["link"] == "gone"
    assert found["snapshot"]["sizes"] == {"train": 48, "val": 6, "test": 6}
    assert found["snapshot"]["recipe"]["seed"] == 42
    assert found["source"]["link"] == "intact"
    assert ": not kept: it was deleted, or lies in another home" in done.stdout
    assert found["document"]["unknown"] == ["shelf_v1.0.0"]
    assert "it can't be told, as their snapshot is not kept: shelf_v1.0.0." in done.stderr


@pytest.mark.parametrize(
    ("part", "role"), [("train", "learned from"), ("val", "tuned on"), ("test", "tested on")]
)
def test_a_document_leads_to_the_versions_that_used_it(
    lineage: Lineage, shelf: Path, part: str, role: str
) -> None:
    document = DatasetStore(shelf / "data").load("papers").parts[part][0]
    found, done = lineage("--document", document.id, "--home", shelf)
    (holding,) = found["document"]["holdings"]
    assert (holding["part"], holding["label"]) == (part, document.label)
    assert [(use["version"], use["role"]) for use in found["document"]["uses"]] == [
        ("shelf_v1.0.0", role),
        ("shelf_v1.0.1", role),
    ]
    assert f"shelf_v1.0.1 (production) {role} {document.id}" in done.stdout
    assert "version" not in found


def test_with_a_version_a_document_is_traced_for_it_alone(lineage: Lineage, shelf: Path) -> None:
    document = DatasetStore(shelf / "data").load("papers").parts["train"][0]
    found, _ = lineage("shelf@v1.0.0", "--document", document.id.upper(), "--home", shelf)
    assert [use["version"] for use in found["document"]["uses"]] == ["shelf_v1.0.0"]
    assert found["version"]["name"] == "shelf_v1.0.0"


def test_a_document_that_stands_nowhere_is_no_error(lineage: Lineage, shelf: Path) -> None:
    found, done = lineage("--document", "doi:10.1/nothing", "--home", shelf)
    assert found["document"]["holdings"] == found["document"]["uses"] == []
    assert done.stdout == "doi:10.1/nothing stands in no snapshot that is kept.\n"


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        ((), 2, "Neither a version nor a document is named."),
        (("shelf",), 2, "does not say which version"),
        (("shelf@v9.0.0",), 3, "no version v9.0.0"),
        (("other@latest",), 3, "no model 'other'"),
    ],
)
def test_what_can_not_be_is_told(
    inside: Classmark, shelf: Path, given: tuple[str, ...], code: int, told: str
) -> None:
    done = inside("lineage", *given, "--home", shelf)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
