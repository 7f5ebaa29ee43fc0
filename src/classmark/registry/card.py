"""The model card: what a version is, for whoever decides whether to use it.

The sections are those of Mitchell et al. (2019), "Model Cards for Model Reporting". Every figure is
one of the version's metadata; what these do not tell is said to be not stated or not measured.
"""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from classmark.registry.card_metrics import is_multi_label, limits, metrics
from classmark.registry.markdown import NOT_STATED, bullets, code, escaped, share, stated, table

Metadata = Mapping[str, Any]

# As their publishers state them.
_LICENCES = {
    "minilm": "Apache-2.0 (all-MiniLM-L6-v2)",
    "distilbert/distilbert-base-uncased": "Apache-2.0",
}
_REDACTION = "redact"


def model_card(metadata: Metadata, state: str | None = None) -> str:
    """The card of a version as Markdown.

    Args:
        metadata: As they were registered; those of earlier releases lack some keys.
        state: Where it stands, as `card_state` writes it; None leaves that out.
    """
    name = metadata.get("name", NOT_STATED)
    sections = {
        **({} if state is None else {"State": state}),
        "Details": _details(metadata),
        "Intended use": _use(metadata),
        "Data": _data(metadata),
        "Metrics": metrics(metadata),
        "Limits": bullets(limits(metadata)) or "The figures above show none.",
        "Ethical notes": _ethics(metadata),
        "How to reproduce": _reproduction(metadata),
    }
    body = "\n\n".join(f"## {heading}\n\n{text}" for heading, text in sections.items())
    return f"# Model card of {code(name)}\n\n{body}\n"


def _details(metadata: Metadata) -> str:
    seconds, size = metadata.get("training_seconds"), metadata.get("size_mb")
    backbones = _backbones(metadata)
    libraries = metadata.get("libraries") or {}
    parity = metadata.get("parity") or {}
    rows = {
        "version": stated(metadata.get("version")),
        "registered": stated(metadata.get("created_at")),
        "family": stated(metadata.get("family")),
        "architecture": stated(metadata.get("architecture")),
        "backbone": ", ".join(map(escaped, backbones)) or "none",
        "licence of the backbone": ", ".join(_LICENCES.get(name, NOT_STATED) for name in backbones)
        or "none",
        "size": NOT_STATED if size is None else f"{size:,.1f} MB",
        "serves as": stated(parity.get("chosen")),
        **_larger_models(metadata),
        "training took": NOT_STATED if seconds is None else f"{seconds:,.1f} s",
        "commit": stated(metadata.get("git_commit")),
        "libraries": stated(", ".join(f"{key} {value}" for key, value in libraries.items())),
        "record of the training": _record(metadata.get("tracking")),
        "notes": stated(metadata.get("notes")),
    }
    return table(("fact", "value"), rows.items())


def _larger_models(metadata: Metadata) -> dict[str, str]:
    """Whom a smaller model learned from, and how far it answers as the larger ones do."""
    told = {"teacher": escaped(metadata["teacher"])} if metadata.get("teacher") else {}
    measure = "subset accuracy" if is_multi_label(metadata) else "accuracy"
    found = (metadata.get("parity") or {}).get("larger") or {}
    agreements = [
        f"{escaped(name)}: {share(agreement['label_share'])} of the validation rows answered alike,"
        f" {measure} on them {share(agreement['accuracy'])}"
        for name, agreement in found.items()
    ]
    return told | ({"stands in for": "; ".join(agreements)} if agreements else {})


def _record(tracking: Metadata | None) -> str:
    if not tracking or not tracking.get("run_id"):
        return "none"
    return f"run {code(tracking['run_id'])} at {code(tracking['uri'])}"


def _backbones(metadata: Metadata) -> list[str]:
    """What was pretrained, of the members of a composite too; what a family chose itself first."""
    details, parameters = metadata.get("details") or {}, metadata.get("hyperparameters") or {}
    own = details.get("backbone") or metadata.get("base_model") or parameters.get("backbone")
    members = [value for key, value in _flat(parameters) if key.endswith(".backbone")]
    return list(dict.fromkeys(str(name) for name in (own, *members) if name))


def _flat(parameters: Metadata, before: str = "") -> Iterator[tuple[str, Any]]:
    """Parameters as `--set` takes them; those of members behind their name and a point."""
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif value is not None:
            yield f"{before}{key}", value


def _use(metadata: Metadata) -> str:
    dataset = metadata.get("dataset") or {}
    labels = metadata.get("labels") or dataset.get("categories") or []
    is_table = dataset.get("kind") == "table"
    name = code(dataset.get("name", NOT_STATED))
    given = (
        f"a row with the columns of the table {name}"
        if is_table
        else f"a text of the kind that the dataset {name} holds"
    )
    lines = [
        f"In: {given}.",
        f"Out: {_answers(metadata, labels)}.",
        "What the answers are used for: not stated.",
        f"Out of scope: {'rows' if is_table else 'texts'} of another kind or source than these.",
        "Out of scope: what belongs to none of its classes; "
        + ("it names one." if is_table else "unless it abstains, it names one."),
    ]
    if dataset.get("task") == "regression" or is_multi_label(metadata):
        lines.pop()
    if (dataset.get("recipe") or {}).get("language") == "en":
        lines.append("Out of scope: texts that are not English; none was learned from.")
    return bullets(lines)


