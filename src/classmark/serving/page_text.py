"""One text on the web page: its label with bars, how long it took, and the server's figures."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import gradio as gr

from classmark.predictions import Prediction
from classmark.serving.access import may_ask
from classmark.serving.api import ApiParts
from classmark.serving.page_desk import outcome, predicted
from classmark.serving.page_events import at_once, clear
from classmark.serving.page_markup import facts, paragraphs, problem

_SHOWN_CLASSES = 10
_REFRESH_SECONDS = 2.0
_FIGURES_PATH = "/metrics"
_NOT_FOR_ALL = (
    "The figures need a key with the scope admin. Ask who runs the server for one, and give it as"
    " the password."
)

Shown = tuple[dict[str, float] | None, str]


def add_text_tab(parts: ApiParts) -> None:
    """What asks for one text, and shows what was answered."""

    async def classify(text: str) -> Shown:
        found = await outcome(_answered(parts, text))
        return (None, problem(found)) if isinstance(found, str) else found

    with gr.Row():
        with gr.Column():
            text = gr.Textbox(
                label="Text",
                lines=10,
                placeholder="Title and abstract (Shift+Enter classifies)",
                elem_id="text",
            )
            button = gr.Button("Classify", variant="primary", elem_id="classify")
            note = gr.HTML(elem_id="note", elem_classes="told")
        with gr.Column():
            label = gr.Label(
                label="Label and confidence", num_top_classes=_SHOWN_CLASSES, elem_id="label"
            )
    asked = [button.click, text.submit]
    clear(asked, [note])
    at_once(asked, classify, text, [label, note], show_progress_on=label)
    _add_figures(parts)


async def _answered(parts: ApiParts, text: str) -> Shown:
    """The probabilities of a text and a note on them."""
    start = time.perf_counter()
    (found,) = await predicted(parts.predictor, [text], parts.settings)
    took = (time.perf_counter() - start) * 1000
    given = found.prediction
    lines = [
        *_given(given),
        *(["Not sure enough: the first label is only a guess."] if found.abstained else []),
        f"{given.latency_ms:.1f} ms in the model, {took:.1f} ms in all",
        f"Prediction {found.id or '(not recorded)'} by {given.version}",
    ]
    return dict(found.probabilities), paragraphs(lines)


def _given(prediction: Prediction) -> list[str]:
    """All labels, of a model that may give several; the bars beside say how probable each is."""
    if prediction.labels is None:
        return []
    labels = ", ".join(prediction.labels)
    return [f"Labels: {labels}" if labels else "No label is probable enough."]


def _add_figures(parts: ApiParts) -> None:
    """The switch for the server's figures, which come again while it is on."""

    async def refresh(request: gr.Request) -> str:
        if not may_ask(request.request.scope, _FIGURES_PATH):
            return problem(_NOT_FOR_ALL)
        found = await outcome(asyncio.to_thread(parts.metrics.as_json))
        return problem(found) if isinstance(found, str) else facts("This server", _told(found))

    async def turn(is_on: bool, request: gr.Request) -> tuple[gr.Timer, str]:
        return gr.Timer(active=is_on), await refresh(request) if is_on else ""

    switch = gr.Checkbox(label="Show figures of this server", elem_id="figures-switch")
    figures = gr.HTML(elem_id="figures", elem_classes="told")
    timer = gr.Timer(_REFRESH_SECONDS, active=False)
    at_once(switch.change, turn, switch, [timer, figures], show_progress="hidden")
    at_once(timer.tick, refresh, None, figures, show_progress="hidden")


def _told(counted: Mapping[str, Any]) -> dict[str, str]:
    latencies = (counted["latency_p50_ms"], counted["latency_p95_ms"])
    return {
        "Predictions": f"{counted['total_predictions']:,}",
        "Mean confidence": _share(counted["average_confidence"]),
        "With a confidence of 0.5 or less": _share(counted["low_confidence_share"]),
        "Requests that failed": f"{counted['total_errors']:,}",
        "Half are answered within": _milliseconds(latencies[0]),
        "95% are answered within": _milliseconds(latencies[1]),
    }


def _share(value: float | None) -> str:
    return "none yet" if value is None else f"{value:.1%}"


def _milliseconds(value: float | None) -> str:
    return "none yet" if value is None else f"about {value:.1f} ms in the model"
