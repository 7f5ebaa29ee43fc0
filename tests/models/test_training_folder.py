"""What a training can go on from; and what TensorBoard shows outlives it."""

from pathlib import Path

import pytest

from classmark.models import is_resumable, keep_logs


def logged(folder: Path, told: str) -> None:
    (folder / "tensorboard").mkdir(parents=True)
    (folder / "tensorboard" / "events").write_text(told)


def test_logs_of_a_training_are_kept(tmp_path: Path) -> None:
    logged(tmp_path / "checkpoints", "loss")
    keep_logs(tmp_path / "checkpoints", tmp_path / "logs" / "m_v1.0.0")
    assert (tmp_path / "logs" / "m_v1.0.0" / "events").read_text() == "loss"


def test_logs_of_members_lie_in_folders_of_their_own(tmp_path: Path) -> None:
    for member in ("0_encoder", "1_transformer"):
        logged(tmp_path / "checkpoints" / member, f"loss of {member}")
    keep_logs(tmp_path / "checkpoints", tmp_path / "logs")
    assert (tmp_path / "logs" / "0_encoder" / "events").read_text() == "loss of 0_encoder"
    assert (tmp_path / "logs" / "1_transformer" / "events").read_text() == "loss of 1_transformer"


def test_where_nothing_was_logged_there_are_no_logs(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "checkpoint-1").mkdir(parents=True)
    for checkpoints in (tmp_path / "checkpoints", tmp_path / "absent", None):
        keep_logs(checkpoints, tmp_path / "logs")
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("kept", ["checkpoint-9", "1_transformer/unfinished/pruned/checkpoint-9"])
def test_a_checkpoint_can_be_gone_on_from(kept: str, tmp_path: Path) -> None:
    (tmp_path / kept).mkdir(parents=True)
    assert is_resumable(tmp_path)


def test_a_member_that_is_finished_can_be_gone_on_from_and_a_draft_of_it_can_not(
    tmp_path: Path,
) -> None:
    for folder, resumable in ((".finished.1.draft", False), ("finished", True)):
        (tmp_path / "0_linear" / folder).mkdir(parents=True)
        (tmp_path / "0_linear" / folder / "outcome.json").touch()
        assert is_resumable(tmp_path) is resumable
