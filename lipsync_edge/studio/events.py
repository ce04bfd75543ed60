"""Events: what happens when something on the page is pressed; every error of ours becomes its three lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

import gradio as gr

from lipsync_edge.errors import LipsyncError
from lipsync_edge.studio import view
from lipsync_edge.studio.controller import CLIP, FRAME, REPORT, SEVERAL, VIDEO, Controller, Given
from lipsync_edge.studio.history import POSTER
from lipsync_edge.studio.history import REPORT as REPORT_FILE
from lipsync_edge.studio.request_filter import FILE
from lipsync_edge.studio.runner import Task
from lipsync_edge.studio.tabs import HistoryTab, MakeTab, SeveralTab

POLL_S = 0.25
OWN = 6  # inputs before the options, see `Steps.components`
Changes = tuple[Any, ...]


class Events:
    """Connects the page's buttons with a controller.

    Args:
        controller: takes what is given.
    """

    silent: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    at_once: dict[str, Any] = {**silent, "concurrency_limit": None}

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    # one video

    def connect_make(self, tab: MakeTab) -> None:
        """Connect the tab that makes one video."""
        steps, outputs = tab.steps, self.outputs_of(tab)
        buttons = [tab.preview_frame, tab.preview_clip, tab.make]
        steps.consent.change(
            lambda agreed: [gr.update(interactive=agreed)] * 3, steps.consent, buttons, **self.silent
        )
        steps.example.click(
            self._example, None, [steps.kind, steps.tabs, steps.photo, steps.voice], **self.silent
        )
        for button, kind in zip(buttons, (FRAME, CLIP, VIDEO), strict=True):
            button.click(
                partial(self._begin, kind, tab),
                steps.components,
                outputs,
                concurrency_limit=None,
                **self.silent,
            )
        self._connect_report(tab)

    def _connect_report(self, tab: MakeTab | HistoryTab) -> None:
        tab.judge.click(
            self._judge,
            tab.shown,
            [tab.status, tab.cancel, tab.report, tab.running],
            concurrency_limit=None,
            **self.silent,
        )
        tab.cancel.click(self._cancel, tab.running, None, **self.at_once)

    def outputs_of(self, tab: MakeTab) -> list[Any]:
        """Return what a task of that tab changes, in the order of `_changes`."""
        return [tab.status, tab.cancel, tab.running, tab.pair, tab.result, tab.judge, tab.report, tab.shown]

    def resume(self) -> Iterator[Changes]:
        """Show, on a page that was loaded anew, what is being done."""
        task = self._controller.runner.current
        if task is None or task.kind not in (FRAME, CLIP, VIDEO):
            yield _changes()
            return
        yield from self._follow(task)

    def _example(self) -> Changes:
        face, speech = self._controller.example()
        return "photo", gr.update(selected="photo"), face, speech

    def _begin(self, kind: str, tab: MakeTab, *values: Any) -> Iterator[Changes]:
        which, photo, video, voice, consent, at = values[:OWN]
        given = Given(
            face=photo if which == "photo" else video,
            voice=voice,
            consent=consent,
            at=at,
            options=tab.steps.options.given(values[OWN:]),
        )
        try:
            task = self._controller.begin(kind, given)
        except LipsyncError as error:
            yield _changes(status=view.error_card(error))
            return
        yield from self._follow(task)

    def _follow(self, task: Task) -> Iterator[Changes]:
        while True:
            ended = task.wait(POLL_S)
            if ended:
                yield self._ended(task)
                return
            yield _changes(status=view.progress_card(task), cancel=True, running=task.key)

    def _ended(self, task: Task) -> Changes:
        if task.error is not None:
            return _changes(status=view.error_card(task.error))
        if task.state == "cancelled":
            return _changes(status=view.note_card("Cancelled. Nothing was kept."))
        made = task.result
        if task.kind == FRAME:
            pair = gr.update(value=(str(made.source), str(made.result)), visible=True)
            return _changes(status=view.note_card(f"The frame at second {made.at_s:.2f}."), pair=pair)
        if task.kind == CLIP:
            source, result = (FILE + quote(str(path)) for path in (made.source, made.result))
            note = view.note_card(
                f"Three seconds from second {made.at_s:.2f} on. This is a preview and is not kept."
            )
            return _changes(
                status=note, result=view.pair_player(source, result), pair=gr.update(visible=False), shown=""
            )
        return _changes(
            result=view.entry_card(made, self._controller.producer.history),
            pair=gr.update(visible=False),
            shown=made.key,
        )

    # several videos

    def connect_several(self, tab: SeveralTab) -> None:
        """Connect the tab that makes several."""
        tab.consent.change(lambda agreed: gr.update(interactive=agreed), tab.consent, tab.make, **self.silent)
        tab.make.click(
            partial(self._several, tab),
            [tab.faces, tab.voices, tab.consent, *tab.options.components],
            [tab.status, tab.cancel, tab.table, tab.running],
            concurrency_limit=None,
            **self.silent,
        )
        tab.cancel.click(self._cancel, tab.running, None, **self.at_once)

    def _several(
        self, tab: SeveralTab, faces: Any, voices: Any, consent: bool, *values: Any
    ) -> Iterator[Changes]:
        begin = partial(self._controller.begin_several, faces, voices, consent, tab.options.given(values))
        yield from self._short(begin)

    # results

    def connect_history(self, tab: HistoryTab) -> None:
        """Connect the tab with all results."""
        listed = [tab.gallery, tab.keys]
        tab.tab.select(self._list, None, listed, **self.silent)
        chosen = [tab.result, tab.judge, tab.remove, tab.shown, tab.report, tab.status]
        tab.gallery.select(self._choose, tab.keys, chosen, **self.silent)
        tab.remove.click(self._remove, tab.shown, [*listed, *chosen], **self.silent)
        self._connect_report(tab)

    def _list(self) -> Changes:
        history = self._controller.producer.history
        entries = [(one, history.file(one.key, POSTER)) for one in history.entries()]
        shown = [(one, poster) for one, poster in entries if poster is not None]
        pictures = [(str(poster), f"{one.title} · {one.made.replace('T', ' ')}") for one, poster in shown]
        return gr.update(value=pictures, selected_index=None), [one.key for one, _ in shown]

    def _choose(self, keys: list[str], chosen: gr.SelectData) -> Changes:
        history = self._controller.producer.history
        try:
            entry = history.find(keys[int(chosen.index)])
        except LipsyncError as error:
            return view.error_card(error), gr.update(visible=False), gr.update(visible=False), "", "", ""
        report = view.report_frame(entry.key) if history.file(entry.key, REPORT_FILE) is not None else ""
        button = gr.update(visible=True)
        return view.entry_card(entry, history), button, button, entry.key, report, ""

    def _remove(self, key: str) -> Changes:
        try:
            self._controller.producer.history.remove(key)
            note = view.note_card("Removed from this machine.")
        except LipsyncError as error:
            note = view.error_card(error)
        button = gr.update(visible=False)
        return *self._list(), note, button, button, "", "", ""

    def _judge(self, key: str) -> Iterator[Changes]:
        yield from self._short(partial(self._controller.judge, key))

    # what all share

    def _short(self, begin: Callable[[], Task]) -> Iterator[Changes]:
        """Follow a task that gives a table or a report: status, cancel, what it gives, key of the task."""
        try:
            task = begin()
        except LipsyncError as error:
            yield view.error_card(error), gr.update(visible=False), gr.skip(), ""
            return
        while not task.wait(POLL_S):
            yield view.progress_card(task), gr.update(visible=True), gr.skip(), task.key
        yield self._said(task), gr.update(visible=False), self._gave(task), ""

    def _said(self, task: Task) -> str:
        if task.error is not None:
            return view.error_card(task.error)
        if task.state == "cancelled":
            kept = " Videos that were finished are in the history." if task.kind == SEVERAL else ""
            return view.note_card(f"Cancelled. Nothing half made was kept.{kept}")
        return ""

    def _gave(self, task: Task) -> Any:
        if task.state != "done":
            return gr.skip()
        return view.report_frame(task.result) if task.kind == REPORT else view.made_table(task.result)

    def _cancel(self, key: str) -> None:
        task = self._controller.runner.find(key)
        if task is not None:
            task.cancel()


def _changes(
    *,
    status: str = "",
    cancel: bool = False,
    running: str = "",
    pair: Any = None,
    result: Any = None,
    shown: str | None = None,
) -> Changes:
    """Return the changes of `Events.outputs_of`; what is not said stays."""
    judge = gr.skip() if shown is None else gr.update(visible=bool(shown))
    return (
        status,
        gr.update(visible=cancel),
        running,
        gr.skip() if pair is None else pair,
        gr.skip() if result is None else result,
        judge,
        gr.skip() if shown is None else "",
        gr.skip() if shown is None else shown,
    )
