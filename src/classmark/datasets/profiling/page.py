"""A profile for people: one HTML page that needs nothing else, its plots as PNG beside it."""

import base64
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from classmark.datasets.profiling.profile import Profile
from classmark.durable import write_bytes
from classmark.errors import MissingExtraError, SettingError

_PAGE = "profile.html"
_PLOTS = ("classes.png", "lengths.png", "class_lengths.png", "timeline.png")
# By this a page that we wrote, and may replace, is known again.
_MARK = '<meta name="generator" content="classmark profile">'
_CHARACTERS_MARKED = 1000
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Sizes are listed of so many classes; what a file with thousands of them lacks is other things.
_SIZES_LISTED = 200


def write_profile(profile: Profile, folder: Path, *, made_at: datetime) -> Path:
    """Write `profile.html` and its plots; those of an earlier profile give way, all else stays.

    Args:
        profile: What is shown.
        folder: Made where it is not there.
        made_at: When, for the page.

    Returns:
        The page.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
        SettingError: Files there have the names of a profile's and are none.
    """
    check_profile_folder(folder)
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 (extra)

    from classmark.datasets.profiling.plots import draw  # noqa: PLC0415 (extra)

    plots = draw(profile)
    source = files("classmark.datasets").joinpath("templates", _PAGE).read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(source).render(
        profile=profile,
        made_at=made_at.isoformat(timespec="seconds"),
        plots=plots,
        encoded={name: base64.b64encode(plot.png).decode() for name, plot in plots.items()},
        quantiles=_QUANTILES,
        sizes_listed=_SIZES_LISTED,
    )
    for name in _PLOTS:
        if name in plots:
            write_bytes(folder / name, plots[name].png)
        else:
            (folder / name).unlink(missing_ok=True)
    write_bytes(folder / _PAGE, page.encode())
    return folder / _PAGE


def check_profile_folder(folder: Path) -> None:
    """Let a folder pass into which a profile can be written, without loss; asked before the work.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
        SettingError: Files there have the names of a profile's and are none.
    """
    try:
        import jinja2  # noqa: F401, PLC0415 (extra)
        import matplotlib as mpl  # noqa: F401, PLC0415 (extra)
    except ModuleNotFoundError as error:
        raise MissingExtraError("A profile's page", extra="train") from error
    taken = [name for name in (_PAGE, *_PLOTS) if (folder / name).exists()]
    if taken and not _is_ours(folder / _PAGE):
        raise SettingError(
            f"{folder / taken[0]} is there already and belongs to no profile.",
            remedy="Name another folder with --out, or move that file away.",
        )


def _is_ours(page: Path) -> bool:
    if not page.is_file():
        return False
    with page.open("rb") as file:
        return _MARK.encode() in file.read(_CHARACTERS_MARKED)
