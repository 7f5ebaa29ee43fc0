"""The results of a batch job: a file of JSON lines while it runs, then what was asked for."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from classmark.durable import replacing
from classmark.row_files import write_rows


def read_results(partial: Path) -> Iterator[dict[str, Any]]:
    """The results in a partial file, one by one."""
    with partial.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def publish_results(partial: Path, out: Path, columns: Sequence[str]) -> None:
    """Write the results of a partial file as the name of `out` says, or leave `out` as it is.

    Raises:
        OSError: It can't be written.
    """
    if out.suffix != ".jsonl":
        write_rows(read_results(partial), out, columns)
        return
    with replacing(out) as file, partial.open("rb") as lines:
        shutil.copyfileobj(lines, file)
