"""The web page: one text in, the label with its confidence out. Works offline."""

import time
from typing import Any

import gradio as gr
from fastapi import FastAPI

from classmark.errors import ClassmarkError
from classmark.serving.predictor import Predictor

PATH = "/ui"
_SHOWN_CLASSES = 10
# Fonts of the reader's own machine: the page asks nobody else for anything.
_THEME = gr.themes.Soft(
    primary_hue="blue",
    font=("system-ui", "sans-serif"),
    font_mono=("ui-monospace", "monospace"),
)


def mount_page(app: FastAPI, predictor: Predictor, *, max_characters: int) -> None:
    """Put the page under `/ui`."""
    page = _page(predictor, max_characters)
    gr.mount_gradio_app(app, page, PATH, theme=_THEME, footer_links=[], ssr_mode=False)


def _page(predictor: Predictor, max_characters: int) -> gr.Blocks:
    async def classify(text: str) -> tuple[dict[str, float], str]:
        if not text.strip():
            raise gr.Error("Type or paste a text first.", print_exception=False)
        if len(text) > max_characters:
            raise gr.Error(
                f"The text has {len(text):,} characters; {max_characters:,} can be read.",
                print_exception=False,
            )
        start = time.perf_counter()
        try:
            (found,) = await predictor.predict([text.replace("\x00", " ")])
        except ClassmarkError as error:
            raise gr.Error(str(error), print_exception=False) from error
        took = (time.perf_counter() - start) * 1000
        prediction = found.prediction
        note = (
            f"{prediction.latency_ms:.1f} ms in the model, {took:.1f} ms in all. "
            f"Prediction {prediction.id}"
        )
        return dict(found.probabilities), note

    version = predictor.served.version
    with gr.Blocks(title="classmark", analytics_enabled=False) as page:
        gr.Markdown(f"# classmark\n{_described(version.metadata)}")
        with gr.Row():
            with gr.Column():
                text = gr.Textbox(
                    label="Text", lines=10, placeholder="Title and abstract", elem_id="text"
                )
                button = gr.Button("Classify", variant="primary", elem_id="classify")
            with gr.Column():
                label = gr.Label(
                    label="Label and confidence", num_top_classes=_SHOWN_CLASSES, elem_id="label"
                )
                note = gr.Markdown(elem_id="note")
        gr.on([button.click, text.submit], classify, text, [label, note], api_name="classify")
    return page


def _described(metadata: Any) -> str:
    accuracy = metadata["metrics"]["test"]["accuracy"]
    return (
        f"{metadata['name']} ({metadata['architecture']}), {len(metadata['labels'])} classes, "
        f"{accuracy:.1%} right on its test part."
    )
