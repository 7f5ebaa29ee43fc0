"""The web page: one text in, the label with its confidence out. Works offline."""

import time
from collections.abc import Sequence
from typing import Any

import gradio as gr
from fastapi import FastAPI, Response

from classmark.errors import ClassmarkError, InputError
from classmark.models import Problem
from classmark.serving.predictor import Predictor

PATH = "/ui"
_SHOWN_CLASSES = 10
# Fonts of the reader's own machine: the page asks nobody else for anything.
_THEME = gr.themes.Soft(
    primary_hue="blue",
    font=("system-ui", "sans-serif"),
    font_mono=("ui-monospace", "monospace"),
).set(
    # White on anything lighter can't be read well (WCAG 2.2, 1.4.3).
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    button_primary_background_fill_dark="*primary_600",
    button_primary_background_fill_hover_dark="*primary_700",
    block_label_text_color="*primary_700",
    block_title_text_color="*primary_700",
    block_border_width="1px",
    input_border_width="1px",
)
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8" fill="#2563eb">'
    '<path d="M0 0h8v2H0zM0 3h5v2H0zM0 6h3v2H0z"/></svg>'
)

Shown = tuple[dict[str, float] | None, str]


def mount_page(app: FastAPI, predictor: Predictor, *, max_characters: int) -> None:
    """Put the page under `/ui`, and the icon where browsers look for it."""

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        return Response(_ICON, media_type="image/svg+xml")

    gr.mount_gradio_app(
        app,
        _page(predictor, max_characters),
        PATH,
        theme=_THEME,
        footer_links=[],
        ssr_mode=False,
        # Gradio takes files from anybody, whatever is on the page; here there is no use for one.
        max_file_size=1,
    )


def _page(predictor: Predictor, max_characters: int) -> gr.Blocks:
    async def classify(text: str) -> Shown:
        try:
            return await _answered(predictor, text, max_characters)
        except ClassmarkError as error:
            return None, f"**{error}**"

    with gr.Blocks(title="classmark", analytics_enabled=False) as page:
        gr.Markdown(f"# classmark\n{_described(predictor.served.version.metadata)}")
        with gr.Row():
            with gr.Column():
                text = gr.Textbox(
                    label="Text",
                    lines=10,
                    placeholder="Title and abstract (Shift+Enter classifies)",
                    elem_id="text",
                )
                button = gr.Button("Classify", variant="primary", elem_id="classify")
                note = gr.Markdown(elem_id="note")
            with gr.Column():
                label = gr.Label(
                    label="Label and confidence", num_top_classes=_SHOWN_CLASSES, elem_id="label"
                )
        gr.on(
            [button.click, text.submit],
            classify,
            text,
            [label, note],
            api_name="classify",
            show_progress_on=label,
            # How many are computed at once is the scheduler's to decide.
            concurrency_limit=None,
        )
    return page


async def _answered(predictor: Predictor, text: str, max_characters: int) -> Shown:
    """The probabilities of a text and a note on them."""
    if not text.strip():
        raise InputError("There is no text.", remedy="Type or paste one first.")
    if len(text) > max_characters:
        raise InputError(
            f"The text has {len(text):,} characters; {max_characters:,} can be read.",
            remedy="Give the part that says what it is about.",
        )
    start = time.perf_counter()
    (found,) = await predictor.predict([_storable(text)])
    took = (time.perf_counter() - start) * 1000
    unsure = "**Not sure enough: the first label is only a guess.**  \n"
    note = (
        f"{_given(predictor, found.prediction.given)}{unsure if found.abstained else ''}"
        f"{found.prediction.latency_ms:.1f} ms in the model, {took:.1f} ms in all  \n"
        f"Prediction `{found.prediction.id}`"
    )
    return dict(found.probabilities), note


def _given(predictor: Predictor, labels: Sequence[str]) -> str:
    """All labels, of a model that may give several; the bars beside say how probable each is."""
    if predictor.served.classifier.problem is Problem.SINGLE_LABEL:
        return ""
    named = f"Labels: **{', '.join(labels)}**" if labels else "**No label is probable enough.**"
    return f"{named}  \n"


def _storable(text: str) -> str:
    """The text without what no database keeps: NUL, and halves of surrogate pairs."""
    return text.replace("\x00", " ").encode("utf-8", "replace").decode()


def _described(metadata: Any) -> str:
    accuracy = metadata["metrics"]["test"]["accuracy"]
    right = (
        "of its test part given all their labels and no other"
        if metadata.get("problem") == Problem.MULTI_LABEL
        else "right on its test part"
    )
    return (
        f"{metadata['name']} ({metadata['architecture']}), {len(metadata['labels'])} classes, "
        f"{accuracy:.1%} {right}."
    )
