"""What a training leaves among its checkpoints: some to go on from, logs to keep beyond it."""

import shutil
from pathlib import Path

TENSORBOARD = "tensorboard"
FINISHED, OUTCOME = "finished", "outcome.json"
CHECKPOINT = "checkpoint-"


def is_resumable(checkpoints: Path) -> bool:
    """Whether a training can go on from what lies there: logs alone, or drafts, are nothing."""
    patterns = (f"{CHECKPOINT}*", f"{FINISHED}/{OUTCOME}")
    return any(any(checkpoints.rglob(pattern)) for pattern in patterns)


def keep_logs(checkpoints: Path | None, folder: Path) -> None:
    """Copy logs out of a training's checkpoints; those of a member into a folder of its name.

    Args:
        checkpoints: Of the training; None where nothing was kept.
        folder: Where the logs go; there is none where nothing was logged.
    """
    if checkpoints is None:
        return
    for logs in sorted(checkpoints.rglob(TENSORBOARD)):
        whose = logs.parent.relative_to(checkpoints)
        shutil.copytree(logs, folder / whose, dirs_exist_ok=True)
