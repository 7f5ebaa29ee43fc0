"""How MLflow loads a version that was published to it.

It is named in the published model as the module that loads it, so that MLflow has nothing to
unpickle: it gets files, whose digests are checked, and our own runtime.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classmark.errors import MissingExtraError, RecordError
from classmark.models import Classifier, load_classifier
from classmark.registry import verify_manifest

if TYPE_CHECKING:
    import pandas as pd


class PublishedClassifier:
    """A classifier as MLflow asks it.

    Args:
        classifier: What answers.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    def predict(
        self, model_input: "pd.DataFrame", params: Mapping[str, Any] | None = None
    ) -> "pd.DataFrame":
        """The answers for texts, a row each; what stands in it is what `classmark predict` says.

        Args:
            model_input: With a column `text`; MLflow lets pass nothing else.
            params: MLflow's; there are none.

        Raises:
            RecordError: A text is empty.
        """
        del params
        frame: pd.DataFrame = _pandas().DataFrame(
            [self._row(text) for text in _checked(model_input["text"])],
            index=model_input.index,
            columns=[
                *("label", "confidence", "abstained", "labels"),
                *(f"probability_{label}" for label in self._classifier.labels),
            ],
        )
        return frame

    def _row(self, text: str) -> tuple[Any, ...]:
        answer = self._classifier.classify(text)
        given = list(answer.labels)
        return (answer.label, answer.confidence, answer.abstained, given, *answer.probabilities)


def _load_pyfunc(path: str, model_config: Mapping[str, Any]) -> PublishedClassifier:
    """The classifier in a folder that MLflow brought, every byte of it checked; MLflow calls this.

    Args:
        path: The folder.
        model_config: `digest` is the SHA-256 of the manifest. As published it lies beside the
            files; who noted it elsewhere hands it to `mlflow.pyfunc.load_model`.

    Raises:
        TamperedVersionError: The files are not what was published.
    """
    _pandas()
    folder = Path(path)
    verify_manifest(folder, str(model_config["digest"]))
    return PublishedClassifier(load_classifier(folder))


def _checked(texts: Iterable[Any]) -> Iterator[str]:
    for index, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise RecordError(
                f"Row {index + 1} has no text.", remedy="Leave out rows without text."
            )
        yield text


def _pandas() -> Any:
    try:
        import pandas as pd  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError as error:
        raise MissingExtraError("A published model", extra="tracking") from error
    return pd
