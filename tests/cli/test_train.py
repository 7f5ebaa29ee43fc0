"""`classmark train` says what it keeps beside the version: the record of the run, the baseline."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import Classmark

TRAIN = ("train", "papers", "--model", "shelf", "--family", "linear", "--set", "longest_ngram=1")


def test_where_tracking_is_off_nothing_is_kept(
    classmark: Classmark, home: Path, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    done = classmark(*TRAIN, "--no-baseline", "--home", home, "--json", result)
    assert done.returncode == 0, done.stderr
    found = json.loads(result.read_bytes())
    assert found["tracking"] is None
    assert found["baseline"] is None
    assert "MLflow" not in done.stderr
    assert not (home / "tracking").exists()


def test_the_record_of_a_run_is_kept_in_the_home(
    classmark: Classmark, home: Path, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    done = classmark(*TRAIN, "--home", home, "--json", result, CLASSMARK_TRACKING__ENABLED="true")
    assert done.returncode == 0, done.stderr
    assert "MLflow" not in done.stderr
    found = json.loads(result.read_bytes())
    link = found["tracking"]
    database = home / "tracking" / "mlflow.db"
    assert link == {"uri": f"sqlite:///{database}", "run_id": link["run_id"], "problem": ""}
    metadata = json.loads((Path(found["path"]) / "metadata.json").read_bytes())
    assert metadata["tracking"] == link
    with closing(sqlite3.connect(database)) as connection:
        runs = connection.execute("SELECT run_uuid, name, status FROM runs").fetchall()
    assert runs == [(link["run_id"], found["name"], "FINISHED")]
    kept = {path.name for path in (home / "tracking" / "artifacts").rglob("*") if path.is_file()}
    assert kept >= {"config.json", "metadata.json", "card.md"}
    modes = {path.stat().st_mode & 0o077 for path in (home / "tracking").rglob("*")}
    assert modes == {0}


def test_a_server_that_is_not_there_is_one_note(classmark: Classmark, home: Path) -> None:
    done = classmark(
        *TRAIN,
        "--home",
        home,
        CLASSMARK_TRACKING__ENABLED="true",
        CLASSMARK_TRACKING__URI="http://ada:s3cret@127.0.0.1:9",
    )
    assert done.returncode == 0, done.stderr
    assert "is registered" in done.stdout
    notes = [line for line in done.stderr.splitlines() if "MLflow" in line]
    assert len(notes) == 1
    assert "Note: MLflow at http://127.0.0.1:9 does not have the whole record" in notes[0]
    assert "s3cret" not in done.stderr + done.stdout
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"s3cret" not in kept
