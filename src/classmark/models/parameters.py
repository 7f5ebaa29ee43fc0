"""Parameters of a family, as they come from `--set KEY=VALUE`."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from classmark.errors import SettingError
from classmark.wording import meant, reason

P = TypeVar("P")
Count = Annotated[int, Field(ge=1)]
Strength = Annotated[float, Field(gt=0, allow_inf_nan=False)]
ClassWeights = Literal["balanced"] | None
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def parsed_parameters(kind: type[P], given: Mapping[str, str]) -> P:
    """A value of the parameters' dataclass from texts.

    Raises:
        SettingError: A key is unknown or a value can't be; the message names it.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise SettingError(
            f"Unknown parameter: {', '.join(unknown)}.{meant(unknown[0], known)}",
            remedy=f"Known are: {', '.join(known)}.",
        )
    values: dict[str, Any] = {
        key: None if value.lower() == "none" else value for key, value in given.items()
    }
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        wrong = {str(problem["loc"][0]): problem for problem in error.errors()}
        told = (f"{key}={given[key]}: {reason(problem)}" for key, problem in wrong.items())
        raise SettingError(
            f"A parameter has a value that can't be ({'; '.join(told)}).",
            remedy="Mend it in --set or --search: docs/models.md and docs/tables.md have all.",
        ) from error
