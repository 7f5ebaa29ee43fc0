"""Nothing that we are made of reports to its makers how it is used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SWITCHES = (
    "DO_NOT_TRACK",
    "GRADIO_ANALYTICS_ENABLED",
    "HF_HUB_DISABLE_TELEMETRY",
    "MLFLOW_DISABLE_TELEMETRY",
    "ORT_DISABLE_TELEMETRY",
    "RAY_USAGE_STATS_ENABLED",
)
ASK = """
import sys
import classmark, classmark.models
from classmark.models import encoder_runtime
from huggingface_hub import constants
assert constants.HF_HUB_DISABLE_TELEMETRY
"""


def run(code: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """In a fresh process whose home and temporary folder are one, and empty."""
    kept = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=kept | {"HOME": str(folder), "TMPDIR": str(folder)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_runtime_leaves_no_trace_of_a_session_to_report(tmp_path: Path) -> None:
    done = run(ASK, tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("switch", SWITCHES)
def test_who_wants_to_report_may(switch: str, tmp_path: Path) -> None:
    ask = f"import os, classmark; print(os.environ[{switch!r}])"
    assert run(ask, tmp_path, **{switch: "mine"}).stdout == "mine\n"
