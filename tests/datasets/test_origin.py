"""What a dataset came from can be told again."""

import os
from pathlib import Path

import pytest

from classmark.datasets import origin_of
from classmark.errors import SourceError


def test_a_file_is_known_by_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"abc")
    assert origin_of(file) == {
        "path": str(file),
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }


def test_a_folder_is_known_by_its_files_and_their_places(tmp_path: Path) -> None:
    def digest(**files: str) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in files.items():
            path = folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return origin_of(folder)["sha256"]

    first = digest(a__one="x", b__two="y")
    assert digest(b__two="y", a__one="x") == first
    assert digest(a__one="x", b__two="z") != first
    assert digest(a__one="x", c__two="y") != first
    assert digest(a__one="x") != first


def test_hidden_files_play_no_part(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    before = origin_of(tmp_path)
    (tmp_path / ".hidden").write_text("y")
    assert origin_of(tmp_path) == before


def test_what_is_no_file_has_a_name(tmp_path: Path) -> None:
    assert origin_of("hf:ag_news") == {"name": "hf:ag_news"}
    (tmp_path / "a").write_text("x")
    local = origin_of(f"hf:{tmp_path}@test")
    assert local["name"] == f"hf:{tmp_path}@test"
    assert local["sha256"] == origin_of(tmp_path)["sha256"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_can_t_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("x")
    file.chmod(0)
    with pytest.raises(SourceError, match=r"a\.txt"):
        origin_of(tmp_path)
