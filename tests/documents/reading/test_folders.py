"""Records out of a folder of text files, a folder for each label."""

import os
from pathlib import Path

import pytest

from classmark.documents import Document, Fields, read_documents
from classmark.documents.reading.record import LONGEST_RECORD_BYTES
from classmark.errors import RecordError, SourceError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Texts on cats and dogs."""
    root = tmp_path / "animals"
    for name, text in {
        "cats/b.txt": "Purrs.",
        "cats/a.txt": "Hunts mice.",
        "cats/wild/lynx.TXT": "\ufeffHas Ł tufts.\n",
        "dogs/a.txt": "Barks.",
        ".git/config": "hidden",
        "dogs/.DS_Store": "\x00\xff",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def refusal(folder: Path) -> str:
    with pytest.raises(SourceError) as refused:
        list(read_documents(folder))
    return str(refused.value)


def test_each_text_is_a_document_of_its_folder_s_label(folder: Path) -> None:
    assert list(read_documents(folder)) == [
        Document(id="cats/a.txt", text="Hunts mice.", label="cats"),
        Document(id="cats/b.txt", text="Purrs.", label="cats"),
        Document(id="cats/wild/lynx.TXT", text="Has Ł tufts.", label="cats"),
        Document(id="dogs/a.txt", text="Barks.", label="dogs"),
    ]


def test_folders_may_name_several_labels(folder: Path) -> None:
    (folder / "dogs").rename(folder / "dogs, pets")
    last = list(read_documents(folder, Fields(multi_label=True)))[-1]
    assert (last.label, last.labels) == ("dogs", ("dogs", "pets"))


def test_a_text_of_nothing_is_named(folder: Path) -> None:
    (folder / "dogs" / "b.txt").write_text(" \n")
    with pytest.raises(RecordError, match=r"dogs/b\.txt: no text in 'text'"):
        list(read_documents(folder))


def test_a_text_that_is_none_is_named(folder: Path) -> None:
    path = folder / "dogs" / "b.txt"
    for content, told in (
        ("é".encode("latin-1"), f"{path} is not UTF-8 (byte 1)"),
        ("été".encode("utf-16"), f"{path} is not UTF-8 (byte 1)"),
        (b"a\0b", f"{path} is not text: it has NUL bytes"),
        (b"x" * (LONGEST_RECORD_BYTES + 1), f"{path} is longer than 16 MiB"),
    ):
        path.write_bytes(content)
        assert told in refusal(folder)


def test_a_folder_without_two_labels_is_refused(tmp_path: Path, folder: Path) -> None:
    assert "holds one folder alone (wild)" in refusal_of_only(tmp_path, folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert f"{empty} holds nothing" in refusal(empty)
    (empty / ".hidden").mkdir()
    assert f"{empty} holds nothing" in refusal(empty)


def refusal_of_only(tmp_path: Path, folder: Path) -> str:
    only = tmp_path / "only"
    only.mkdir()
    (folder / "cats" / "wild").rename(only / "wild")
    return refusal(only)


def test_a_label_without_texts_is_refused(folder: Path) -> None:
    (folder / "eels" / "deep").mkdir(parents=True)
    assert f"{folder / 'eels'} holds no .txt file" in refusal(folder)


def test_a_file_beside_the_labels_is_refused(folder: Path) -> None:
    (folder / "README.md").write_text("On animals.")
    told = refusal(folder)
    assert "holds more than folders: README.md" in told
    assert f"hf:{folder}" in told


def test_a_file_that_is_no_text_is_refused_and_never_left_out(folder: Path) -> None:
    (folder / "cats" / "c.pdf").write_bytes(b"%PDF")
    assert f"{folder / 'cats' / 'c.pdf'} is no .txt file" in refusal(folder)


@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "cats" / "c.txt")
    assert "c.txt is no .txt file" in refusal(folder)


def test_links_are_followed_inside_the_folder_alone(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_text("Nobody else's business.")
    link = folder / "dogs" / "link.txt"
    link.symlink_to("../cats/a.txt")
    assert [d.text for d in read_documents(folder)].count("Hunts mice.") == 2
    for target in (outside, tmp_path, Path(".."), Path("nowhere.txt")):
        link.unlink()
        link.symlink_to(target)
        assert f"{link} is a link that is not followed" in refusal(folder)
    link.unlink()
    (folder / "eels").symlink_to(folder / "cats")
    assert "eels is a link that is not followed" in refusal(folder)


def test_a_folder_that_is_a_link_is_read(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert len(list(read_documents(link))) == 4


@pytest.mark.parametrize("name", [b"caf\xe9.txt", b"line\nbreak.txt", b"\x1b[31m.txt"])
def test_a_name_that_can_t_be_shown_is_refused(name: bytes, folder: Path) -> None:
    (folder / "cats" / os.fsdecode(name)).write_text("Purrs.")
    told = refusal(folder)
    assert f"A name in {folder / 'cats'} is not UTF-8 or has characters that don't print" in told
    assert told.isprintable()
