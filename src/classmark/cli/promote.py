"""`classmark promote`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from classmark.assembly import existing_home
from classmark.cli.options import (
    DryRunOption,
    HomeOption,
    JsonOption,
    LabelFieldOption,
    ReasonOption,
    ReferenceArgument,
    TextFieldsOption,
    parsed_fields,
)
from classmark.cli.table_versions import check_no_fields
from classmark.cli.terminal import keep_result, say
from classmark.errors import PromotionRefusedError, SettingError
from classmark.registry import Beside, Decision, ModelReference, RegisteredVersion, check_promotion

if TYPE_CHECKING:
    from classmark.retraining import Judgement

OnOption = Annotated[
    str | None,
    typer.Option(
        "--on",
        help="Labelled rows on which it is compared with production: a file, or a dataset's name.",
        show_default="the part that it was tested on",
    ),
]
AssumeNewOption = Annotated[
    bool,
    typer.Option(
        "--assume-new",
        help="Take the rows of --on as new to a version whose snapshot is not here to tell.",
    ),
]
ForceOption = Annotated[
    bool,
    typer.Option("--force", help="Promote it without a comparison; needs --reason."),
]


def run(
    reference: ReferenceArgument,
    on: OnOption = None,
    assume_new: AssumeNewOption = False,
    text_fields: TextFieldsOption = None,
    label_field: LabelFieldOption = None,
    force: ForceOption = False,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Put a version into production, if it is shown to be no worse than the one that is there."""
    place = existing_home(home)
    _check_options(on, assume_new, force, reason)
    candidate = place.registry.resolve(reference)
    live = place.registry.live(candidate.model)
    number = live.version if live else None
    check_promotion(candidate.model, candidate.version, candidate.status, number)
    if candidate.is_of_table:
        check_no_fields(text_fields, label_field)
    elif on is None and (text_fields or label_field):
        raise SettingError(
            "--text-fields and --label-field tell how to read the file of --on, and there is none.",
            remedy="Leave them out, or name the file: --on FILE",
        )
    result: dict[str, Any] = {"judgement": None}
    why = f"forced: {reason}" if force else reason
    if live is not None and not force:
        # It measures, and that needs more than the base install has.
        from classmark.cli import judging  # noqa: PLC0415

        fields = parsed_fields(text_fields, label_field)
        judgement = judging.judge(place, candidate, live, on, fields, assume_new=assume_new)
        result["judgement"] = judging.describe(judgement, candidate)
        if not dry_run:
            _check(judgement, candidate)
        why = _reasons(reason, judgement)
    if dry_run:
        say(" stays as it is: this is a dry run.", strong=candidate.name)
    else:
        named = ModelReference(candidate.model, candidate.version)
        # That nothing was live is a judgement too: whatever went live meanwhile was not looked at.
        beside = None if force else Beside(number)
        candidate = place.registry.promote(named, why, against=beside)
        say(" is in production.", strong=candidate.name)
    keep_result(json, describe(candidate) | {"is_promoted": not dry_run} | result)


def describe(version: RegisteredVersion) -> dict[str, Any]:
    """What goes live, as the JSON result has it."""
    return {
        "model": version.model,
        "production_version": str(version.version),
        "path": str(version.folder),
    }


def _check_options(on: str | None, assume_new: bool, force: bool, reason: str) -> None:
    """Let options pass that go together.

    Raises:
        SettingError: One of them lacks the other that it needs.
    """
    if assume_new and on is None:
        raise SettingError(
            "--assume-new tells of the rows of --on, and there are none.",
            remedy="Name rows of which you know that neither version has met them: --on FILE",
        )
    if force and not reason.strip():
        raise SettingError("--force needs a reason.", remedy="Say why: --force --reason TEXT")


def _reasons(given: str, judgement: "Judgement") -> str:
    """What the history keeps: what somebody said, and what was measured."""
    measured = "; ".join(judgement.verdict.reasons)
    return f"{given} ({measured})" if given else measured


def _check(judgement: "Judgement", candidate: RegisteredVersion) -> None:
    """Let a candidate pass that is good enough.

    Raises:
        PromotionRefusedError: It is worse than production, or not shown not to be.
    """
    if judgement.verdict.decision is Decision.PROMOTE:
        return
    raise PromotionRefusedError(
        f"{candidate.name} does not go live beside {judgement.production.name}."
        f" {judgement.verdict}",
        remedy=f"{_first_remedy(judgement)}To promote it all the same, say why: --force --reason"
        " TEXT",
    )


def _first_remedy(judgement: "Judgement") -> str:
    """What helps to a verdict, where there is none yet."""
    if judgement.verdict.decision is Decision.REJECT:
        return ""
    if judgement.untold and not judgement.rows:
        return (
            "Copy what is missing into this home, or give rows of which you know that they are new"
            " to both: --on FILE --assume-new. "
        )
    return "Give labelled rows that are new to both: --on FILE. "
