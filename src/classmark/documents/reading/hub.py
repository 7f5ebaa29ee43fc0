"""Records out of a dataset of the Hugging Face hub, or of a folder in its form, as they stream in.

The hub's own library reads them. It runs no code of a dataset: those that are a script are refused.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from classmark.documents.reading.record import Record, plain
from classmark.errors import MissingExtraError, SourceError, SourceUnavailableError

HUB_PREFIX = "hf:"
_PART = r"\w[\w.-]*"
_NAME = re.compile(rf"{_PART}(/{_PART}){{0,2}}", re.ASCII)
_LONGEST_REASON = 400


@dataclass(frozen=True, slots=True)
class HubName:
    """Which dataset is meant.

    Attributes:
        name: As the hub has it, with its configuration behind a slash; or a local folder.
        splits: Whose rows are read, one split after another.
    """

    name: str
    splits: tuple[str, ...] = ("train",)

    @classmethod
    def parse(cls, text: str) -> "HubName":
        """The name that `hf:NAME`, `hf:NAME/CONFIG`, `hf:./FOLDER`, each with `@SPLIT`, stands for.

        Raises:
            SourceError: It is no such name.
        """
        rest = text.removeprefix(HUB_PREFIX)
        name, at, split = rest.rpartition("@")
        if not at or "/" in split:
            name, split = rest, "train"
        parsed = cls(name, tuple(split.split("+")))
        if (parsed.is_local or _NAME.fullmatch(name)) and all(parsed.splits):
            return parsed
        raise SourceError(
            f"{text!r} is no name of a dataset.",
            remedy="Write hf:NAME, hf:OWNER/NAME/CONFIG or hf:./FOLDER; @test or @train+test behind"
            " it names the splits.",
        )

    @property
    def is_local(self) -> bool:
        """Whether it is a folder here."""
        return self.name.startswith((".", "/", "~"))

    @property
    def readings(self) -> tuple[tuple[str, str | None], ...]:
        """What it may mean, as dataset and configuration: `a/b` is an owner's or a's b."""
        if self.is_local:
            # Whole, so that the library takes it for nothing else than a folder.
            return ((str(Path(self.name).expanduser().absolute()), None),)
        dataset, _, config = self.name.rpartition("/")
        if dataset.count("/"):
            return ((dataset, config),)
        return ((self.name, None), (dataset, config)) if dataset else ((self.name, None),)


def is_hub_name(source: object) -> bool:
    """Whether a source is meant as a dataset of the hub."""
    return str(source).startswith(HUB_PREFIX)


def may_be_hub_name(source: str) -> bool:
    """Whether a source that is no file could be meant as one."""
    return _NAME.fullmatch(source) is not None


def read_hub(source: str) -> Iterator[Record]:
    """The records of the rows of `hf:NAME`, those of its split `train` where none is named.

    Numbers of classes become their names, dates ISO 8601.

    Raises:
        SourceError: There is no such dataset, configuration or split, or it can't be read.
        SourceUnavailableError: The hub does not answer.
        MissingExtraError: The hub's library is not installed.
    """
    try:
        import datasets  # noqa: PLC0415 (extra)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "Reading datasets of the Hugging Face hub", extra="train"
        ) from error
    wanted = HubName.parse(source)
    _check_meaning(wanted)
    with _told(source, wanted):
        splits = _loaded(datasets, wanted)
    missing = [split for split in wanted.splits if split not in splits]
    if missing:
        raise SourceError(
            f"{source} has no split {missing[0]!r} (there are: {', '.join(map(str, splits))}).",
            remedy=f"Name one, as {HUB_PREFIX}{wanted.name}@{next(iter(splits), 'train')}",
        )
    for split in wanted.splits:
        with _told(source, wanted):
            yield from _rows(datasets, splits[split], split)


def _check_meaning(wanted: HubName) -> None:
    """Refuse what the library would take for something else than a dataset of the hub."""
    if wanted.is_local:
        folder = Path(wanted.readings[0][0])
        if not folder.is_dir():
            raise SourceError(f"There is no folder {folder}.", remedy="Check the path.")
        return
    for dataset, _ in wanted.readings:
        if Path(dataset).exists():
            raise SourceError(
                f"{dataset!r} could be the hub's or the one that stands here.",
                remedy=f"Write {HUB_PREFIX}./{dataset} for this one, or start somewhere else.",
            )
        if dataset.isidentifier() and find_spec(f"datasets.packaged_modules.{dataset}"):
            raise SourceError(
                f"{dataset!r} is a format, not a dataset.",
                remedy="Name a file by its path, or a folder as hf:./FOLDER.",
            )


def _loaded(datasets: Any, wanted: HubName) -> Any:
    """The splits by name, nothing of their rows yet; the first reading that exists."""
    from huggingface_hub import HfApi  # noqa: PLC0415 (extra)
    from huggingface_hub.errors import RepositoryNotFoundError  # noqa: PLC0415 (extra)

    for dataset, config in wanted.readings:
        with suppress(datasets.exceptions.DatasetNotFoundError, RepositoryNotFoundError):
            # Names without an owner are old ones; the hub knows whose they are now.
            owned = dataset if "/" in dataset else HfApi().dataset_info(dataset).id
            return datasets.load_dataset(owned, config, streaming=True)
    raise SourceError(
        f"The Hugging Face hub has no dataset {wanted.name!r}, or hides it.",
        remedy="Check its name on huggingface.co/datasets; a private or gated dataset needs "
        "HF_TOKEN.",
    )


def _rows(datasets: Any, split: Any, name: str) -> Iterator[Record]:
    # Pictures and sounds are not decoded: nobody reads them.
    rows = split.decode(False) if split.features else split
    names = _class_names(datasets, split.features or {})
    for number, row in enumerate(rows, start=1):
        values = {
            field: names[field](value) if field in names else plain(value)
            for field, value in row.items()
        }
        yield Record(f"row {number} of {name}", values)


def _class_names(datasets: Any, features: dict[str, Any]) -> dict[str, Callable[[Any], Any]]:
    """For each field of classes, what makes names of its numbers."""
    found: dict[str, Callable[[Any], Any]] = {}
    for field, feature in features.items():
        if isinstance(feature, datasets.ClassLabel):
            found[field] = _namer(tuple(feature.names))
        elif isinstance(getattr(feature, "feature", None), datasets.ClassLabel):
            found[field] = _list_namer(_namer(tuple(feature.feature.names)))
    return found


def _namer(names: tuple[str, ...]) -> Callable[[Any], str | None]:
    # -1 stands for "not told", as in the test parts of competitions.
    return lambda number: names[number] if number is not None and number >= 0 else None


def _list_namer(name: Callable[[Any], str | None]) -> Callable[[Any], list[str | None] | None]:
    return lambda numbers: None if numbers is None else [name(number) for number in numbers]


@contextmanager
def _told(source: str, wanted: HubName) -> Iterator[None]:
    """What the hub's library raises, as our own errors."""
    from datasets.data_files import EmptyDatasetError  # noqa: PLC0415 (extra)
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # noqa: PLC0415
    from pyarrow import ArrowException  # noqa: PLC0415 (extra)

    from datasets import exceptions  # noqa: PLC0415 (extra)

    missing = (exceptions.FileNotFoundDatasetsError, EmptyDatasetError)
    # A dataset that is a script, which the library no longer runs, is a RuntimeError.
    broken = (
        *(exceptions.DatasetsError, ArrowException),
        *(ValueError, TypeError, LookupError, RuntimeError),
    )
    try:
        yield
    except (*missing, *broken) as error:
        raise SourceError(
            f"{source} can't be read: {_reason(error)}",
            remedy="Check what it holds; a configuration stands behind the name, as hf:glue/sst2.",
        ) from error
    except (OSError, HTTPError) as error:
        if wanted.is_local:
            raise SourceError(
                f"{source} can't be read: {_reason(error)}",
                remedy="Give a folder with data files in the form of the hub.",
            ) from error
        raise SourceUnavailableError(
            f"{source}: the Hugging Face hub can't be reached ({_reason(error)})",
            remedy="Check the network and HF_HUB_OFFLINE, or fetch the dataset elsewhere and give "
            "its folder as hf:./FOLDER.",
        ) from error


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "..."
