"""From which code and with which libraries a model came."""

import subprocess
from pathlib import Path

import pytest

from classmark import __version__
from classmark.training import git_commit, library_versions


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository of its own, which the tests stand in."""
    monkeypatch.chdir(tmp_path)
    # No repository further up plays a part.
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


def test_the_commit_is_that_of_the_folder_one_stands_in(checkout: Path) -> None:
    git("init", "--quiet")
    (checkout / "a.txt").write_text("a")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    assert git_commit() == git("rev-parse", "HEAD")


def test_outside_a_checkout_there_is_no_commit(checkout: Path) -> None:
    assert checkout.is_dir()
    assert git_commit() is None


def test_a_checkout_without_commits_has_none(checkout: Path) -> None:
    assert checkout.is_dir()
    git("init", "--quiet")
    assert git_commit() is None


def test_without_git_there_is_no_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert git_commit() is None


def test_libraries_are_listed_with_their_versions() -> None:
    found = library_versions()
    assert found["classmark"] == __version__
    assert {"python", "numpy", "scikit-learn", "onnxruntime"} <= set(found)
    assert all(found.values())
