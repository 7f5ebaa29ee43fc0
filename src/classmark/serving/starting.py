"""What a worker of a server begins with, be it the first one or one that was started again."""

from dataclasses import dataclass, replace

from classmark.errors import ClassmarkError, DatabaseUnavailableError
from classmark.registry import ModelReference, RegisteredVersion, Registry
from classmark.serving.fallback import Fallback, fallback_for, load_or_fall_back, log_fallback
from classmark.serving.runtime import ServedModel, load_served_model


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a server began with, when its first workers were started.

    Attributes:
        reference: The version; a process could load it then.
        fallback: What it stood in for.
    """

    reference: ModelReference
    fallback: Fallback | None = None


def load_for_worker(registry: Registry, beginning: Beginning, *, falls_back: bool) -> ServedModel:
    """What is in production now or, where that can't be loaded, what the server began with.

    The others go on answering with what they have: one that was started again must not end them
    all.

    Args:
        registry: Where the versions are.
        beginning: What the server began with.
        falls_back: Whether those that were live before come between the two.

    Raises:
        ClassmarkError: None of them can be loaded, or the database does not answer.
    """
    live = registry.live(beginning.reference.model)
    known = beginning.fallback
    if live is None or (known is not None and known.wanted == str(live.version)):
        return replace(load_served_model(registry, beginning.reference), fallback=known)
    try:
        served, fallback = _live_or_earlier(registry, live, falls_back=falls_back)
    except DatabaseUnavailableError:
        raise
    except ClassmarkError as error:
        if live.version == beginning.reference.version:
            raise
        served = load_served_model(registry, beginning.reference)
        fallback = fallback_for(live, error)
    if fallback is not None:
        log_fallback(served.version, fallback)
    return replace(served, fallback=fallback)


def _live_or_earlier(
    registry: Registry, live: RegisteredVersion, *, falls_back: bool
) -> tuple[ServedModel, Fallback | None]:
    def load(version: RegisteredVersion) -> ServedModel:
        return load_served_model(registry, ModelReference(version.model, version.version))

    return load_or_fall_back(registry, live, load) if falls_back else (load(live), None)
