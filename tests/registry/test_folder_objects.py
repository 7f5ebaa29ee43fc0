"""What may lie in a folder that is shared, and must lead nobody astray."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from classmark.errors import TamperedVersionError, UnavailableError
from classmark.registry import Status, Version
from classmark.registry.claims import Claim, Claims
from classmark.registry.folder_objects import FolderObjects
from classmark.registry.objects import INNER, LARGEST_SMALL_OBJECT
from classmark.registry.records import RegisteredVersion

KEY = "shelves/production.json"
FIRST = Version(1, 0, 0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "storage").mkdir()
    return tmp_path / "storage"


@pytest.fixture
def objects(root: Path) -> FolderObjects:
    return FolderObjects(root)


def test_a_folder_that_cannot_be_listed_is_no_empty_one(objects: FolderObjects) -> None:
    assert objects.listed("nobody/") == []
    with pytest.raises(UnavailableError, match="can't be used"):
        objects.listed(f"{'x' * 300}/")


@pytest.mark.parametrize("link", ["shelves", ".storage"])
def test_no_folder_leads_out_of_the_storage(
    objects: FolderObjects, root: Path, tmp_path: Path, link: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "production.json").write_bytes(b"{}")
    (root / link).symlink_to(outside)
    name = INNER if link == ".storage" else "shelves/"
    asked: list[Any] = [lambda: objects.create(KEY, b"ours"), lambda: objects.listed(name)]
    if link == "shelves":
        asked += [lambda: objects.read(KEY), lambda: objects.digest(KEY)]
        asked += [lambda: objects.replace(KEY, b"ours", "tag"), lambda: objects.remove([KEY])]
    for ask in asked:
        with pytest.raises(UnavailableError, match="leads out of"):
            ask()
    assert [path.name for path in outside.iterdir()] == ["production.json"]
    assert (outside / "production.json").read_bytes() == b"{}"


def test_a_pipe_is_not_waited_for(objects: FolderObjects, root: Path) -> None:
    (root / "shelves").mkdir()
    os.mkfifo(root / KEY)
    with pytest.raises(UnavailableError, match="no plain file"):
        objects.read(KEY)


def test_what_is_far_too_large_is_not_read(objects: FolderObjects, root: Path) -> None:
    (root / "shelves").mkdir()
    (root / KEY).touch()
    os.truncate(root / KEY, LARGEST_SMALL_OBJECT + 1)
    with pytest.raises(UnavailableError, match="too large"):
        objects.read(KEY)


class Losing(FolderObjects):
    """Others are quicker, so many times."""

    def __init__(self, root: Path, times: int) -> None:
        super().__init__(root)
        self._left = times

    def replace(self, key: str, content: bytes, tag: str) -> bool:
        self._left -= 1
        return self._left < 0 and super().replace(key, content, tag)


def claims(objects: FolderObjects) -> Claims:
    return Claims(objects, lambda: datetime.now(UTC))


def version(folder: Path) -> RegisteredVersion:
    now = datetime.now(UTC)
    return RegisteredVersion(
        "shelves", FIRST, Status.TESTING, now, folder / "shelves_v1.0.0", "aa", {}
    )


def test_a_number_goes_on_standing_for_its_bytes_whoever_races(
    objects: FolderObjects, root: Path
) -> None:
    claims(objects).take(version(root))
    claims(Losing(root, 3)).mark_published("shelves", FIRST, "aa")
    kept = claims(objects).find("shelves", FIRST)
    assert kept is not None
    assert kept.was_published
    # Once it is so, there is nothing to win.
    claims(Losing(root, 99)).mark_published("shelves", FIRST, "aa")


def test_who_always_loses_is_told(objects: FolderObjects, root: Path) -> None:
    claims(objects).take(version(root))
    with pytest.raises(UnavailableError, match=r"Others change shelves_v1\.0\.0"):
        claims(Losing(root, 99)).mark_published("shelves", FIRST, "aa")


def test_a_clearing_ends_whoever_races(objects: FolderObjects, root: Path) -> None:
    claims(objects).take(version(root))
    buried = claims(objects).bury("shelves", FIRST, datetime.now(UTC))
    assert buried is not None
    published = Claim(buried.digest, buried.at, was_published=True)
    claims(Losing(root, 3)).release("shelves", FIRST, published)
    assert claims(objects).find("shelves", FIRST) == published


def test_who_is_late_with_clearing_takes_no_claim_away(objects: FolderObjects, root: Path) -> None:
    claims(objects).take(version(root))
    buried = claims(objects).bury("shelves", FIRST, datetime.now(UTC))
    assert buried is not None
    claims(objects).release("shelves", FIRST, buried)
    claims(objects).take(version(root))
    claims(objects).release("shelves", FIRST, buried)
    assert claims(objects).find("shelves", FIRST) is not None


def test_a_claim_without_a_zone_is_no_claim(objects: FolderObjects) -> None:
    objects.create(
        "shelves/claims/shelves_v1.0.0.json", b'{"digest": "aa", "at": "2024-05-06T07:08:09"}'
    )
    with pytest.raises(TamperedVersionError, match="claims"):
        claims(objects).bury("shelves", FIRST, datetime.now(UTC))
