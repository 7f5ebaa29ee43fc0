"""What a batch job is asked to do."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from classmark.documents import Fields
from classmark.errors import MissingExtraError, SettingError
from classmark.row_files import check_row_file


@dataclass(frozen=True, slots=True)
class BatchJob:
    """A file to classify.

    Attributes:
        source: A file, or a folder, as `read_documents` takes it.
        fields: Which fields are read.
        out: JSONL, CSV or Parquet, by its name.
        partials: The folder of unfinished jobs.
        threads: Texts that are computed at once; on a cluster that is there it says itself.
        engine: Where they are computed: on this machine, or by Ray Data.

    Raises:
        SettingError: The results can't have that name.
        MissingExtraError: What writes them or computes them is not installed.
    """

    source: Path
    fields: Fields
    out: Path
    partials: Path
    threads: int
    engine: Literal["local", "ray"] = "local"

    def __post_init__(self) -> None:
        check_row_file(self.out)
        if self.engine == "ray" and find_spec("ray") is None:
            raise MissingExtraError("The engine 'ray'", extra="ray")
        if self.out.resolve() == self.source.resolve():
            raise SettingError(
                f"Results would take the place of the documents in {self.source}.",
                remedy="Name another file for the results.",
            )
