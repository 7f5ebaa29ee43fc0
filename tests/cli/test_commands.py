"""Every command does its work, and says so to people and, as one JSON object, to scripts."""

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pytest

from classmark.assembly import utc_now
from classmark.cli import COMMANDS, one_key_an_option
from classmark.database import Database
from classmark.registry import Bump, Lineage, ModelReference, Registry, VersionDraft

Done = subprocess.CompletedProcess[str]
Classmark = Callable[..., Done]
Look = Callable[[Path], dict[str, object]]
# Arguments of a command -> its JSON result and how it ended.
Result = Callable[..., tuple[dict[str, Any], Done]]

EVALUATION = {
    *("accuracy", "macro_f1", "n", "per_class", "latency"),
    *("calibration_error", "calibration_error_interval", "brier", "log_loss"),
    *("coverage", "coverage_interval", "accuracy_answered", "accuracy_answered_interval"),
    *("abstain_below", "coverage_at_90"),
}


@pytest.fixture
def result(classmark: Classmark, tmp_path: Path) -> Result:
    def run(*arguments: object, **given: Any) -> tuple[dict[str, Any], Done]:
        path = tmp_path / "new" / "result.json"
        done = classmark(*arguments, "--json", path, **given)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(path.read_bytes())
        assert [one.name for one in path.parent.iterdir()] == ["result.json"]
        return found, done

    return run


def test_the_version_is_the_installed_one(classmark: Classmark) -> None:
    assert classmark("--version").stdout == f"classmark {installed('classmark')}\n"


def test_help_lists_every_command_in_the_order_of_the_loop(classmark: Classmark) -> None:
    done = classmark("--help")
    listed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("│ ")]
    assert [name for name in listed if not name.startswith("-")] == list(COMMANDS)
    assert "Usage: classmark [OPTIONS] COMMAND" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, inside: Classmark) -> None:
    done = inside(command, "--help")
    assert f"Usage: classmark {command}" in done.stdout
    assert "--home" in done.stdout
    assert ("--json" in done.stdout) == (command not in {"serve", "ui"})
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_no_command_is_told(inside: Classmark) -> None:
    done = inside("evalute")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'evalute'" in done.stderr
    assert "evaluate" in done.stderr


def test_options_before_the_command_are_told(inside: Classmark, shelf: Path) -> None:
    done = inside("--home", shelf, "versions", "shelf")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such option: --home" in done.stderr


def test_no_command_at_all_shows_the_help(inside: Classmark) -> None:
    assert inside().stdout.strip() == inside("--help").stdout.strip()


