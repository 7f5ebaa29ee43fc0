"""Why a value can't be is told in the words of whoever typed it."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from classmark.wording import meant, reason

FROM_TWO = Annotated[int, Field(ge=2, lt=9)]


@dataclass
class Shelf:
    books: int


class Book(BaseModel):
    model_config = ConfigDict(extra="forbid", from_attributes=True)

    pages: int


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (int, "many", "it must be a whole number"),
        (int, 1.5, "it must be a whole number"),
        (float, "many", "it must be a number"),
        (bool, "maybe", "it must be true or false"),
        (FROM_TWO, 1, "it must be at least 2"),
        (FROM_TWO, 9, "it must be below 9"),
        (Annotated[float, Field(gt=0.0)], 0, "it must be above 0"),
        (Annotated[float, Field(le=0.5)], 1, "it must be at most 0.5"),
        (Annotated[float, Field(allow_inf_nan=False)], "nan", "it must be a finite number"),
        (Literal["head", "tail"], "middle", "it must be 'head' or 'tail'"),
        (str, 1, "it must be a text"),
        (list[int], 1, "it must be a list"),
        (Shelf, {}, "it is missing"),
        (Shelf, 9, "it must have names with values"),
        (dict[str, int], 9, "it must have names with values"),
        (Annotated[str, Field(min_length=2)], "a", "it must have 2 or more characters"),
        (Annotated[str, Field(max_length=2)], "abc", "it must have at most 2 characters"),
        (Annotated[str, Field(pattern="^a+$")], "b", "it must match ^a+$"),
        (Annotated[list[int], Field(min_length=1)], [], "it must have 1 or more items"),
        (Annotated[list[int], Field(max_length=2)], [1, 2, 3], "it must have at most 2 items"),
        (Book, {"pages": 3, "colour": "red"}, "there is no such field"),
        (Book, 9, "it must be one JSON object"),
        # What is not known is told as pydantic does.
        (Annotated[int, Field(multiple_of=2)], 3, "Input should be a multiple of 2"),
    ],
)
def test_a_reason_says_what_the_value_must_be(kind: Any, value: object, told: str) -> None:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(kind).validate_python(value)
    (problem,) = raised.value.errors()
    assert reason(problem) == told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("liner", " Did you mean 'linear'?"),
        ("", ""),
        ("zebra", ""),
        ("encodr", " Did you mean 'encoder'?"),
    ],
)
def test_a_misspelt_name_is_asked_about(given: str, told: str) -> None:
    assert meant(given, ["linear", "encoder"]) == told
