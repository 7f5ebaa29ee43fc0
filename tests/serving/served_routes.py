"""The paths of an app, as it is served from a home; printed as JSON when it is run.

A process of its own: the page's library leaves event loops behind.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount

from classmark.assembly import build_app, open_home
from classmark.registry import ModelReference
from classmark.serving import load_served_model
from classmark.settings import ServeJob


def paths_of(routes: Sequence[BaseRoute], above: str = "") -> Iterator[str]:
    """The paths of routes, and of all that is included or mounted."""
    for found in iter_route_contexts(routes):
        path = above + str(found.path)
        yield path
        if isinstance(found.original_route, Mount):
            yield from paths_of(found.original_route.routes or [], path)


def main(folder: Path) -> None:
    home = open_home(folder)
    reference = ModelReference.parse("shelves@production")
    served = load_served_model(home.registry, reference)
    app = build_app(home, served, ServeJob(model=str(reference), page=True))
    print(json.dumps(sorted(set(paths_of(app.routes)))))  # noqa: T201 (its result)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
