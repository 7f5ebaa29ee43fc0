"""What TensorBoard shows of a training: it lies among the checkpoints, and outlives them."""

import shutil
from pathlib import Path

TENSORBOARD = "tensorboard"


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
