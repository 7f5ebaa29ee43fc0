"""Killed at any step, a change of the registry was made or was not, and `gc` leaves nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).parents[2] / "benchmarks" / "kill_registry.py"
OPERATIONS = [
    *("register the first", "register another", "promote the first", "promote", "roll back"),
    *("archive", "delete", "retention", "gc"),
    *("promote, a storage", "delete, a storage", "publish", "unpublish"),
]


def killed(every: int) -> dict[str, dict[str, int]]:
    """By operation what its kills came to; each was looked at by the script itself."""
    done = subprocess.run(
        [sys.executable, KILLS, "--every", str(every)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in done.stdout.splitlines()
    ]
    return {
        operation: dict(zip(rows[0][1:], map(int, figures), strict=True))
        for operation, *figures in rows[2:]
    }


def check(found: dict[str, dict[str, int]]) -> None:
    assert list(found) == OPERATIONS
    for operation, figures in found.items():
        # Retention here is two changes, and a kill may come between them.
        assert operation == "retention" or figures["between"] == 0
        assert figures["as before"] + figures["between"] + figures["as after"] == figures["killed"]
        assert figures["killed"] > 0


@pytest.mark.slow
def test_a_change_that_is_killed_at_one_of_its_steps_was_made_or_was_not() -> None:
    check(killed(every=13))


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_a_change_that_is_killed_at_any_step_was_made_or_was_not() -> None:
    found = killed(every=1)
    check(found)
    for figures in found.values():
        assert figures["killed"] >= figures["steps"] - 2
