"""Page: its three tabs, drawn with Gradio; what happens when something is pressed is in `events`."""

from __future__ import annotations

from typing import Any

import gradio as gr

from lipsync_edge.studio import view
from lipsync_edge.studio.controller import Controller
from lipsync_edge.studio.events import Events
from lipsync_edge.studio.inputs import ask_consent, ask_options, draw_steps
from lipsync_edge.studio.tabs import HistoryTab, MakeTab, SeveralTab

TITLE = "lipsync-edge studio"
LOGO = (
    '<svg viewBox="0 0 40 40" aria-hidden="true"><rect width="40" height="40" rx="10" fill="#4f46e5"/>'
    '<path d="M8 20c4-6 8-7 12-4 4-3 8-2 12 4-4 7-8 9-12 9s-8-2-12-9z" fill="#fff"/>'
    '<path d="M11 20c5 2 13 2 18 0" stroke="#4f46e5" stroke-width="2.4" fill="none" stroke-linecap="round"/></svg>'
)
HEAD = (
    f'<div class="ls-head">{LOGO}<div><h1>{TITLE}</h1><p>A face and a voice in, a video whose mouth says those words '
    "out. Everything stays on this machine.</p></div></div>"
)


def draw_page(controller: Controller) -> gr.Blocks:
    """Return the page."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(3600, 86400), fill_width=True) as page:
        gr.HTML(HEAD)
        with gr.Tabs():
            with gr.Tab("Make a video"):
                make = _make_tab(controller)
            with gr.Tab("Several files"):
                several = _several_tab(controller)
            with gr.Tab("History") as tab:
                history = _history_tab(tab)
        events = Events(controller)
        events.connect_make(make)
        events.connect_several(several)
        events.connect_history(history)
        page.load(events.resume, None, events.outputs_of(make), **events.silent)
    return page


def _make_tab(controller: Controller) -> MakeTab:
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=340):
            steps = draw_steps(controller.form.fields)
            with gr.Row():
                frame = gr.Button(
                    "Preview one picture", interactive=False, elem_id="preview-frame", min_width=140
                )
                clip = gr.Button(
                    "Preview 3 seconds", interactive=False, elem_id="preview-clip", min_width=140
                )
            make = gr.Button(
                "Make the video", variant="primary", size="lg", interactive=False, elem_id="make"
            )
        with gr.Column(scale=6, min_width=340, elem_id="results"):
            status, cancel = _status("make")
            pair = gr.ImageSlider(
                label="Preview: source and result",
                interactive=False,
                visible=False,
                max_height=460,
                buttons=["fullscreen"],
                format="png",
                elem_id="pair",
            )
            result = gr.HTML(view.EMPTY, elem_id="result")
            judge = gr.Button("Check how good it is", visible=False, elem_id="judge")
            report = gr.HTML(elem_id="report")
    return MakeTab(
        steps, frame, clip, make, status, cancel, pair, result, judge, report, gr.State(""), gr.State("")
    )


def _several_tab(controller: Controller) -> SeveralTab:
    gr.HTML(
        '<p class="ls-hint">One face says every voice; every face says one voice; or faces and voices of the same '
        "names belong together: anna.mp4 says anna.wav. The options hold for all of them.</p>"
    )
    with gr.Row():
        faces = gr.File(
            label="Faces: photos and videos",
            file_count="multiple",
            type="filepath",
            height=200,
            elem_id="faces",
        )
        voices = gr.File(
            label="Voices: files with speech",
            file_count="multiple",
            type="filepath",
            height=200,
            elem_id="voices",
        )
    options = ask_options(controller.form.fields, "every", people=False)
    consent = ask_consent("consent-several")
    make = gr.Button(
        "Make all videos", variant="primary", size="lg", interactive=False, elem_id="make-several"
    )
    status, cancel = _status("several")
    table = gr.HTML(elem_id="several-table")
    return SeveralTab(faces, voices, options, consent, make, status, cancel, table, gr.State(""))


def _history_tab(tab: Any) -> HistoryTab:
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=300):
            gallery = gr.Gallery(
                label="Results, the newest first",
                columns=2,
                height=520,
                object_fit="cover",
                allow_preview=False,
                interactive=False,
                buttons=[],
                elem_id="gallery",
            )
        with gr.Column(scale=6, min_width=340):
            result = gr.HTML(view.note_card("Choose a result to see it."), elem_id="history-result")
            with gr.Row():
                judge = gr.Button("Check how good it is", visible=False, elem_id="judge-history")
                remove = gr.Button("Delete this result", variant="stop", visible=False, elem_id="remove")
            status, cancel = _status("history")
            report = gr.HTML()
    return HistoryTab(
        tab, gallery, result, judge, remove, status, cancel, report, gr.State([]), gr.State(""), gr.State("")
    )


def _status(name: str) -> tuple[Any, Any]:
    status = gr.HTML(elem_id=f"status-{name}")
    cancel = gr.Button("Cancel", visible=False, size="sm", elem_id=f"cancel-{name}")
    return status, cancel
