"""A key, what it opens, and how it is written."""

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

_ID_CHARACTERS = 8
_SECRET_BYTES = 32
_WRITTEN = re.compile(rf"cm_([a-z0-9]{{{_ID_CHARACTERS}}})_([A-Za-z0-9_-]{{43}})", re.ASCII)


class Scope(StrEnum):
    """What a key opens."""

    PREDICT = "predict"
    FEEDBACK = "feedback"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class WrittenKey:
    """A key as its holder has it.

    Attributes:
        id: Names it; no secret.
        secret: 256 bits that nobody guesses.
    """

    id: str
    secret: str = field(repr=False)

    def __str__(self) -> str:
        return f"cm_{self.id}_{self.secret}"

    @classmethod
    def new(cls) -> Self:
        """One that was never there before, by the system's own source of randomness."""
        alphabet = string.ascii_lowercase + string.digits
        name = "".join(secrets.choice(alphabet) for _ in range(_ID_CHARACTERS))
        return cls(name, secrets.token_urlsafe(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The key that a text is; None if it can't be one."""
        found = _WRITTEN.fullmatch(text)
        return cls(*found.groups()) if found else None

    @property
    def digest(self) -> str:
        """What is kept of the secret."""
        # A slow, salted hash guards what people choose, which can be guessed. Nobody guesses 256
        # random bits, and a fast one costs a request nothing.
        return hashlib.sha256(self.secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key.

    Attributes:
        id: As it is written in the key.
        name: Whose it is or what for.
        scopes: What it opens.
        digest: Of the secret.
        made_by: Who made it.
        made_at: When.
        expires_at: From when on it opens nothing; None if it lasts.
        revoked_at: When it was revoked, if it was.
        revoked_by: Who did that.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    digest: str = field(repr=False)
    made_by: str
    made_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether it opens what asks for a scope; `admin` opens all."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def opens(self, written: WrittenKey, at: datetime) -> bool:
        """Whether a written key is this one, and still good then."""
        # In constant time: how long it takes tells nothing of how much was right.
        is_it = hmac.compare_digest(written.digest, self.digest)
        return is_it and self.state(at) == "active"

    def state(self, at: datetime) -> str:
        """`active`, `revoked` or `expired`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= at else "active"


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key, and the one time that it is seen whole.

    Attributes:
        key: What is kept of it.
        written: What its holder gets.
    """

    key: ApiKey
    written: WrittenKey
