"""Who may ask what: a rule for every route, and none for what has no rule."""

from collections.abc import Mapping
from dataclasses import dataclass

from classmark.access import Scope


@dataclass(frozen=True, slots=True)
class Rule:
    """What is asked of who asks.

    Attributes:
        scopes: One of these is needed; without any the route is open to all.
        in_browser: People open it, and a browser can give a key only as a password (HTTP Basic).
        with_all_below: It holds for every path below, too.
        predicts: Its answers are computed, and given up when they take too long.
    """

    scopes: frozenset[Scope]
    in_browser: bool = False
    with_all_below: bool = False
    predicts: bool = False

    @property
    def is_open(self) -> bool:
        """Whether nobody needs a key."""
        return not self.scopes


_OPEN = Rule(frozenset())
_DESCRIBES = Rule(frozenset(Scope), in_browser=True)
_PREDICTS = Rule(frozenset({Scope.PREDICT}), predicts=True)

# A test walks over the app's routes: each has its rule here.
POLICY: Mapping[str, Rule] = {
    # Asked by what starts and stops servers, and they tell nothing of the model.
    "/health": _OPEN,
    "/ready": _OPEN,
    # A picture that is the same for everybody; browsers ask for it without a key.
    "/favicon.ico": _OPEN,
    "/predict": _PREDICTS,
    "/predict_batch": _PREDICTS,
    "/feedback": Rule(frozenset({Scope.FEEDBACK})),
    # It computes an answer, as a prediction does.
    "/health/ml": Rule(frozenset({Scope.PREDICT})),
    "/model/info": Rule(frozenset({Scope.PREDICT})),
    # What everybody asked, in numbers, is for whoever runs the server.
    "/metrics": Rule(frozenset({Scope.ADMIN})),
    "/": _DESCRIBES,
    "/docs": _DESCRIBES,
    "/docs/swagger-ui-bundle.js": _DESCRIBES,
    "/docs/swagger-ui.css": _DESCRIBES,
    "/openapi.json": _DESCRIBES,
    "/ui": Rule(frozenset({Scope.PREDICT}), in_browser=True, with_all_below=True),
}


def rule_of(path: str) -> Rule | None:
    """The rule of a path; None if it has none, and is then for nobody."""
    found = POLICY.get(path)
    if found is not None:
        return found
    above = POLICY.get("/" + path[1:].partition("/")[0])
    return above if above is not None and above.with_all_below else None
