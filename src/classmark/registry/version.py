"""Semantic versions of models, and how people refer to them."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from classmark.errors import SettingError
from classmark.naming import checked_name
from classmark.wording import meant

# No leading zeros, as semver.org asks, and no other script's digits.
_NUMBER = r"(0|[1-9][0-9]{0,8})"
_VERSION = re.compile(rf"v{_NUMBER}\.{_NUMBER}\.{_NUMBER}")
PRODUCTION = "production"
LATEST = "latest"


class Bump(StrEnum):
    """Which number rises."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """vMAJOR.MINOR.PATCH: architecture or labels, data, tuning or a fix."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version written as `v1.2.3`.

        Raises:
            SettingError: It is written otherwise.
        """
        found = _VERSION.fullmatch(text)
        if found is None:
            raise SettingError(
                f"{text!r} is not a version.", remedy="Write it as v1.2.3, all three numbers."
            )
        return cls(*map(int, found.groups()))

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}"

    def next(self, bump: Bump) -> "Version":
        """The version after this one."""
        match bump:
            case Bump.MAJOR:
                return Version(self.major + 1, 0, 0)
            case Bump.MINOR:
                return Version(self.major, self.minor + 1, 0)
            case Bump.PATCH:
                return Version(self.major, self.minor, self.patch + 1)


FIRST_VERSION = Version(1, 0, 0)


@dataclass(frozen=True, slots=True)
class ModelReference:
    """A model's version as people name it: `arxiv@v1.2.0`, `arxiv@production`, `arxiv@latest`.

    Attributes:
        model: The model's name.
        version: A version; None where a role is named.
        role: "production" or "latest"; None where a version is named.
    """

    model: str
    version: Version | None = None
    role: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The reference written as MODEL@REF.

        Raises:
            SettingError: It is written otherwise.
        """
        model, separator, reference = text.partition("@")
        if not separator or not reference:
            # As folders are named, and as every output prints it.
            name, _, number = text.rpartition("_v")
            instead = f" Did you mean {name}@v{number}?" if name and number[:1].isdigit() else ""
            raise SettingError(
                f"{text!r} does not say which version.{instead}",
                remedy="Write MODEL@v1.2.3, MODEL@production or MODEL@latest.",
            )
        checked_name(model, of="model")
        if reference in {PRODUCTION, LATEST}:
            return cls(model, role=reference)
        if reference[:1] != "v":
            raise SettingError(
                f"{reference!r} is neither a version nor production or latest."
                f"{meant(reference, (PRODUCTION, LATEST))}",
                remedy="Write MODEL@v1.2.3, MODEL@production or MODEL@latest.",
            )
        return cls(model, version=Version.parse(reference))

    def __str__(self) -> str:
        return f"{self.model}@{self.version or self.role}"


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a version was made from, as far as the bump depends on it.

    Attributes:
        architecture: Family and backbone.
        labels: The classes.
        dataset_fingerprint: Of the snapshot it learned from.
    """

    architecture: str
    labels: tuple[str, ...]
    dataset_fingerprint: str


def least_bump(newest: Version, known: Version) -> Bump:
    """What must rise at least after a version of which nothing is known any more but its number.

    As long as a number did not rise, what it stands for is that of the version that is known.
    """
    if newest.major != known.major:
        return Bump.MAJOR
    return Bump.MINOR if newest.minor != known.minor else Bump.PATCH


def proposed_bump(before: Lineage, after: Lineage) -> Bump:
    """Which number should rise, by what differs.

    Another architecture or label set is a major version, other data a minor one, and the rest
    (parameters, a fix) a patch.
    """
    if before.architecture != after.architecture or before.labels != after.labels:
        return Bump.MAJOR
    if before.dataset_fingerprint != after.dataset_fingerprint:
        return Bump.MINOR
    return Bump.PATCH
