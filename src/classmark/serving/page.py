"""The web page: one text, a file of texts, and the version that answers. Works offline."""

import asyncio

import gradio as gr
from fastapi import FastAPI

from classmark.serving.api import ApiParts
from classmark.serving.page_batch import add_batch_tab
from classmark.serving.page_desk import outcome
from classmark.serving.page_events import at_once
from classmark.serving.page_markup import STYLE, paragraphs, problem
from classmark.serving.page_model import description, headline
from classmark.serving.page_text import add_text_tab

PATH = "/ui"
# Gradio keeps what it sent to each open page, and never learns that one was closed. What it keeps
# is nothing that the page needs: the values are in the browser.
_SESSIONS = 100
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
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_300",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_300",
    # Where one may write or choose must be seen as well (1.4.11).
    input_border_color="*neutral_500",
    input_border_color_dark="*neutral_400",
    checkbox_border_color="*neutral_500",
    checkbox_border_color_dark="*neutral_400",
    block_border_width="1px",
    input_border_width="1px",
    # Half way to its colour a button can't be read.
    button_transition="none",
)
# Refusals come before the page's own code, and Gradio says no more of them than that there is one.
_REFUSALS = """
<script>
  const ask = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await ask(...asked);
    if (answer.url.endsWith("/gradio_api/run/predict")) {
      const bar = document.getElementById("refusal");
      const told = answer.ok ? {} : await answer.clone().json().catch(() => ({}));
      bar.textContent = answer.ok ? "" : `${told.detail ?? answer.status} ${told.remedy ?? ""}`;
    }
    return answer;
  };
</script>
"""


def mount_page(app: FastAPI, parts: ApiParts) -> None:
    """Put the page under `/ui`."""
    page = _page(parts)
    page.state_session_capacity = _SESSIONS
    gr.mount_gradio_app(
        app,
        page,
        PATH,
        theme=_THEME,
        css=STYLE,
        head=_REFUSALS,
        footer_links=[],
        ssr_mode=False,
        # Gradio takes files from anybody, whatever is on the page; here there is no use for one.
        max_file_size=1,
    )


def _page(parts: ApiParts) -> gr.Blocks:
    def told() -> tuple[str, str]:
        served = parts.predictor.served
        return f"<h1>classmark</h1>{paragraphs([headline(served)])}", description(served)

    async def told_anew() -> tuple[str, str]:
        found = await outcome(asyncio.to_thread(told))
        return (problem(found), "") if isinstance(found, str) else found

    first, rest = told()
    with gr.Blocks(title="classmark", analytics_enabled=False) as page:
        head = gr.HTML(first, elem_classes="told")
        gr.HTML('<p id="refusal" class="problem" role="alert"></p>', elem_classes="told")
        with gr.Tabs():
            with gr.Tab("One text"):
                add_text_tab(parts)
            with gr.Tab("Batch"):
                add_batch_tab(parts)
            with gr.Tab("Model"):
                model = gr.HTML(rest, elem_id="model", elem_classes="told")
        # Another version may answer when somebody opens the page.
        at_once(page.load, told_anew, None, [head, model], show_progress="hidden")
    return page