def test_prepare_writes_a_snapshot(result: Result, papers: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    found, done = result("prepare", papers, "--name", "few", "--per-class", 10, "--home", home)
    assert found["sizes"] == {"train": 24, "val": 3, "test": 3}
    assert found["samples"] == 30
    assert found["dropped"] == {"beyond_per_class": 30}
    assert found["categories"] == ["cs.AI", "cs.CV", "cs.DB"]
    assert found["counts"]["test"] == {"cs.AI": 1, "cs.CV": 1, "cs.DB": 1}
    assert Path(found["folder"], "test.json.gz").is_file()
    assert len(found["fingerprint"]) == 64
    assert found["folder"] in done.stdout


def test_prepare_tells_which_classes_are_small(
    classmark: Classmark, papers: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    done = classmark("prepare", papers, "--name", "x", "--per-class", 30, "--home", home)
    assert "Note: Fewer than 30 documents: cs.AI (20), cs.CV (20), cs.DB (20)." in done.stderr


def test_prepare_names_the_labels_that_copies_keep_from_a_balanced_test_part(
    inside: Classmark, tmp_path: Path
) -> None:
    source = tmp_path / "copies.jsonl"
    own = {"copied": 4, "single": 1}  # So many documents have the same words.
    documents = [
        {
            "title": f"{label} {row}",
            "label": label,
            "text": " ".join(f"{label}{row // copies}{letter}" for letter in "abcdefghijklmnop")
            + f" {row}",
        }
        for label, copies in own.items()
        for row in range(16)
    ]
    source.write_text("".join(json.dumps(one) + "\n" for one in documents))
    command = ("prepare", source, "--name", "x", "--test-per-class", 3, "--any-language")
    done = inside(*command, "--min-words", 5, "--home", tmp_path / "home")
    assert done.returncode == 0, done.stderr
    told = "Note: Not exactly 3 documents test, since copies and groups stay together: copied (4)."
    assert told in done.stderr


def test_train_registers_the_next_version(result: Result, home: Path) -> None:
    command = ("train", "papers", "--model", "shelf", "--family", "linear", "--bump", "minor")
    found, done = result(*command, "--notes", "[/odd] :notes:", "--home", home)
    assert (found["model"], found["version"], found["status"]) == ("shelf", "v1.1.0", "testing")
    assert found["family"] == "linear"
    assert set(found["metrics"]) == {"train", "val", "test"}
    assert Path(found["path"], "manifest.json").is_file()
    assert "shelf_v1.1.0 is registered" in done.stdout
    history, told = result("history", "shelf", "--home", home)
    assert history["events"][-1]["reason"] == "[/odd] :notes:"
    assert "[/odd] :notes:" in told.stdout


@pytest.mark.parametrize("source", ["papers", "a file"])
def test_evaluate_measures_and_reports(
    source: str, result: Result, home: Path, papers: Path
) -> None:
    given = papers if source == "a file" else source
    found, done = result("evaluate", "shelf@v1.0.0", given, "--home", home)
    assert set(found) >= EVALUATION
    assert found["n"] == (60 if source == "a file" else 6)
    assert 0 <= found["accuracy"] <= 1
    assert set(found["per_class"]) == {"cs.AI", "cs.CV", "cs.DB"}
    assert set(found["per_class"]["cs.DB"]) >= {"precision", "recall", "f1", "support"}
    assert found["latency"]["p50_ms"] <= found["latency"]["p99_ms"]
    assert (found["model"], found["version"]) == ("shelf", "v1.0.0")
    assert Path(found["report"], "report.html").is_file()
    assert "cs.DB" in done.stdout


def test_compare_tells_who_wins(result: Result, shelf: Path, papers: Path, tmp_path: Path) -> None:
    out = tmp_path / "compared"
    compared = ("compare", "shelf@v1.0.0", "shelf@latest", papers, "--out", out)
    found, done = result(*compared, "--home", shelf)
    assert found["n"] == 60
    assert (found["a"]["version"], found["b"]["version"]) == ("shelf_v1.0.0", "shelf_v1.0.1")
    assert found["winner"] in {None, "shelf_v1.0.0", "shelf_v1.0.1"}
    assert 0 <= found["p_value"] <= 1
    assert found["interval"][0] <= found["difference"] <= found["interval"][1]
    assert set(found["per_class"]) == {"cs.AI", "cs.CV", "cs.DB"}
    assert found["per_class"]["cs.DB"]["n"] == 20
    assert set(found["regressions"]) <= set(found["per_class"])
    assert found["flips"]["count"] == round(60 * (1 - found["agreement"]))
    assert len(Path(found["flips"]["path"]).read_text().splitlines()) == found["flips"]["count"] + 1
    assert json.loads((out / "comparison.json").read_bytes()) == found
    assert done.stdout.startswith(found["verdict"])


def test_versions_lists_all(result: Result, shelf: Path) -> None:
    found, done = result("versions", "shelf", "--home", shelf)
    listed = [(one["version"], one["status"]) for one in found["versions"]]
    assert listed == [("v1.0.0", "archived"), ("v1.0.1", "production")]
    assert all(Path(one["path"]).is_dir() for one in found["versions"])
    assert "v1.0.1" in done.stdout


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (
            "train p --set a=1 b=2 c.d=3 --model m",
            "train p --set a=1 --set b=2 --set c.d=3 --model m",
        ),
        (
            "tune p --search a=1..2 b=1,2 --set c=1",
            "tune p --search a=1..2 --search b=1,2 --set c=1",
        ),
        ("train --set a=1 p b=2", "train --set a=1 p b=2"),
        ("predict m@latest a=1", "predict m@latest a=1"),
        ("train p --set", "train p --set"),
        ("", ""),
    ],
)
def test_several_keys_may_stand_behind_one_option(typed: str, meant: str) -> None:
    assert one_key_an_option(typed.split()) == meant.split()


