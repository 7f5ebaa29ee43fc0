"""`classmark keys`."""

from dataclasses import asdict
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from classmark.access import ApiKey, KeyStore, Scope
from classmark.assembly import existing_home, utc_now
from classmark.cli.options import DryRunOption, HomeOption, JsonOption
from classmark.cli.terminal import as_moment, keep_result, say, say_table
from classmark.errors import SettingError

# A hundred years.
_MOST_DAYS = 36_525


class Action(StrEnum):
    """What to do."""

    CREATE = "create"
    LIST = "list"
    REVOKE = "revoke"


def run(
    action: Annotated[Action, typer.Argument(help="What to do.")],
    which: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|ID]", help="create: whose key, or what for; revoke: the key's id."
        ),
    ] = None,
    scope: Annotated[
        list[Scope] | None,
        typer.Option("--scope", help="create: what it opens; may be given several times."),
    ] = None,
    expires_days: Annotated[
        int | None,
        typer.Option(
            "--expires-days",
            min=1,
            max=_MOST_DAYS,
            help="create: after so many days it opens nothing.",
            show_default="never",
        ),
    ] = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Who may ask a server: make a key, list all, or revoke one."""
    _check(action, which, is_made=bool(scope or expires_days), is_dry=dry_run)
    keys = existing_home(home).keys
    if action is Action.CREATE:
        found = _create(keys, which or "", scope or [], expires_days)
    elif action is Action.REVOKE:
        found = _revoke(keys, which or "", dry_run=dry_run)
    else:
        found = _list(keys)
    keep_result(json, found)


def _check(action: Action, which: str | None, *, is_made: bool, is_dry: bool) -> None:
    """Let pass what fits together.

    Raises:
        SettingError: Something is missing, or would have no effect.
    """
    if action is not Action.LIST and which is None:
        what = "a name: classmark keys create NAME --scope predict"
        what = what if action is Action.CREATE else "an id: classmark keys revoke ID"
        raise SettingError(f"keys {action} needs {what.partition(':')[0]}.", remedy=f"Give {what}")
    if action is Action.LIST and which is not None:
        raise SettingError("keys list takes no name.", remedy="Leave it out: all are listed.")
    if is_made and action is not Action.CREATE:
        raise SettingError(
            f"keys {action} takes neither --scope nor --expires-days.",
            remedy="A key keeps what it was made with: revoke it, and create another one.",
        )
    if is_dry and action is not Action.REVOKE:
        raise SettingError(
            f"keys {action} takes no --dry-run.", remedy="Leave it out: nothing goes."
        )


def _create(
    keys: KeyStore, name: str, scopes: list[Scope], expires_days: int | None
) -> dict[str, Any]:
    expires_at = utc_now() + timedelta(days=expires_days) if expires_days else None
    made = keys.create(name, scopes, expires_at)
    until = f", until {as_moment(expires_at)} UTC" if expires_at else ""
    say(f" opens {', '.join(made.key.scopes)}{until}.", strong=f"Key {made.key.id}")
    say("Note it now, it is never shown again:")
    say("", strong=str(made.written))
    return {"key": str(made.written)} | _described(made.key)


def _list(keys: KeyStore) -> dict[str, Any]:
    found = keys.made()
    say_table(
        ("id", "name", "scopes", "state", "made (UTC)", "by", "expires (UTC)"),
        [
            (
                key.id,
                key.name,
                ", ".join(key.scopes),
                key.state(utc_now()),
                as_moment(key.made_at),
                key.made_by,
                as_moment(key.expires_at) if key.expires_at else "",
            )
            for key in found
        ],
    )
    return {"keys": [_described(key) for key in found]}


def _revoke(keys: KeyStore, key_id: str, *, dry_run: bool) -> dict[str, Any]:
    key = keys.revoke(key_id, dry_run=dry_run)
    if dry_run:
        say(f" ({key.name}) would be revoked.", strong=f"Key {key.id}")
    else:
        say(
            f" ({key.name}) is revoked; servers that run know it after some seconds.",
            strong=f"Key {key.id}",
        )
    return {"is_revoked": not dry_run} | _described(key)


def _described(key: ApiKey) -> dict[str, Any]:
    """What may be known of a key."""
    kept = asdict(key)
    del kept["digest"]
    return kept | {"state": key.state(utc_now())}
