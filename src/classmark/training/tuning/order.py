"""What a trial's own process is asked, and what it answers, a JSON object a line."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import nan
from typing import Any, Self

import orjson

from classmark.models import Milestone

# What libraries say, in words of their own, when there is no memory left.
_NO_MEMORY = (
    "not enough memory",
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "bad_alloc",
    "bad allocation",
    "memoryerror",
    "exit status -9",
    # zlib's Z_MEM_ERROR.
    "error -4 while",
)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be trained and measured.

    Attributes:
        data: The folder of all datasets.
        dataset: The dataset's name.
        snapshot: Which of its snapshots.
        family: Its name in the catalogue.
        parameters: As they come from `--set KEY=VALUE`.
        seed: Everything random follows from it.
        threads: Texts that are computed at once in measuring.
        artifact: An empty folder for the artifact.
        memory_bytes: Of address space at most; None sets no limit.
    """

    data: str
    dataset: str
    snapshot: str
    family: str
    parameters: Mapping[str, str]
    seed: int
    threads: int
    artifact: str
    memory_bytes: int | None = None

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """What was asked in a line."""
        return cls(**orjson.loads(line))

    def line(self) -> bytes:
        """As it is asked."""
        return orjson.dumps(asdict(self)) + b"\n"


def milestone_line(milestone: Milestone) -> bytes:
    """A milestone as it is told; a metric that is no number becomes null."""
    told = {"epoch": milestone.epoch, "metrics": dict(milestone.metrics)}
    return orjson.dumps({"milestone": told}, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"


def parsed_milestone(told: Mapping[str, Any]) -> Milestone:
    """The milestone that was told."""
    metrics = {name: nan if value is None else value for name, value in told["metrics"].items()}
    return Milestone(told["epoch"], metrics)


def lacks_memory(text: str) -> bool:
    """Whether words of a library or of a dying process say that memory ran out."""
    said = text.lower()
    return any(words in said for words in _NO_MEMORY)
