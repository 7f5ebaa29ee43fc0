"""A key is written in one way, opens what it is for, and can't be guessed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.access import ApiKey, Scope, WrittenKey

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
KEYS = st.builds(
    WrittenKey,
    st.from_regex(r"[a-z0-9]{8}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_-]{43}", fullmatch=True),
)


def kept(written: WrittenKey, *scopes: Scope) -> ApiKey:
    return ApiKey(written.id, "desk", scopes, written.digest, "ada", NOON)


def test_a_new_key_has_an_id_of_8_and_a_secret_of_43_characters() -> None:
    kind, name, secret = str(WrittenKey.new()).split("_", 2)
    assert (kind, len(name), len(secret)) == ("cm", 8, 43)
    assert len({str(WrittenKey.new()) for _ in range(100)}) == 100


@given(KEYS)
def test_a_key_is_read_as_it_was_written(key: WrittenKey) -> None:
    assert WrittenKey.parse(str(key)) == key


@pytest.mark.parametrize(
    "text",
    [
        *("", "cm_", "secret", "cm_abcdefgh", f"cm_abcdefgh_{'a' * 42}", f"cm_abcdefgh_{'a' * 44}"),
        *(f"cm_abcdefg_{'a' * 43}", f"CM_abcdefgh_{'a' * 43}", f"cm_Abcdefgh_{'a' * 43}"),
        *(f"cm_abcdefgh_{'a' * 42}!", f"cm_abcdefgh_{'a' * 43}\n", f" cm_abcdefgh_{'a' * 43}"),
        *(f"cm_abcdefgh_{'a' * 42}é", f"cm_abcdefg\u0663_{'a' * 43}"),
    ],
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert WrittenKey.parse(text) is None


def test_a_secret_shows_nowhere_but_where_it_is_written() -> None:
    written = WrittenKey.new()
    key = kept(written, Scope.PREDICT)
    assert written.secret not in repr(written) + repr(key) + str(key)
    assert written.digest not in repr(key)
    assert written.secret not in key.digest


@given(KEYS, KEYS)
def test_a_key_is_opened_by_its_own_secret_alone(one: WrittenKey, other: WrittenKey) -> None:
    assert kept(one, Scope.PREDICT).opens(one, NOON)
    assert kept(one, Scope.PREDICT).opens(other, NOON) == (one.secret == other.secret)


@pytest.mark.parametrize("scope", Scope)
def test_a_scope_opens_itself_and_admin_opens_all(scope: Scope) -> None:
    written = WrittenKey.new()
    assert [one for one in Scope if kept(written, scope).allows(one)] == (
        list(Scope) if scope is Scope.ADMIN else [scope]
    )


def test_a_key_is_good_until_it_expires_or_is_revoked() -> None:
    written = WrittenKey.new()
    key = replace(kept(written, Scope.PREDICT), expires_at=NOON + SECOND)
    assert (key.state(NOON), key.opens(written, NOON)) == ("active", True)
    at = NOON + SECOND
    assert (key.state(at), key.opens(written, at)) == ("expired", False)
    revoked = replace(key, revoked_at=NOON, revoked_by="ada")
    assert (revoked.state(NOON), revoked.opens(written, NOON)) == ("revoked", False)
    assert revoked.state(at) == "revoked"