def _answers(metadata: Metadata, labels: Any) -> str:
    if (metadata.get("dataset") or {}).get("task") == "regression":
        return f"a number for {', '.join(map(escaped, labels))}"
    listed = ", ".join(map(escaped, labels)) or NOT_STATED
    if is_multi_label(metadata):
        return f"any of {len(labels)} labels ({listed}), or none, each with a probability by itself"
    return f"one of {len(labels)} classes ({listed}) with probabilities"


def _data(metadata: Metadata) -> str:
    dataset = metadata.get("dataset") or {}
    recipe, source = dataset.get("recipe") or {}, dataset.get("source") or {}
    rows = {
        "dataset": stated(dataset.get("name")),
        "snapshot": stated(dataset.get("snapshot")),
        "fingerprint": stated(dataset.get("fingerprint") or metadata.get("dataset_fingerprint")),
        "source": stated(", ".join(f"{key} {value}" for key, value in source.items())),
        "read": stated(dataset.get("read")),
        "left out": _counted(dataset.get("dropped")),
        "kept": stated(dataset.get("samples")),
        "parts": _counted(dataset.get("split")),
        "split by": stated(recipe.get("split")),
        "cleaning": stated(", ".join(recipe.get("cleaning") or [])),
        "near-duplicates": _near_duplicates(recipe),
    }
    parts = [table(("fact", "value"), rows.items())]
    counts = dataset.get("counts")
    if counts:
        parts.append(table(("class", *map(escaped, counts)), _class_rows(counts)))
    return "\n\n".join(parts)


def _class_rows(counts: Mapping[str, Mapping[str, int]]) -> Iterator[list[str]]:
    labels = sorted({label for part in counts.values() for label in part})
    for label in labels:
        yield [escaped(label), *(f"{part.get(label, 0):,}" for part in counts.values())]


def _counted(counts: Mapping[str, int] | None) -> str:
    if counts is None:
        return NOT_STATED
    return ", ".join(f"{escaped(name)} {count:,}" for name, count in counts.items()) or "none"


def _near_duplicates(recipe: Metadata) -> str:
    if "near_duplicates" not in recipe:
        return NOT_STATED
    share = recipe["near_duplicates"]
    dropped = "kept" if share is None else f"left out from a similarity of {share:g}"
    together = recipe.get("keep_together")
    return dropped if together is None else f"{dropped}; in one part from {together:g}"


def _ethics(metadata: Metadata) -> str:
    cleaning = ((metadata.get("dataset") or {}).get("recipe") or {}).get("cleaning")
    if cleaning is None:
        personal = NOT_STATED
    elif any(str(step).startswith(_REDACTION) for step in cleaning):
        personal = (
            "e-mail addresses, phone numbers and URLs with a query were replaced before anything"
            " was stored; names and other personal data were not looked for"
        )
    else:
        personal = "not redacted: what the source holds was learned from"
    return bullets(
        (
            f"Personal data: {personal}.",
            "Consent of the authors, licence of the texts: not stated.",
            "Who gave the labels, and how well people agree on them: not stated.",
            "Differences between groups of people or authors: not measured.",
            "Whether a person looks at an answer before it counts: up to whoever uses it.",
        )
    )


def _reproduction(metadata: Metadata) -> str:
    dataset = metadata.get("dataset") or {}
    name, snapshot = code(dataset.get("name", NOT_STATED)), stated(dataset.get("snapshot"))
    lines = [
        f"Dataset {name}, snapshot {snapshot}: the same rows have the fingerprint above.",
        f"Code at commit {stated(metadata.get('git_commit'))}, libraries as above.",
    ]
    return f"{bullets(lines)}\n\n```sh\n{_command(metadata)}\n```"


def _command(metadata: Metadata) -> str:
    dataset, name = metadata.get("dataset") or {}, str(metadata.get("name", "MODEL"))
    words = ["classmark", "train", str(dataset.get("name", "DATASET"))]
    words += ["--kind", "table"] if dataset.get("kind") == "table" else []
    words += ["--model", name.removesuffix(f"_{metadata.get('version')}")]
    words += ["--family", str(metadata.get("family", "FAMILY"))]
    for key, value in _flat(metadata.get("hyperparameters") or {}):
        words += ["--set", f"{key}={value}"]
    if "seed" in metadata:
        words += ["--seed", str(metadata["seed"])]
    asked = metadata.get("reliability")
    if asked:
        words += ["--calibration", str(asked["method"])]
        words += ["--promise", str(asked["accuracy"] or "none"), "--risk", str(asked["risk"])]
    return " ".join(map(shlex.quote, [*words, *_comparing(metadata)]))


def _comparing(metadata: Metadata) -> Iterator[str]:
    """The options that name the models beside the one that is trained."""
    if metadata.get("teacher"):
        yield from ("--teacher", str(metadata["teacher"]))
    # Metadata of earlier releases may not tell of a baseline at all.
    if metadata.get("family") != "linear" and metadata.get("baseline", {}) is None:
        yield "--no-baseline"
