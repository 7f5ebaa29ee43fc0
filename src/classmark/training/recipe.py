"""What is to be trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """A family and what is set of it.

    Attributes:
        family: Its name in the catalogue.
        parameters: As they come from `--set KEY=VALUE`.
        seed: Everything random follows from it.
    """

    family: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    seed: int = 42
