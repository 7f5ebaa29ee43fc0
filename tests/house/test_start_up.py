"""Heavy things arrive late: what a door does not need, it does not load."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOADED = "import json, sys; sys.stderr.write(json.dumps(sorted(sys.modules)))"
HELP = f"""
import sys
from classmark.cli import main
sys.argv = ["classmark", "--help"]
try:
    main()
except SystemExit as stop:
    if stop.code:
        raise
{LOADED}
"""


def loaded_after(code: str, cwd: Path) -> tuple[set[str], str]:
    """The top packages that a fresh process has loaded after `code`, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stderr)}, done.stdout


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    loaded, printed = loaded_after(HELP, tmp_path)
    assert "Usage" in printed
    assert loaded & {"torch", "sklearn", "scipy", "mlflow", "transformers", "numpy"} == set()


@pytest.mark.parametrize("room", ["predictions", "registry", "serving", "monitoring"])
def test_the_serving_side_loads_nothing_that_only_training_needs(room: str, tmp_path: Path) -> None:
    loaded, _ = loaded_after(f"import classmark.{room}\n{LOADED}", tmp_path)
    training = {"torch", "transformers", "sklearn", "scipy", "matplotlib", "lingua"}
    assert loaded & training == set()


@pytest.mark.parametrize(
    "command",
    [
        *("predict", "serve", "versions", "promote", "rollback", "archive", "delete", "retention"),
        *("gc", "history", "verify", "card", "doctor", "keys"),
    ],
)
def test_commands_of_the_base_install_load_nothing_that_only_training_needs(
    command: str, tmp_path: Path
) -> None:
    loaded, _ = loaded_after(f"import classmark.cli.{command}\n{LOADED}", tmp_path)
    training = {"torch", "transformers", "sklearn", "scipy", "matplotlib", "pandas", "mlflow"}
    assert loaded & training == set()
