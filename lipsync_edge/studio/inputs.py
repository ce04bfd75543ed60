"""Inputs of the page: Gradio components made of the command line's options, and the steps that people go through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from lipsync_edge.studio import view
from lipsync_edge.studio.form import PEOPLE, Field, grouped
from lipsync_edge.studio.labels import SEATS, Label, label_of

SUBSTEPS = 20  # of a number between two bounds
USUAL = "the usual"


@dataclass(slots=True)
class Asked:
    """Components that ask for something, and the names of what they ask for.

    Attributes:
        by_name: long option → its component.
    """

    by_name: dict[str, Any] = field(default_factory=dict)

    @property
    def components(self) -> list[Any]:
        """All of them, in the order of their names here."""
        return list(self.by_name.values())

    def given(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return values, in the order of `components`, by the names of the options."""
        return dict(zip(self.by_name, values, strict=True))


def ask_options(fields: Sequence[Field], name: str, *, people: bool = True) -> Asked:
    """Draw the options of `run`, folded, by what they are about; those of several people where they are wanted."""
    asked = Asked()
    groups = [group for group in grouped(fields) if people or group[0] != PEOPLE]
    with gr.Accordion("Show the options (nothing needs to be changed)", open=False, elem_id=f"{name}s"):
        for title, group in groups:
            gr.HTML(f'<div class="ls-group">{title}</div>')
            for one in (one for one in group if one.kind == "keyed files"):
                asked.by_name |= _ask_keyed(one, name)
            for pair in _pairs([one for one in group if one.kind != "keyed files"]):
                with gr.Row():
                    for one in pair:
                        asked.by_name[one.name] = component(one, f"{name}-{one.name}")
            for one in (one for one in group if one.has_picture):
                about = f"{label_of(one.name, one.help).title}: or a picture of that person"
                asked.by_name[one.picture] = _file(about, f"{name}-{one.picture}")
    return asked


def _pairs(group: Sequence[Field]) -> list[Sequence[Field]]:
    return [group[at : at + 2] for at in range(0, len(group), 2)]


def _ask_keyed(asked: Field, name: str) -> dict[str, Any]:
    """Draw a row for each key and its file."""
    found: dict[str, Any] = {}
    label = label_of(asked.name, asked.help)
    gr.HTML(f'<p class="ls-hint"><b>{label.title}.</b> {_about(asked, label)}</p>')
    choices = [("nobody", ""), *((SEATS.get(choice, choice), choice) for choice in asked.choices)]
    for number, (who, file) in enumerate(asked.pairs, 1):
        with gr.Row():
            found[who] = gr.Dropdown(
                choices, value="", label=f"Person {number}", elem_id=f"{name}-{who}", min_width=140
            )
            found[file] = _file(f"Voice of person {number}", f"{name}-{file}")
    return found


def _file(label: str, name: str) -> Any:
    return gr.File(type="filepath", file_count="single", height=150, label=label, elem_id=name, min_width=200)


def component(asked: Field, name: str) -> Any:
    """Return the component of one option."""
    label = label_of(asked.name, asked.help)
    if asked.kind == "file":
        return _file(f"{label.title}. {_about(asked, label)}", name)
    about: dict[str, Any] = {
        "label": label.title,
        "elem_id": name,
        "min_width": 200,
        "info": _about(asked, label),
    }
    if asked.kind == "choice":
        none = [] if asked.default is not None else [(USUAL, "")]
        choices = none + [(label.choices.get(one, one), one) for one in asked.choices]
        return gr.Dropdown(choices, value=asked.initial if asked.initial is not None else "", **about)
    if asked.kind == "flag":
        return gr.Checkbox(value=bool(asked.initial), **about)
    if asked.kind == "number" and asked.low is not None and asked.high is not None:
        step = (asked.high - asked.low) / SUBSTEPS
        return gr.Slider(asked.low, asked.high, value=asked.initial, step=round(step, 2), **about)
    if asked.kind in ("number", "whole") and asked.default is not None:
        # bounds are left to the command line, whose errors say what to do
        return gr.Number(value=asked.initial, precision=0 if asked.kind == "whole" else None, **about)
    # also numbers that may be missing: Gradio shows 0 for none
    shown = "" if asked.initial is None else str(asked.initial)
    return gr.Textbox(value=shown, placeholder=asked.shape or USUAL, max_lines=1, **about)


def _about(asked: Field, label: Label) -> str:
    """What an option does, and what the command line calls it, as errors do."""
    return f"{label.about} (--{asked.name})"


@dataclass(frozen=True, slots=True)
class Steps:
    """What people give to make one video.

    Attributes:
        kind: "photo" or "video": which of the two counts.
        tabs: of the two.
        photo: a still.
        video: a film.
        voice: a sound.
        options: of `run`.
        consent: whether those who are shown and heard agree.
        at: second of the previews; empty: the loudest moment.
        example: button that takes the files that come with the package.
    """

    kind: Any
    tabs: Any
    photo: Any
    video: Any
    voice: Any
    options: Asked
    consent: Any
    at: Any
    example: Any

    @property
    def components(self) -> list[Any]:
        """Everything that work needs, in the order in which `Events` takes it."""
        own = [self.kind, self.photo, self.video, self.voice, self.consent, self.at]
        return own + self.options.components


def draw_steps(fields: Sequence[Field]) -> Steps:
    """Draw the steps from a face to consent."""
    kind = gr.State("photo")
    _step(1, "Face", "a photo or a video of one person")
    with gr.Tabs(selected="photo", elem_id="face") as tabs:
        with gr.Tab("Photo", id="photo") as on_photo:
            photo = gr.Image(
                sources=["upload", "webcam"],
                type="filepath",
                image_mode=None,
                height=250,
                show_label=False,
                buttons=[],
                webcam_options=gr.WebcamOptions(mirror=False),
                elem_id="photo",
            )
            # as it was given: Gradio would open it first, and knows fewer pictures and other errors than we
            photo.preprocess = lambda given: None if given is None else given.path
        with gr.Tab("Video", id="video") as on_video:
            video = gr.Video(
                sources=["upload", "webcam"],
                height=250,
                show_label=False,
                buttons=[],
                webcam_options=gr.WebcamOptions(mirror=False),
                elem_id="video",
            )
    on_photo.select(lambda: "photo", None, kind, api_visibility="private")
    on_video.select(lambda: "video", None, kind, api_visibility="private")
    _step(2, "Voice", "any file with speech, or your microphone")
    voice = gr.Audio(
        sources=["upload", "microphone"], type="filepath", show_label=False, buttons=[], elem_id="voice"
    )
    example = gr.Button("Try it with the example face and voice", size="sm", elem_id="example")
    _step(3, "Options", "leave them as they are for a first try")
    options = ask_options(fields, "option")
    _step(4, "Consent", "check the box; the buttons below wait for it")
    consent = ask_consent("consent")
    at = gr.Textbox(
        label="Preview from second", placeholder="where the voice is loudest", max_lines=1, elem_id="at"
    )
    return Steps(kind, tabs, photo, video, voice, options, consent, at, example)


def ask_consent(name: str) -> Any:
    """Draw the box that everything waits for, and say how results are marked."""
    box = gr.Checkbox(label=view.CONSENT, value=False, elem_id=name, elem_classes="ls-consent")
    gr.HTML(f'<p class="ls-hint">{view.MARK}</p>')
    return box


def _step(number: int, title: str, about: str) -> None:
    gr.HTML(f'<div class="ls-step"><i>{number}</i>{title}<span>{about}</span></div>')
