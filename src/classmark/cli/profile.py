"""`classmark profile`."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from classmark.assembly import Home, open_home, utc_now
from classmark.cli.options import (
    HomeOption,
    JsonOption,
    LabelFieldOption,
    TextFieldsOption,
    parsed_fields,
    takes_files,
)
from classmark.cli.terminal import (
    Bars,
    as_share,
    keep_result,
    say,
    say_table,
    say_warning,
)
from classmark.datasets import (
    Profile,
    Sampling,
    Subject,
    check_profile_folder,
    language_counter,
    profile_dataset,
    profile_documents,
    write_profile,
)
from classmark.documents import Fields, is_hub_name, read_documents
from classmark.errors import MissingExtraError, SettingError, SourceError

_CLASSES_SAID = 30
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def writable_folder(path: Path | None) -> Path | None:
    """The path itself, if a profile can be written there; asked before the work, not after it.

    Raises:
        SettingError: It is no folder, or can't be made or written to, or holds other things of
            the same names.
        MissingExtraError: What draws a profile is not installed.
    """
    if path is None:
        return None
    if not takes_files(path):
        raise SettingError(
            f"No folder can be written at {path}.",
            remedy="Name a folder that can be made or written to.",
        )
    check_profile_folder(path)
    return path


def run(
    source: Annotated[
        str,
        typer.Argument(
            help="A dataset's name, a file or folder of documents, or hf:NAME.",
            metavar="DATASET_OR_FILE",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder of page and plots.",
            show_default="reports/<name>_profile in the home",
            callback=writable_folder,
        ),
    ] = None,
    text_fields: TextFieldsOption = None,
    label_field: LabelFieldOption = None,
    multi_label: Annotated[
        bool, typer.Option("--multi-label", help="A document may have several labels.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """What a dataset or a file is like: a page, plots, and the main figures."""
    place = open_home(home)
    fields = replace(
        parsed_fields(text_fields, label_field, label_required=False), multi_label=multi_label
    )
    folder = out or writable_folder(place.reports / f"{_name_of(source)}_profile")
    profile = _profile(place, source, fields)
    page = write_profile(profile, folder or place.reports, made_at=utc_now())
    show(profile)
    say(f"Profile: {page}")
    keep_result(json, describe(profile) | {"page": str(page)})


def describe(profile: Profile) -> dict[str, Any]:
    """A profile as the JSON result has it."""
    copies, lengths = profile.duplicates, profile.lengths
    return {
        "name": profile.subject.name,
        "documents": profile.documents,
        "parts": dict(profile.parts),
        "counts": dict(profile.class_sizes),
        "words": {
            "least": lengths.least,
            **{f"p{share}": lengths.quantile(share / 100) for share in (5, 25, 50, 75, 95)},
            "most": lengths.most,
            "mean": lengths.mean,
        },
        "months": dict(profile.months),
        "missing": dict(profile.missing),
        "duplicates": {
            "exact": dict(copies.exact),
            "contradicting": copies.contradicting,
            "near": copies.near,
            "straddling": copies.straddling,
        },
        "vocabulary": profile.vocabulary.words,
        "vocabulary_whole": profile.vocabulary.whole,
        "terms": {one.label: [term.word for term in one.terms] for one in profile.classes},
        "oddities": {oddity.sign: oddity.documents for oddity in profile.oddities},
        "languages": dict(profile.languages),
        "labels_each": dict(profile.labels_each),
        "dropped": dict(profile.subject.dropped),
        "findings": list(profile.findings()),
    }


def show(profile: Profile) -> None:
    """The main figures of a profile, and what to look at."""
    if profile.classes:
        say_table(
            ("class", "documents", "share", "median words", "terms"),
            [
                (
                    one.label,
                    f"{one.documents:,}",
                    as_share(one.documents / profile.documents),
                    f"{one.lengths.quantile(0.5):,}",
                    ", ".join(term.word for term in one.terms[:5]),
                )
                for one in profile.classes[:_CLASSES_SAID]
            ],
            title=f"Profile of {profile.subject.name}",
        )
    others = len(profile.class_sizes) - len(profile.classes[:_CLASSES_SAID])
    if others:
        say(f"and {others:,} smaller classes")
    lengths, copies = profile.lengths, profile.duplicates
    more = "" if profile.vocabulary.whole else "more than "
    say(
        f"{profile.documents:,} documents, {len(profile.class_sizes):,} classes, "
        f"{more}{profile.vocabulary.words:,} different words"
    )
    say(
        f"words in a text: median {lengths.quantile(0.5):,}, "
        f"{lengths.least:,} to {lengths.most:,}, middle 90 % {lengths.quantile(0.05):,} to "
        f"{lengths.quantile(0.95):,}"
    )
    say(f"duplicates: {sum(copies.exact.values()):,} exact, {copies.near:,} near")
    for finding in profile.findings():
        say_warning(finding)


def _profile(home: Home, source: str, fields: Fields) -> Profile:
    if not Path(source).is_file() and source in home.datasets.names():
        return profile_dataset(home.datasets.load(source), progress=Bars())
    if not Path(source).exists() and not is_hub_name(source):
        known = ", ".join(home.datasets.names()) or "none yet"
        raise SourceError(
            f"There is no file and no dataset {source!r} (datasets: {known}).",
            remedy="Give the path of a file of documents, or the name of a prepared dataset.",
        )
    documents = read_documents(source, fields)
    subject = Subject(_name_of(source), source)
    return profile_documents(documents, subject, _sampling(), progress=Bars())


def _sampling() -> Sampling:
    """What is drawn from a file; languages are left out where nobody can tell them."""
    try:
        return Sampling(languages=language_counter())
    except MissingExtraError:
        return Sampling()


def _name_of(source: str) -> str:
    """A name for a folder: that of the dataset, or of the file without its endings."""
    name = Path(source).name.partition(".")[0] or Path(source).name
    return _NOT_IN_A_NAME.sub("_", name).strip("._") or "documents"
