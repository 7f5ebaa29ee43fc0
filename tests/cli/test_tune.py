"""`classmark tune` searches, goes on after a kill, and says what to type next."""

import json
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Done = subprocess.CompletedProcess[str]
Classmark = Callable[..., Done]

FIXED = ("--set", "bayes_weight=1", "--set", "inverse_regularisation=1")
# Four points in all.
GRID = (
    *("--sampler", "grid", *FIXED),
    *("--search", "longest_ngram=1,2", "--search", "min_documents=1,2"),
)
ASKED = ("tune", "papers", "--model", "shelf", "--family", "linear", *GRID)


def started(home: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "classmark", *ASKED, "--study", "s", "--home", str(home)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def wait_until(happened: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 100
    while not happened():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)


def trials(home: Path) -> Sequence[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((home / "tuning/s/result.json").read_bytes())["trials"]
    return found


def children_of(process: subprocess.Popen[bytes]) -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(child) for child in path.read_text("utf-8").split()]


def are_gone(children: list[int]) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if not any(Path(f"/proc/{child}").exists() for child in children):
            return True
        time.sleep(0.05)
    return False


def running(home: Path) -> list[Path]:
    return list(home.glob("tuning/s/workers/*/trial-*"))


@pytest.mark.slow
def test_a_search_finds_the_best_and_says_what_to_type_next(
    classmark: Classmark, home: Path, tmp_path: Path
) -> None:
    done = classmark(*ASKED, "--home", home, "--json", tmp_path / "r.json", "--register")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "r.json").read_bytes())
    assert [trial["state"] for trial in result["trials"]] == ["finished"] * 4
    best = max(result["trials"], key=lambda trial: trial["value"])
    assert result["best"]["parameters"] == best["parameters"]
    assert result["best"]["settings"] == {
        "bayes_weight": "1",
        "inverse_regularisation": "1",
        **{name: str(value) for name, value in best["parameters"].items()},
    }
    assert f"Next: {result['command']}" in done.stdout
    folder = Path(result["folder"])
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == {
        *("result.json", "registered.json", "workers", f"trial-{best['number']}"),
        *("history.png", "importances.png", "parallel_coordinates.png", "slices.png"),
    }
    # The same family and data, other parameters: a patch after v1.0.1.
    assert result["version"] == "shelf_v1.0.2"
    metadata = json.loads((home / "models/shelf/shelf_v1.0.2/metadata.json").read_bytes())
    assert metadata["hyperparameters"]["longest_ngram"] == best["parameters"]["longest_ngram"]
    assert f"trial {best['number']} of study" in metadata["notes"]

    again = classmark(*ASKED, "--home", home, "--register")
    assert again.returncode == 0, again.stderr
    assert "shelf_v1.0.2 was registered from this trial before" in again.stdout
    assert not (home / "models/shelf/shelf_v1.0.3").exists()

    typed = classmark(*shlex.split(result["command"])[1:], "--home", home)
    assert typed.returncode == 0, typed.stderr
    weights = [home / f"models/shelf/shelf_v1.0.{patch}/model.safetensors" for patch in (2, 3)]
    kept = folder / f"trial-{best['number']}" / "model.safetensors"
    assert len({path.read_bytes() for path in (*weights, kept)}) == 1


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on(
    classmark: Classmark, home: Path, environment: dict[str, str]
) -> None:
    process = started(home, environment)
    wait_until(lambda: any(path.name == "trial-1" for path in running(home)), process)
    wait_until(lambda: children_of(process), process)
    children = children_of(process)
    process.kill()
    process.communicate()
    assert are_gone(children)
    done = classmark(*ASKED, "--study", "s", "--home", home)
    assert done.returncode == 0, done.stderr
    assert [trial["state"] for trial in trials(home)] == [
        *("finished", "interrupted", "finished", "finished", "finished")
    ]
    assert trials(home)[1]["parameters"] == trials(home)[2]["parameters"]
    assert running(home) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "codes"), [(signal.SIGTERM, {143}), (signal.SIGINT, {130, -signal.SIGINT})]
)
def test_a_search_that_is_stopped_ends_its_trial_and_leaves_nothing(
    home: Path, environment: dict[str, str], number: int, codes: set[int]
) -> None:
    process = started(home, environment)
    wait_until(lambda: running(home) and children_of(process), process)
    children = children_of(process)
    process.send_signal(number)
    told = process.communicate(timeout=60)[1]
    assert process.returncode in codes
    kept = b"Note: Interrupted. The trials that ended are kept: the same command goes on.\n"
    assert told == (kept if process.returncode == 130 else b"")
    assert are_gone(children)
    assert list((home / "tuning/s/workers").iterdir()) == []
    assert list(Path(environment["TMPDIR"]).iterdir()) == []


