"""The versions of one model, as a server asks for them while it runs; each call may hang."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from classmark.errors import NotFoundError
from classmark.predictions import Prediction
from classmark.registry import ModelReference, RegisteredVersion, Registry, Version
from classmark.serving.runtime import ServedModel, load_verified


class Versions(Protocol):
    """Where a server looks what is live, and loads it from."""

    def live(self) -> RegisteredVersion | None:
        """The version in production; None if none is."""
        ...

    def verified(self, version: RegisteredVersion) -> RegisteredVersion:
        """A version, every byte of it checked.

        Raises:
            ClassmarkError: It is not what was registered, or can't be had.
        """
        ...

    def load(self, version: RegisteredVersion) -> ServedModel:
        """A version that was checked, ready to answer.

        Raises:
            ClassmarkError: It does not answer, or there is not enough memory for it.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelVersions:
    """The versions of one model in a registry.

    Attributes:
        registry: Where they are.
        model: Its name.
        cores: On how many a text may be computed that is asked alone.
    """

    registry: Registry
    model: str
    cores: int = 1

    def live(self) -> RegisteredVersion | None:
        """The version in production; None if none is."""
        return self.registry.live(self.model)

    def production(self) -> str | None:
        """The number of the version in production; None if none is."""
        live = self.live()
        return str(live.version) if live else None

    def verified(self, version: RegisteredVersion) -> RegisteredVersion:
        """A version, every byte of it checked."""
        return self.registry.verify(ModelReference(self.model, version.version))

    def load(self, version: RegisteredVersion) -> ServedModel:
        """A version that was checked, ready to answer."""
        return load_verified(version).on_cores(self.cores)

    def labels_of(self, prediction: Prediction) -> Sequence[str] | None:
        """The labels of the version that made a prediction; None if it is gone."""
        made_by = ModelReference(prediction.model, Version.parse(prediction.version))
        try:
            labels: Sequence[str] = self.registry.resolve(made_by).metadata["labels"]
        except NotFoundError:
            return None
        return labels