def test_several_parameters_are_set_at_once(result: Result, home: Path) -> None:
    given = ("--set", "longest_ngram=1", "bayes_weight=0", "max_iterations=50")
    found, _ = result(
        "train", "papers", "--model", "x", "--family", "linear", *given, "--home", home
    )
    facts = json.loads(Path(found["path"], "metadata.json").read_bytes())["hyperparameters"]
    assert (facts["longest_ngram"], facts["bayes_weight"], facts["max_iterations"]) == (1, 0, 50)


def test_history_tells_what_was_live_and_why(result: Result, shelf: Path) -> None:
    found, done = result("history", "shelf", "--home", shelf)
    told = [(one["action"], one["version"], one["production_after"]) for one in found["events"]]
    assert told == [
        ("registered", "v1.0.0", None),
        ("registered", "v1.0.1", None),
        ("promoted", "v1.0.0", "v1.0.0"),
        ("promoted", "v1.0.1", "v1.0.1"),
    ]
    assert "the first" in done.stdout


@pytest.mark.parametrize(
    ("event", "seconds", "live"), [(2, -1, None), (2, 0, "v1.0.0"), (3, 0, "v1.0.1")]
)
def test_history_tells_what_was_live_at_a_moment(
    event: int, seconds: int, live: str | None, result: Result, shelf: Path
) -> None:
    events, _ = result("history", "shelf", "--home", shelf)
    moment = datetime.fromisoformat(events["events"][event]["at"]) + timedelta(seconds=seconds)
    found, done = result("history", "shelf", "--at", moment.isoformat(), "--home", shelf)
    assert found["production_version"] == live
    assert ("shelf had no version" if live is None else f"shelf_{live} was in") in done.stdout


def test_history_checks_itself(result: Result, classmark: Classmark, shelf: Path) -> None:
    found, done = result("history", "shelf", "--check", "--home", shelf)
    assert (found["events"], found["problems"]) == (4, [])
    assert found["digest"] in done.stdout
    noted = classmark("history", "shelf", "--noted", found["digest"], "--home", shelf)
    assert noted.returncode == 0, noted.stderr
    other = classmark("history", "shelf", "--noted", "0" * 64, "--home", shelf)
    assert other.returncode == 5
    assert "What was noted has a digest that no event has" in other.stderr


def test_a_version_is_archived_and_deleted_with_a_receipt(result: Result, home: Path) -> None:
    where = ("--home", home)
    planned, told = result("delete", "shelf@v1.0.0", "--dry-run", *where)
    assert (planned["is_deleted"], planned["receipt"]) == (False, None)
    assert Path(planned["path"]).is_dir()
    assert "shelf_v1.0.0 would be deleted" in told.stdout
    done, told = result("delete", "shelf@v1.0.0", "--reason", "a request", *where)
    assert done["receipt"]["reason"] == "a request"
    assert not Path(done["path"]).exists()
    assert "shelf_v1.0.0 is deleted" in told.stdout
    left, _ = result("versions", "shelf", *where)
    assert [one["version"] for one in left["versions"]] == ["v1.0.1"]


def test_what_is_live_is_neither_archived_nor_deleted(classmark: Classmark, shelf: Path) -> None:
    for command in ("archive", "delete"):
        done = classmark(command, "shelf@production", "--home", shelf)
        assert done.returncode == 4
        assert "v1.0.1 is in production" in done.stderr


