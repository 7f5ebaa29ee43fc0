"""What an MLflow server has of a model, asked over HTTP: MLflow itself is not imported here."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen


@dataclass(frozen=True, slots=True)
class Published:
    """One version in MLflow.

    Attributes:
        number: MLflow's own.
        run_id: Of the run that it came from.
        source: Where its files are.
        description: Of it.
        tags: Its tags.
    """

    number: str
    run_id: str
    source: str
    description: str
    tags: dict[str, str]


class ModelRegistry:
    """The registry of a server.

    Args:
        url: The server's.
    """

    def __init__(self, url: str) -> None:
        self._url = f"{url}/api/2.0/mlflow"

    def versions(self, model: str) -> dict[str, Published]:
        """By our number, which none has twice."""
        found = self.ask("model-versions/search", filter=f"name='{model}'")
        versions = [
            Published(
                one["version"],
                one["run_id"],
                one["source"],
                one["description"],
                {tag["key"]: tag["value"] for tag in one["tags"]},
            )
            for one in found.get("model_versions", [])
        ]
        by_number = {one.tags["classmark.version"]: one for one in versions}
        assert len(by_number) == len(versions)
        return by_number

    def live(self, model: str) -> str | None:
        """Our number of the version that is called production."""
        try:
            found = self.ask("registered-models/alias", name=model, alias="production")
        except HTTPError as error:
            with error:
                return None
        tags = {tag["key"]: tag["value"] for tag in found["model_version"]["tags"]}
        return str(tags["classmark.version"])

    def tags(self, model: str) -> dict[str, str]:
        """Of a model."""
        found = self.ask("registered-models/get", name=model)["registered_model"]
        return {tag["key"]: tag["value"] for tag in found.get("tags", [])}

    def ask(self, path: str, **query: str) -> Any:
        """What it answers."""
        return self._open(Request(f"{self._url}/{path}?{urlencode(query)}"))  # noqa: S310 (ours)

    def tell(self, path: str, **body: Any) -> Any:
        """Let it do something."""
        request = Request(  # noqa: S310 (our own address)
            f"{self._url}/{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        return self._open(request)

    def _open(self, request: Request) -> Any:
        with urlopen(request, timeout=60) as answer:  # noqa: S310 (our own address)
            return json.load(answer)
