"""The manifest: one byte of any file, and the version is refused."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from classmark.errors import TamperedVersionError
from classmark.registry import (
    MANIFEST,
    ModelReference,
    Registry,
    VersionDraft,
    verify_manifest,
    write_manifest,
)
from classmark.registry.integrity import manifest_digest

Draft = Callable[..., VersionDraft]
# What is done to a version's folder -> the file that the error must name.
Tampering = Callable[[Path], str]


@pytest.fixture
def version(artifact: Path, tmp_path: Path) -> Path:
    """A whole version, with a folder in it."""
    folder = tmp_path / "shelves_v1.0.0"
    shutil.copytree(artifact, folder)
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer" / "merges.txt").write_bytes(b"a b\n")
    (folder / "empty.txt").touch()
    write_manifest(folder)
    return folder


@pytest.fixture
def digest(version: Path) -> str:
    return manifest_digest(version)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def refusal(folder: Path, digest: str) -> str:
    with pytest.raises(TamperedVersionError) as told:
        verify_manifest(folder, digest)
    assert str(folder) in told.value.message
    assert "Never use it" in told.value.remedy
    return told.value.message


def test_a_version_as_it_was_registered_passes(version: Path, digest: str) -> None:
    verify_manifest(version, digest)


def test_the_manifest_lists_every_other_file(version: Path) -> None:
    manifest = orjson.loads((version / MANIFEST).read_bytes())
    assert manifest["algorithm"] == "sha256"
    assert set(manifest["files"]) == {
        path.relative_to(version).as_posix() for path in files(version) if path.name != MANIFEST
    }


def test_one_flipped_bit_in_any_file_is_seen_and_the_file_named(version: Path, digest: str) -> None:
    randomness = random.Random(42)  # noqa: S311 (places to tamper with)
    for path in files(version):
        content = path.read_bytes()
        for _ in range(min(len(content), 40)):
            offset, bit = randomness.randrange(len(content)), 1 << randomness.randrange(8)
            changed = bytearray(content)
            changed[offset] ^= bit
            path.write_bytes(changed)
            assert f"{path.name} was changed" in refusal(version, digest), (path, offset)
        path.write_bytes(content)
    verify_manifest(version, digest)


def test_every_byte_of_the_manifest_counts(version: Path, digest: str) -> None:
    path = version / MANIFEST
    content = path.read_bytes()
    for offset in range(len(content)):
        path.write_bytes(content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :])
        assert f"{MANIFEST} was changed" in refusal(version, digest)


def test_a_file_that_is_cut_short_is_seen(version: Path, digest: str) -> None:
    for path in files(version):
        content = path.read_bytes()
        for length in {0, len(content) // 2, len(content) - 1} - {-1, len(content)}:
            path.write_bytes(content[:length])
            assert f"{path.name} was changed" in refusal(version, digest)
        path.write_bytes(content)


def test_a_file_that_grew_is_seen(version: Path, digest: str) -> None:
    for path in files(version):
        content = path.read_bytes()
        path.write_bytes(content + b"\n")
        assert f"{path.name} was changed" in refusal(version, digest)
        path.write_bytes(content)


def test_a_missing_file_is_named(version: Path, digest: str) -> None:
    for path in files(version):
        content = path.read_bytes()
        path.unlink()
        message = refusal(version, digest)
        assert path.name in message
        assert "is missing" in message or "No such file" in message
        path.write_bytes(content)


def extra_file(folder: Path) -> str:
    (folder / "extra.bin").write_bytes(b"x")
    return "extra.bin does not belong to it"


def hidden_file(folder: Path) -> str:
    (folder / ".hidden").touch()
    return ".hidden does not belong to it"


def extra_file_in_a_folder(folder: Path) -> str:
    (folder / "deep").mkdir()
    (folder / "deep" / MANIFEST).write_bytes((folder / MANIFEST).read_bytes())
    return f"deep/{MANIFEST} does not belong to it"


def renamed_file(folder: Path) -> str:
    (folder / "config.json").rename(folder / "Config.json")
    return "config.json is missing; Config.json does not belong to it"


def swapped_files(folder: Path) -> str:
    one, other = folder / "config.json", folder / "label_map.json"
    one_content, other_content = one.read_bytes(), other.read_bytes()
    one.write_bytes(other_content)
    other.write_bytes(one_content)
    return "config.json was changed; label_map.json was changed"


def link_to_the_same_bytes(folder: Path) -> str:
    elsewhere = folder.parent / "elsewhere.json"
    (folder / "config.json").rename(elsewhere)
    (folder / "config.json").symlink_to(elsewhere)
    return "config.json is a link"


def link_to_a_folder(folder: Path) -> str:
    (folder / "tokenizer").rename(folder.parent / "tokenizer")
    (folder / "tokenizer").symlink_to(folder.parent / "tokenizer")
    return "tokenizer is a link"


def link_to_nowhere(folder: Path) -> str:
    (folder / "tokenizer" / "more").symlink_to("nowhere")
    return "tokenizer/more is a link"


def link_instead_of_the_manifest(folder: Path) -> str:
    (folder / MANIFEST).rename(folder.parent / MANIFEST)
    (folder / MANIFEST).symlink_to(folder.parent / MANIFEST)
    return f"{MANIFEST} is a link"


def pipe(folder: Path) -> str:
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    return "config.json is a link or no plain file"


def folder_instead_of_a_file(folder: Path) -> str:
    (folder / "config.json").unlink()
    (folder / "config.json").mkdir()
    return "config.json is missing"


def folder_instead_of_the_manifest(folder: Path) -> str:
    (folder / MANIFEST).unlink()
    (folder / MANIFEST).mkdir()
    return f"{MANIFEST} can't be read"


def manifest_written_anew_after_a_change(folder: Path) -> str:
    (folder / "config.json").write_bytes(b"{}")
    (folder / MANIFEST).unlink()
    write_manifest(folder)
    return f"{MANIFEST} was changed"


def manifest_that_is_no_manifest(folder: Path) -> str:
    (folder / MANIFEST).write_bytes(b"[]")
    return f"{MANIFEST} was changed"


def nothing_left(folder: Path) -> str:
    shutil.rmtree(folder)
    return "its folder is not there"


@pytest.mark.parametrize(
    "tampering",
    [
        *(extra_file, hidden_file, extra_file_in_a_folder, renamed_file, swapped_files),
        *(link_to_the_same_bytes, link_to_a_folder, link_to_nowhere, link_instead_of_the_manifest),
        *(pipe, folder_instead_of_a_file, folder_instead_of_the_manifest),
        *(manifest_written_anew_after_a_change, manifest_that_is_no_manifest, nothing_left),
    ],
)
def test_tampering_is_seen_and_named(tampering: Tampering, version: Path, digest: str) -> None:
    named = tampering(version)
    assert named in refusal(version, digest)


def test_the_version_of_another_manifest_is_refused(registry: Registry, draft: Draft) -> None:
    first, second = registry.register(draft()), registry.register(draft())
    shutil.rmtree(first.folder)
    shutil.copytree(second.folder, first.folder)
    with pytest.raises(TamperedVersionError, match=f"{MANIFEST} was changed"):
        registry.verify(ModelReference.parse("shelves@v1.0.0"))
    assert registry.verify(ModelReference.parse("shelves@v1.0.1")) == second


def test_a_tampered_version_is_neither_promoted_nor_rolled_back_to(
    registry: Registry, draft: Draft
) -> None:
    first, second = registry.register(draft()), registry.register(draft())
    registry.promote(ModelReference("shelves", first.version))
    registry.promote(ModelReference("shelves", second.version))
    before = registry.history("shelves")
    (first.folder / "config.json").write_bytes(b"{}")
    with pytest.raises(TamperedVersionError, match=r"config\.json"):
        registry.rollback("shelves")
    third = registry.register(draft())
    (third.folder / "config.json").write_bytes(b"{}")
    with pytest.raises(TamperedVersionError, match=r"config\.json"):
        registry.promote(ModelReference("shelves", third.version))
    assert registry.history("shelves")[:-1] == before
    assert registry.resolve(ModelReference.parse("shelves@production")).version == second.version
