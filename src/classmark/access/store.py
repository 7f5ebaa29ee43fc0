"""The keys that were made."""

from collections.abc import Callable, Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from classmark.access.key import ApiKey, MadeKey, Scope, WrittenKey
from classmark.access.tables import KeyRow
from classmark.database import Database
from classmark.errors import ConflictError, SettingError, UnknownKeyError

# A server keeps all of them in memory.
_MOST_KEYS = 1_000
_LONGEST_NAME = 100


class KeyStore:
    """Keys in the database.

    Args:
        database: Where they are.
        now: The clock.
        actor: Who makes and revokes them.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime], actor: str) -> None:
        self._database = database
        self._now = now
        self._actor = actor

    def create(
        self, name: str, scopes: Collection[Scope], expires_at: datetime | None = None
    ) -> MadeKey:
        """A new key; what is secret of it is kept nowhere.

        Raises:
            SettingError: It has no scope, or a name that can't be one.
            ConflictError: There are too many keys.
        """
        if not scopes:
            named = [f"--scope {scope}" for scope in Scope]
            raise SettingError(
                "A key without a scope opens nothing.",
                remedy=f"Give it one: {', '.join(named[:-1])} or {named[-1]}, which opens all.",
            )
        written, at = WrittenKey.new(), self._now()
        # In the order of the enumeration, each once.
        given = tuple(scope for scope in Scope if scope in scopes)
        key = ApiKey(written.id, _checked(name), given, written.digest, self._actor, at, expires_at)
        with self._database.write() as session:
            kept = session.scalar(_unrevoked(func.count()))
            if (kept or 0) >= _MOST_KEYS:
                raise ConflictError(
                    f"There are {kept:,} keys that were not revoked; more can't be kept.",
                    remedy="Revoke those that nobody uses: classmark keys list",
                )
            session.add(KeyRow(**asdict(key)))
        return MadeKey(key, written)

    def made(self) -> list[ApiKey]:
        """All there have been, the oldest first."""
        with self._database.read() as session:
            return list(map(_key, session.scalars(select(KeyRow).order_by(KeyRow.made_at))))

    def unrevoked(self) -> list[ApiKey]:
        """Those that may open something."""
        with self._database.read() as session:
            return list(map(_key, session.scalars(_unrevoked(KeyRow))))

    def revoke(self, key_id: str, *, dry_run: bool = False) -> ApiKey:
        """The key, which opens nothing any more; one that was revoked before stays as it is.

        Args:
            key_id: Of the key.
            dry_run: Only find it, and change nothing.

        Raises:
            UnknownKeyError: No key has that id.
        """
        with self._database.write() as session:
            row = session.get(KeyRow, key_id)
            if row is None:
                raise UnknownKeyError(
                    f"There is no key {key_id!r}.",
                    remedy="See `classmark keys list` for the ids.",
                )
            if row.revoked_at is None and not dry_run:
                row.revoked_at, row.revoked_by = self._now(), self._actor
            return _key(row)


def _unrevoked(what: Any) -> Select[Any]:
    return select(what).where(KeyRow.revoked_at.is_(None))


def _key(row: KeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=tuple(map(Scope, row.scopes)),
        digest=row.digest,
        made_by=row.made_by,
        made_at=row.made_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
    )


def _checked(name: str) -> str:
    if name.strip() and name.isprintable() and len(name) <= _LONGEST_NAME:
        return name
    raise SettingError(
        f"{name[:_LONGEST_NAME]!r} can't be the name of a key.",
        remedy=f"Say whose it is in one line of up to {_LONGEST_NAME} characters.",
    )
