"""From which code and with which libraries a model came."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

_LIBRARIES = (
    *("classmark", "numpy", "scikit-learn", "torch", "transformers", "onnxruntime"),
    *("pandas", "skops", "xgboost-cpu"),
)


def git_commit() -> str | None:
    """The commit of the working directory; None where it is no git checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 (git as the user has it)
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def library_versions() -> dict[str, str]:
    """What is installed of what a model depends on."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