@pytest.mark.heavy
def test_a_search_that_is_killed_again_and_again_loses_nothing(
    classmark: Classmark, home: Path, environment: dict[str, str]
) -> None:
    moments = random.Random(5)  # noqa: S311 (nothing secret)
    for _ in range(6):
        process = started(home, environment)
        time.sleep(moments.uniform(1, 8))
        process.kill()
        process.communicate()
    done = classmark(*ASKED, "--study", "s", "--home", home)
    assert done.returncode == 0, done.stderr
    finished = [trial for trial in trials(home) if trial["state"] == "finished"]
    tried = {tuple(trial["parameters"].values()) for trial in finished}
    assert (len(finished), len(tried)) == (4, 4)
    assert {trial["state"] for trial in trials(home)} <= {"finished", "interrupted"}


@pytest.mark.slow
def test_two_searches_at_once_share_the_trials(home: Path, environment: dict[str, str]) -> None:
    both = [started(home, environment) for _ in range(2)]
    said = [process.communicate(timeout=200)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert [trial["state"] for trial in trials(home)] == ["finished"] * 4
    assert len({str(trial["parameters"]) for trial in trials(home)}) == 4


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        (("nothing", "--model", "m", "--family", "linear"), 3, "There is no dataset 'nothing'"),
        (("papers", "--model", "m/", "--family", "linear"), 2, "can't be the name of a model"),
        (("papers", "--model", "m", "--family", "oracle"), 2, "no model family 'oracle'"),
        (
            ("papers", "--model", "m", "--family", "linear", "--trials", 0),
            2,
            "--trials 0 is too little",
        ),
        (("papers", "--model", "m", "--family", "linear", "--study", "a/b"), 2, "name of a study"),
        (("papers", "--model", "m", "--family", "linear", "--search", "a"), 2, "no KEY=VALUE"),
        (("papers", "--model", "m", "--family", "linear", "--search", "a=1,2"), 2, "Unknown"),
        (
            ("papers", "--model", "m", "--family", "linear", "--search", "longest_ngram=3..1"),
            *(2, "--search longest_ngram=3..1 can't be searched"),
        ),
        (("papers", "--model", "m" * 60, "--family", "linear"), 2, "name of a study"),
    ],
)
def test_what_can_not_be_searched_is_told_before_anything_is_written(
    inside: Classmark, shelf: Path, given: tuple[object, ...], code: int, told: str
) -> None:
    done = inside("tune", *given, "--home", shelf)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert not (shelf / "tuning").exists()


def test_a_search_whose_trials_all_fail_says_why(
    classmark: Classmark, home: Path, tmp_path: Path
) -> None:
    asked = ("--set", "min_documents=10000", "--search", "longest_ngram=1,2", "--trials", 1)
    named = ("tune", "papers", "--model", "m", "--family", "linear", *asked)
    done = classmark(*named, "--home", home, "--json", tmp_path / "r.json")
    assert done.returncode == 2
    assert "No term stands in 10000" in done.stderr
    assert "None of 1 trials finished" in done.stderr
    assert json.loads((tmp_path / "r.json").read_bytes())["best"] is None