def test_retention_follows_its_settings(result: Result, home: Path) -> None:
    rule = {"CLASSMARK_RETENTION__KEEP_BEFORE_PRODUCTION": "0"}
    train = ("train", "papers", "--model", "shelf", "--family", "linear", "--home", home)
    result(*train)
    result("promote", "shelf@latest", "--force", "--reason", "sure", "--home", home)
    result(*train)
    found, told = result("retention", "--home", home, **rule)
    assert (found["disposals"], told.stdout) == ([], "Nothing is to be archived or deleted.\n")
    result("rollback", "shelf", "--home", home)
    assert result("archive", "shelf@latest", "--home", home)[0]["status"] == "archived"
    rule |= {"CLASSMARK_RETENTION__DELETE_AFTER_DAYS": "1"}
    found, _ = result("retention", "shelf", "--dry-run", "--home", home, **rule)
    assert found == {"dry_run": True, "disposals": []}  # Archived today.


def test_gc_removes_what_was_left_behind(result: Result, home: Path) -> None:
    draft = home / "models" / "shelf" / ".shelf_v9.0.0.0123.draft"
    draft.mkdir()
    unknown = home / "models" / "shelf" / "shelf_v9.0.0"
    unknown.mkdir()
    planned, told = result("gc", "--dry-run", "--home", home)
    assert [one["is_removed"] for one in planned["leftovers"]] == [False, False]
    assert "would be removed" in told.stdout
    done, told = result("gc", "--home", home)
    assert [Path(one["path"]).exists() for one in done["leftovers"]] == [False, True]
    assert "look at it; --unknown removes it" in told.stdout
    result("gc", "--unknown", "--home", home)
    assert not unknown.exists()
    assert result("gc", "--home", home)[1].stdout == "Nothing was left behind.\n"


def test_a_history_that_was_changed_is_told_by_check_and_doctor(
    inside: Classmark, home: Path
) -> None:
    with closing(sqlite3.connect(home / "classmark.db")) as database, database:
        database.execute("UPDATE version_events SET actor = 'eve' WHERE sequence = 3")
    for command in (("history", "shelf", "--check"), ("doctor",)):
        done = inside(*command, "--home", home)
        assert "Event 3 is not what was written." in done.stdout + done.stderr
        assert done.returncode == (5 if command[0] == "history" else 1)


def test_doctor_tells_of_a_link_that_is_behind_and_gc_mends_it(
    inside: Classmark, home: Path
) -> None:
    link = home / "models" / "shelf" / "production"
    link.unlink()
    link.symlink_to("shelf_v1.0.0")
    done = inside("doctor", "--home", home)
    assert "production names shelf_v1.0.0, and shelf_v1.0.1 is live." in done.stdout
    assert "Let them follow: classmark gc" in done.stdout
    assert done.returncode == 1
    inside("gc", "--home", home)
    assert "link and view of shelf: as the database says" in inside("doctor", "--home", home).stdout


def test_of_very_many_versions_and_events_the_newest_are_shown(
    inside: Classmark, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "artifact").mkdir()
    with closing(Database(f"sqlite:///{home / 'classmark.db'}")) as database:
        registry = Registry(database, home / "models", now=utc_now, actor="ada")
        first = registry.resolve(ModelReference.parse("shelf@latest"))
        lineage = Lineage("linear", ("a", "b"), "ab")
        draft = VersionDraft("shelf", tmp_path / "artifact", lineage, first.metadata)
        for _ in range(50):
            registry.register(draft, Bump.PATCH)
    path = tmp_path / "found.json"
    for command, kept, older in (("versions", 52, 2), ("history", 54, 4)):
        done = inside(command, "shelf", "--home", home)
        assert len([line for line in done.stdout.splitlines() if line.startswith("│")]) == 50
        assert "v1.0.51" in done.stdout
        assert f"{older} older ones are not shown: --all shows them too." in done.stdout
        everything = inside(command, "shelf", "--all", "--home", home).stdout
        assert len([line for line in everything.splitlines() if line.startswith("│")]) == kept
        assert "not shown" not in everything
        inside(command, "shelf", "--home", home, "--json", path)
        found = json.loads(path.read_bytes())
        assert len(found["versions" if command == "versions" else "events"]) == kept


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--at", "yesterday"), "'yesterday' is no moment"),
        (("--at", "2999-01-01"), "'2999-01-01' is yet to come"),
        (("--at", "2026-05-06", "--check"), "--at and --check are two questions"),
        (("--noted", "0123"), "'0123' is no digest of an event"),
    ],
)
def test_history_refuses_what_it_can_t_answer(
    options: tuple[str, ...], told: str, classmark: Classmark, shelf: Path
) -> None:
    done = classmark("history", "shelf", *options, "--home", shelf)
    assert done.returncode == 2
    assert told in done.stderr


