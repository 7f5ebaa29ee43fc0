"""Keys are kept without their secrets, in both databases."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import text

from classmark.access import KeyStore, Scope
from classmark.database import Database
from classmark.errors import ConflictError, SettingError, UnknownKeyError

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)


@pytest.fixture
def database_url(either_url: str) -> str:
    return either_url


def ticking() -> Callable[[], datetime]:
    seconds = count()
    return lambda: NOON + timedelta(seconds=next(seconds))


@pytest.fixture
def store(database: Database) -> KeyStore:
    return KeyStore(database, now=ticking(), actor="ada")


def test_a_key_is_kept_with_all_that_is_known_of_it(store: KeyStore) -> None:
    expires_at = NOON + timedelta(days=30)
    made = store.create("né desk", {Scope.FEEDBACK, Scope.PREDICT}, expires_at)
    (key,) = store.made()
    assert key == made.key
    assert (key.id, key.name, key.made_by, key.made_at) == (made.written.id, "né desk", "ada", NOON)
    assert (key.scopes, key.expires_at) == ((Scope.PREDICT, Scope.FEEDBACK), expires_at)
    assert key.opens(made.written, NOON)


def test_the_secret_is_nowhere_in_the_database(store: KeyStore, database: Database) -> None:
    made = store.create("desk", [Scope.ADMIN])
    with database.read() as session:
        (row,) = session.execute(text("SELECT * FROM api_keys")).all()
    assert made.written.secret not in str(row)
    assert made.written.digest in str(row)


def test_a_revoked_key_is_still_listed_and_opens_nothing(store: KeyStore) -> None:
    one, other = (store.create(name, [Scope.PREDICT]) for name in ("desk", "desk"))
    revoked = store.revoke(one.key.id)
    assert (revoked.revoked_by, revoked.revoked_at) == ("ada", NOON + timedelta(seconds=2))
    assert [key.id for key in store.made()] == [one.key.id, other.key.id]
    assert store.unrevoked() == [other.key]
    assert not revoked.opens(one.written, NOON)


def test_revoking_again_changes_nothing(store: KeyStore) -> None:
    made = store.create("desk", [Scope.PREDICT])
    assert store.revoke(made.key.id) == store.revoke(made.key.id)


def test_a_dry_run_revokes_nothing(store: KeyStore) -> None:
    made = store.create("desk", [Scope.PREDICT])
    assert store.revoke(made.key.id, dry_run=True) == made.key
    assert store.unrevoked() == [made.key]


def test_a_key_that_nobody_made_can_t_be_revoked(store: KeyStore) -> None:
    for dry_run in (False, True):
        with pytest.raises(UnknownKeyError, match="'abcdefgh'") as told:
            store.revoke("abcdefgh", dry_run=dry_run)
        assert "classmark keys list" in told.value.remedy


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x00b", "\x1b[1m", "a" * 101])
def test_a_name_that_can_t_be_shown_in_a_line_is_refused(name: str, store: KeyStore) -> None:
    with pytest.raises(SettingError, match="can't be the name of a key"):
        store.create(name, [Scope.PREDICT])
    assert store.made() == []


def test_a_key_without_a_scope_is_refused(store: KeyStore) -> None:
    with pytest.raises(SettingError, match="without a scope"):
        store.create("desk", [])
    assert store.made() == []


def test_keys_have_an_end(store: KeyStore, database: Database) -> None:
    made = store.create("desk", [Scope.PREDICT])
    with database.write() as session:
        session.execute(
            text(
                "INSERT INTO api_keys (id, name, scopes, digest, made_by, made_at)"
                " SELECT :id, name, scopes, digest, made_by, made_at FROM api_keys LIMIT 1"
            ),
            [{"id": f"{number:08}"} for number in range(999)],
        )
    with pytest.raises(ConflictError, match="1,000 keys"):
        store.create("one more", [Scope.PREDICT])
    store.revoke(made.key.id)
    assert store.create("one more", [Scope.PREDICT]).key in store.unrevoked()
