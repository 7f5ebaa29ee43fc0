"""`classmark train`."""

from typing import Annotated, Any

import typer

from classmark.assembly import existing_home
from classmark.cli.options import HomeOption, JsonOption, SeedOption
from classmark.cli.terminal import Bars, as_share, keep_result, say
from classmark.errors import SettingError
from classmark.naming import checked_name
from classmark.registry import Bump
from classmark.retraining import NewVersion, VersionRequest, train_version
from classmark.training import TrainingRecipe


def run(
    dataset: Annotated[str, typer.Argument(help="A dataset that was prepared.")],
    model: Annotated[str, typer.Option(help="The model's name.")],
    family: Annotated[str, typer.Option(help="linear or encoder.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the family; repeatable."),
    ] = None,
    bump: Annotated[
        Bump | None, typer.Option(help="Which number rises.", show_default="what differs decides")
    ] = None,
    seed: SeedOption = 42,
    notes: Annotated[str, typer.Option(help="For the metadata and the history.")] = "",
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """A dataset becomes the next version of a model: trained, exported, checked, registered."""
    place = existing_home(home)
    checked_name(model, of="model")
    request = VersionRequest(
        model, TrainingRecipe(family, parsed_parameters(set_ or []), seed), bump, notes
    )
    new = train_version(
        place.datasets.load(dataset),
        request,
        place.registry,
        threads=place.threads,
        progress=Bars(),
    )
    show(new)
    reference = f"{model}@{new.version.version}"
    say(f"Next: classmark evaluate {reference} {dataset}, then classmark promote {reference}")
    keep_result(json, describe(new))


def parsed_parameters(given: list[str]) -> dict[str, str]:
    """The parameters of `--set KEY=VALUE ...`."""
    parameters = {}
    for item in given:
        key, separator, value = item.partition("=")
        if not separator or not key:
            raise SettingError(
                f"--set {item!r} is no KEY=VALUE.", remedy="Write it as --set max_tokens=128."
            )
        parameters[key.strip()] = value.strip()
    return parameters


def describe(new: NewVersion) -> dict[str, Any]:
    """A new version as the JSON result has it."""
    version, metadata = new.version, new.version.metadata
    return {
        "model": version.model,
        "version": str(version.version),
        "name": version.name,
        "status": version.status.value,
        "path": str(version.folder),
        "family": metadata["family"],
        "architecture": metadata["architecture"],
        "metrics": metadata["metrics"],
        "parity": metadata["parity"],
        "training_seconds": metadata["training_seconds"],
        "size_mb": metadata["size_mb"],
    }


def show(new: NewVersion) -> None:
    """A new version in two lines."""
    version, metadata = new.version, new.version.metadata
    parity, metrics = metadata["parity"], metadata["metrics"]
    say(
        f" is registered ({metadata['architecture']}, {metadata['size_mb']:.1f} MB, "
        f"{metadata['training_seconds']:.0f} s): accuracy "
        f"{as_share(metrics['val']['accuracy'])} on val, "
        f"{as_share(metrics['test']['accuracy'])} on test",
        strong=version.name,
    )
    chosen = parity["exports"][parity["chosen"]]
    say(
        f"Serves as {parity['chosen']}: {as_share(chosen['label_share'])} of {parity['rows']} "
        f"validation labels as trained, largest probability gap {chosen['largest_gap']:.2g}"
    )
