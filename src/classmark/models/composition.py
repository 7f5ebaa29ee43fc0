"""Families that are made of other families: what ensembles and cascades share.

Each member is trained as if it were alone: into a whole artifact of its own, through the parity
gate. What a composite then learns, it learns from what those artifacts answer to the validation
rows, which no member trained on.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from classmark.errors import SettingError
from classmark.models.catalogue import CATALOGUE, family_class
from classmark.models.member_training import MemberSite, Relay, served_answers, train_member
from classmark.models.members import member_folder
from classmark.models.model import Family, Learned, TrainingSite
from classmark.models.parameters import parsed_parameters
from classmark.models.training_data import TrainingData


@dataclass(frozen=True, slots=True)
class Examination:
    """What the members of a composite answer to the validation rows.

    Attributes:
        members: Their families, in order.
        answers: The probabilities that their artifacts serve, shape (members, rows, classes).
        truth: The index of each row's label, shape (rows,).
        seed: Everything random follows from it.
        weights: How much each row counts, shape (rows,), mean 1.
    """

    members: tuple[str, ...]
    answers: NDArray[np.float64]
    truth: NDArray[np.int64]
    seed: int
    weights: NDArray[np.float64]

    def accuracies(self) -> NDArray[np.float64]:
        """The share of rows that each member gives the right label, shape (members,)."""
        found: NDArray[np.float64] = (self.answers.argmax(2) == self.truth).mean(1)
        return found


@dataclass(frozen=True, slots=True)
class Combined:
    """What a composite made of its members.

    Attributes:
        parent: Its probabilities of the validation rows, shape (rows, classes).
        details: Facts for the version's metadata.
    """

    parent: NDArray[np.float64]
    details: Mapping[str, Any]


class Composite(Family):
    """A family that trains other families and learns how to put their answers together.

    Attributes:
        members: The families that it is made of, by name, in order.
    """

    def __init__(self, parameters: Any, members: Mapping[str, Family]) -> None:
        super().__init__(parameters)
        self.members = members

    @classmethod
    def with_parameters(cls, given: Mapping[str, str]) -> Self:
        """The composite and its members; a member's parameter is written `<family>.<parameter>`.

        Raises:
            SettingError: A key is unknown, a value can't be, or the members can't be these.
        """
        own = [field.name for field in fields(cls.parameters_class)]
        parameters: Any = parsed_parameters(
            cls.parameters_class, {key: given[key] for key in own if key in given}
        )
        names = cls._members_named(parameters)
        cls._check_members(names)
        _check_keys(given, own, names)
        return cls(parameters, {name: cls._member(name, given) for name in names})

    @classmethod
    @abstractmethod
    def _members_named(cls, parameters: Any) -> tuple[str, ...]:
        """The members' families, in order."""

    @classmethod
    def _check_members(cls, names: Sequence[str]) -> None:
        twice = sorted({name for name in names if names.count(name) > 1})
        if len(names) < 2 or twice:
            told = f"{twice[0]!r} is named twice" if twice else f"{names[0]!r} alone is named"
            raise SettingError(
                f"The family {cls.name!r} needs two members or more of different families; {told}.",
                remedy=_choice_for(cls.name),
            )

    @classmethod
    def _member(cls, name: str, given: Mapping[str, str]) -> Family:
        prefix = f"{name}."
        inner = {
            key.removeprefix(prefix): value
            for key, value in given.items()
            if key.startswith(prefix)
        }
        kind = family_class(name)
        try:
            member = kind.with_parameters(inner)
        except SettingError as error:
            raise SettingError(f"Member {name!r}: {error.message}", remedy=error.remedy) from error
        if cls.name in _families_in(member):
            raise SettingError(
                f"The family {cls.name!r} can't contain itself, as it would by {name!r}.",
                remedy=_choice_for(cls.name),
            )
        return member

    @property
    def parameters(self) -> dict[str, Any]:
        """Its own, and those of each member under the name of its family."""
        members = {name: member.parameters for name, member in self.members.items()}
        return {**asdict(self._parameters), **members}

    @property
    def learning_parameters(self) -> dict[str, Any]:
        """Its own, and those of its members that decide what they learn."""
        members = {name: member.learning_parameters for name, member in self.members.items()}
        return {**asdict(self._parameters), **members}

    @property
    def parameter_types(self) -> dict[str, Any]:
        """Those of its own parameters, and those of its members as `<family>.<parameter>`."""
        members = {
            f"{name}.{key}": kind
            for name, member in self.members.items()
            for key, kind in member.parameter_types.items()
        }
        return {**super().parameter_types, **members}

    @property
    def architecture(self) -> str:
        """The members' architectures, as `ensemble:linear+encoder:minilm`."""
        return f"{self.name}:{'+'.join(map(_as_part, self.members.values()))}"

    def _learn(self, data: TrainingData, site: TrainingSite) -> Learned:
        export = site.drafts / "fp32"
        told: dict[str, Any] = {}
        answers = []
        for place, (name, member) in enumerate(self.members.items()):
            folder = member_folder(export, place, name)
            relay = Relay(site.announce, start=sum(one["epochs"] for one in told.values()))
            checkpoints = site.checkpoints and site.checkpoints / folder.name
            at = MemberSite(folder, checkpoints, site.progress, relay)
            told[name] = train_member(member, data, at)
            answers.append(served_answers(folder, data.validation.texts, site.progress))
        truth = np.searchsorted(data.labels, data.validation.labels)
        examination = Examination(
            tuple(told), np.stack(answers), truth, data.seed, self._weights(truth)
        )
        combined = self._combined(examination, export)
        details = {**combined.details, "members": told}
        return Learned(combined.parent, {"fp32": export}, details)

    def _weights(self, truth: NDArray[np.int64]) -> NDArray[np.float64]:
        """How much each validation row counts, shape (rows,)."""
        return np.ones(len(truth))

    @abstractmethod
    def _combined(self, examination: Examination, export: Path) -> Combined:
        """Learn from the members' answers, and write what serves beside their folders."""


def _check_keys(given: Mapping[str, str], own: Sequence[str], members: Sequence[str]) -> None:
    """Let keys pass that are a parameter of the composite's own or `<member>.<parameter>`."""
    unknown = [
        key for key in given if key not in own and key.partition(".")[:2] not in _prefixes(members)
    ]
    if unknown:
        of_members = ", ".join(f"{name}.PARAMETER" for name in members)
        raise SettingError(
            f"Unknown parameter: {', '.join(sorted(unknown))}.",
            remedy=f"Known are: {', '.join(own)}, and those of the members as {of_members}.",
        )


def _prefixes(members: Sequence[str]) -> set[tuple[str, str]]:
    return {(name, ".") for name in members}


def _families_in(family: Family) -> set[str]:
    """The name of a family and those of all that it is made of."""
    members = family.members.values() if isinstance(family, Composite) else ()
    return {family.name}.union(*map(_families_in, members))


def _choice_for(composite: str) -> str:
    return f"Choose among: {', '.join(name for name in CATALOGUE if name != composite)}."


def _as_part(member: Family) -> str:
    """An architecture as a part of another; brackets say where an inner composite ends."""
    inner = member.architecture
    return f"({inner})" if isinstance(member, Composite) else inner