def test_what_is_piped_is_not_wrapped(classmark: Classmark, shelf: Path) -> None:
    done = classmark("history", "shelf", "--home", shelf, COLUMNS="40")
    assert len([line for line in done.stdout.splitlines() if line.startswith("│")]) == 4


def test_a_terminal_without_the_characters_shows_others(classmark: Classmark, shelf: Path) -> None:
    asked = ("predict", "shelf@latest", "A table of tuples", "--home", shelf)
    done = classmark(*asked, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "?" in done.stdout


def test_verify_says_intact(result: Result, shelf: Path) -> None:
    found, done = result("verify", "shelf@production", "--home", shelf)
    assert (found["version"], found["intact"]) == ("shelf_v1.0.1", True)
    assert done.stdout == "shelf_v1.0.1 is intact, not signed.\n"


def test_rollback_and_promote_move_production(result: Result, home: Path) -> None:
    link = home / "models" / "shelf" / "production"
    found, _ = result("rollback", "shelf", "--reason", "slow", "--home", home)
    assert found["production_version"] == "v1.0.0"
    assert str(link.readlink()) == "shelf_v1.0.0"
    found, _ = result("promote", "shelf@latest", "--force", "--reason", "sure", "--home", home)
    assert found["production_version"] == "v1.0.1"
    assert str(link.readlink()) == "shelf_v1.0.1"
    found, _ = result("rollback", "shelf", "--to", "v1.0.0", "--home", home)
    assert found["production_version"] == "v1.0.0"


def test_promote_tells_how_a_candidate_does_beside_production(
    result: Result, classmark: Classmark, home: Path, papers: Path, unseen: Path
) -> None:
    wrong = home.with_name("wrong.jsonl")
    lines = [json.loads(line) for line in papers.read_text().splitlines()]
    labels = sorted({one["label"] for one in lines})
    others = dict(zip(labels, (*labels[1:], labels[0]), strict=True))
    wrong.write_text(
        "".join(json.dumps(one | {"label": others[one["label"]]}) + "\n" for one in lines)
    )
    where = ("--home", home)
    result("prepare", wrong, "--name", "wrong", *where)
    result("train", "wrong", "--model", "shelf", "--family", "linear", *where)
    found, told = result("promote", "shelf@latest", "--on", unseen, "--dry-run", *where)
    judgement = found["judgement"]
    assert (found["is_promoted"], judgement["decision"]) == (False, "reject")
    assert (judgement["production"], judgement["left_out"]) == ("shelf_v1.0.1", 0)
    assert judgement["comparisons"]["accuracy"]["winner"] == "shelf_v1.0.1"
    assert "worse than production: accuracy -" in told.stdout
    refused = classmark("promote", "shelf@latest", "--on", unseen, *where)
    assert refused.returncode == 4
    assert "does not go live beside shelf_v1.0.1. Reject: worse" in refused.stderr
    assert "--force --reason TEXT" in refused.stderr
    done, _ = result("promote", "shelf@latest", "--force", "--reason", "a try", *where)
    assert done["production_version"] == found["production_version"] == "v1.1.0"
    events, _ = result("history", "shelf", *where)
    assert events["events"][-1]["reason"] == "forced: a try"


def test_promote_asks_for_more_data_where_its_own_is_too_little(
    classmark: Classmark, result: Result, home: Path
) -> None:
    result("rollback", "shelf", "--home", home)
    refused = classmark("promote", "shelf@latest", "--home", home)
    assert refused.returncode == 4
    assert "Need more data: " in refused.stderr
    assert "Give labelled rows that are new to both: --on FILE." in refused.stderr
    history, _ = result("history", "shelf", "--home", home)
    assert history["events"][-1]["action"] == "rolled_back"


def test_promote_measures_on_rows_of_which_nobody_can_tell_only_if_told_so(
    classmark: Classmark, result: Result, home: Path, unseen: Path
) -> None:
    result("rollback", "shelf", "--home", home)
    for snapshot in (home / "data" / "snapshots").rglob("train*"):
        snapshot.unlink()
    rule = {"CLASSMARK_PROMOTION__MARGIN": "0.5"}
    given = ("promote", "shelf@latest", "--on", unseen, "--home", home)
    refused = classmark(*given, **rule)
    assert refused.returncode == 4
    assert "it can't be told whether the rows are new to shelf_v1.0.0, whose" in refused.stderr
    assert "--on FILE --assume-new" in refused.stderr
    found, _ = result(*given, "--assume-new", **rule)
    assert found["is_promoted"]
    judgement = found["judgement"]
    assert [one.split(",")[0] for one in judgement["untold"]] == ["shelf_v1.0.0", "shelf_v1.0.1"]
    history, _ = result("history", "shelf", "--home", home)
    assert "; the rows are taken as new to shelf_v1.0.0" in history["events"][-1]["reason"]


def test_what_is_measured_is_kept_in_the_history(result: Result, home: Path, unseen: Path) -> None:
    result("rollback", "shelf", "--home", home)
    rule = {"CLASSMARK_PROMOTION__MARGIN": "0.5"}
    options = ("--on", unseen, "--reason", "looks well", "--home", home)
    found, _ = result("promote", "shelf@latest", *options, **rule)
    assert found["judgement"]["decision"] == "promote"
    history, _ = result("history", "shelf", "--home", home)
    reason = history["events"][-1]["reason"]
    assert reason.startswith("looks well (not worse than production by 50 points or more: accuracy")


def test_doctor_finds_everything_well(result: Result, shelf: Path) -> None:
    found, done = result("doctor", "--home", shelf)
    assert found["healthy"] is True
    states = {finding["what"]: finding["state"] for finding in found["findings"]}
    assert states["database"] == states["model shelf"] == states["disk"] == "ok"
    assert "shelf_v1.0.1 (production) is intact" in done.stdout


def test_doctor_looks_at_a_home_that_is_not_there_without_making_it(
    classmark: Classmark, tmp_path: Path
) -> None:
    done = classmark("doctor", "--home", tmp_path / "none")
    assert done.returncode == 0
    assert "classmark quickstart" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_home_comes_from_the_option_then_the_environment_then_the_folder(
    classmark: Classmark, shelf: Path, tmp_path: Path, papers: Path
) -> None:
    asked = ("versions", "shelf")
    assert classmark(*asked, CLASSMARK_HOME=str(shelf)).returncode == 0
    none = tmp_path / "none"
    assert classmark(*asked, "--home", shelf, CLASSMARK_HOME=str(none)).returncode == 0
    assert classmark(*asked, "--home", none, CLASSMARK_HOME=str(shelf)).returncode == 3
    done = classmark("prepare", papers, "--name", "papers", cwd=tmp_path)
    assert done.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]


def test_a_refused_command_writes_no_result(
    classmark: Classmark, shelf: Path, tmp_path: Path
) -> None:
    path = tmp_path / "result.json"
    path.write_text("of yesterday")
    done = classmark("verify", "shelf@v9.9.9", "--home", shelf, "--json", path)
    assert done.returncode == 3
    assert path.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [path]
