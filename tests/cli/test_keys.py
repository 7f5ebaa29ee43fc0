"""Keys are made, listed and revoked in a terminal."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from classmark.access import WrittenKey
from classmark.assembly import open_home

Done = subprocess.CompletedProcess[str]
Classmark = Callable[..., Done]
Look = Callable[[Path], dict[str, object]]


@pytest.fixture
def keys(inside: Classmark, home: Path, tmp_path: Path) -> Callable[..., tuple[Any, str]]:
    """`classmark keys`: its JSON result and what it says."""

    def run(*arguments: object) -> tuple[Any, str]:
        path = tmp_path / "result.json"
        done = inside("keys", *arguments, "--home", home, "--json", path)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(path.read_bytes()), done.stdout

    return run


def test_a_key_is_shown_once_and_opens_what_it_is_for(
    keys: Callable[..., tuple[Any, str]], home: Path
) -> None:
    found, said = keys("create", "né desk", "--scope", "feedback", "--scope", "predict")
    assert found["key"] in said
    assert "never shown again" in said
    assert (found["name"], found["scopes"]) == ("né desk", ["predict", "feedback"])
    assert (found["state"], found["expires_at"]) == ("active", None)
    assert "digest" not in found
    written = WrittenKey.parse(found["key"])
    assert written
    assert written.id == found["id"]
    place = open_home(home)
    (key,) = place.keys.unrevoked()
    place.database.close()
    assert key.opens(written, datetime.now(UTC))
    listed, said = keys("list")
    assert [one["id"] for one in listed["keys"]] == [found["id"]]
    assert "né desk" in said
    assert "predict, feedback" in said
    for secret in (written.secret, written.digest):
        assert secret not in said + json.dumps(listed)


def test_a_key_may_have_an_end(keys: Callable[..., tuple[Any, str]]) -> None:
    found, said = keys("create", "desk", "--scope", "admin", "--expires-days", 30)
    left = datetime.fromisoformat(found["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
    assert "until" in said


def test_a_revoked_key_stays_in_the_list(keys: Callable[..., tuple[Any, str]]) -> None:
    made, _ = keys("create", "desk", "--scope", "predict")
    found, said = keys("revoke", made["id"])
    assert (found["is_revoked"], found["state"], found["id"]) == (True, "revoked", made["id"])
    assert f"Key {made['id']} (desk) is revoked" in said
    again, _ = keys("revoke", made["id"])
    assert again == found
    listed, said = keys("list")
    assert [one["state"] for one in listed["keys"]] == ["revoked"]
    assert "revoked" in said


def test_a_dry_run_revokes_nothing(
    keys: Callable[..., tuple[Any, str]], home: Path, look: Look
) -> None:
    made, _ = keys("create", "desk", "--scope", "predict")
    before = look(home)
    found, said = keys("revoke", made["id"], "--dry-run")
    assert (found["is_revoked"], found["state"]) == (False, "active")
    assert "would be revoked" in said
    assert look(home) == before


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ("create", 2, "keys create needs a name."),
        ("create desk", 2, "A key without a scope opens nothing."),
        ("create desk", 2, "--scope predict, --scope feedback or --scope admin, which opens all"),
        ("create desk --scope all", 2, "'all' is not one of"),
        ("create desk --scope admin --expires-days 0", 2, "Invalid value for '--expires-days'"),
        ("create desk --scope admin --expires-days 99999", 2, "--expires-days"),
        ("create desk --scope admin --dry-run", 2, "keys create takes no --dry-run."),
        ("list desk", 2, "keys list takes no name."),
        ("list --scope admin", 2, "keys list takes neither --scope nor --expires-days."),
        ("list --dry-run", 2, "keys list takes no --dry-run."),
        ("revoke", 2, "keys revoke needs an id."),
        ("revoke nothing", 3, "There is no key 'nothing'."),
        ("revoke nothing --dry-run", 3, "There is no key 'nothing'."),
        ("revoke abcdefgh --expires-days 1", 2, "takes neither"),
        ("burn abcdefgh", 2, "'burn' is not one of"),
        ("", 2, "Missing argument"),
    ],
)
def test_what_can_t_be_is_told_and_changes_nothing(
    arguments: str, code: int, told: str, *, inside: Classmark, home: Path, look: Look
) -> None:
    before = look(home)
    done = inside("keys", *arguments.split(), "--home", home)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert look(home) == before


def test_a_name_that_breaks_a_line_is_refused(inside: Classmark, home: Path) -> None:
    done = inside("keys", "create", "a\nb", "--scope", "admin", "--home", home)
    assert (done.returncode, done.stdout) == (2, "")
    assert "can't be the name of a key" in done.stderr


def test_a_home_that_is_not_there_is_told(inside: Classmark, tmp_path: Path) -> None:
    for arguments in (("list",), ("create", "desk", "--scope", "admin"), ("revoke", "abcdefgh")):
        done = inside("keys", *arguments, "--home", tmp_path / "none")
        assert done.returncode == 3
        assert "There is no home at" in done.stderr
    assert not (tmp_path / "none").exists()
