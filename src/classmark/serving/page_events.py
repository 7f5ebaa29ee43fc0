"""How the web page asks its server: one request, one answer."""

from collections.abc import Callable
from typing import Any

import gradio as gr


def at_once(
    triggers: Any, answer: Callable[..., Any] | None, inputs: Any, outputs: Any, **options: Any
) -> None:
    """Let events be answered outside of Gradio's queue.

    The queue would lie in one of several workers, and the next request may reach another one. How
    many texts are computed at once is the scheduler's to decide.

    Args:
        triggers: One event of a component, or several.
        answer: Gets the values of the inputs; None where the browser does all.
        inputs: Components.
        outputs: Components that get what the answer gives.
        options: As Gradio's events take them.
    """
    gr.on(
        triggers,
        answer,
        inputs,
        outputs,
        queue=False,
        api_visibility="private",
        **options,
    )


def clear(triggers: Any, shown: list[Any]) -> None:
    """Let events empty what was shown before: it would look like the answer if none came."""
    at_once(triggers, None, None, shown, js=f"() => {[''] * len(shown)}")
