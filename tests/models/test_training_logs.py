"""What TensorBoard shows outlives the checkpoints it lay among."""

from pathlib import Path

from classmark.models import keep_logs


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
