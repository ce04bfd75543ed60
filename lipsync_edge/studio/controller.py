"""Controller: takes what the page was given, checks it, and hands it to the runner as work."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipsync_edge.demo import demo_files
from lipsync_edge.errors import UsageError
from lipsync_edge.studio.form import Form
from lipsync_edge.studio.producer import LoadEngine, Producer
from lipsync_edge.studio.request import DubRequest, check_inputs
from lipsync_edge.studio.runner import Runner, Task
from lipsync_edge.studio.several import check_pairs, make_several, pairs_of
from lipsync_edge.studio.view import titled

FRAME, CLIP, VIDEO, REPORT, SEVERAL = "frame", "clip", "video", "report", "several"
NAMES = {FRAME: "Preview of one frame", CLIP: "Preview of three seconds", VIDEO: "Making the video"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one page gave.

    Attributes:
        face: file, or None.
        voice: file, or None.
        consent: whether the box is checked.
        at: second of a preview, as it was typed; empty: the loudest moment.
        options: long option → value.
    """

    face: str | None
    voice: str | None
    consent: bool
    at: str
    options: Mapping[str, Any]


class Controller:
    """Takes orders; the only way from the page to work, so that everything is checked here.

    Args:
        form: how options are read.
        producer: does the work.
        runner: does one after another.
        uploads: folder of what was uploaded.
        load: opens engines in the worker processes of a batch.
    """

    def __init__(
        self, form: Form, producer: Producer, runner: Runner, uploads: Path, load: LoadEngine
    ) -> None:
        self.form = form
        self.producer = producer
        self.runner = runner
        self._uploads = uploads
        self._load = load
        self._batches = 0

    def request(self, given: Given) -> DubRequest:
        """Read what was given.

        Raises:
            UsageError: no consent, no file, an option that cannot be.
        """
        check_consent(given.consent)
        options = self.form.options(given.options)
        wishes = self.form.words.parse(options)
        voices = [*wishes.options.voices.values()]
        face, voice = check_inputs(given.face, given.voice, has_voices=bool(voices))
        title = titled(face, *([voice] if voice else voices))
        return DubRequest(face=face, voice=voice, options=options, wishes=wishes, title=title)

    def begin(self, kind: str, given: Given) -> Task:
        """Have a preview or a video made.

        Raises:
            UsageError: see `request`; or too much is waiting.
        """
        request, at_s = self.request(given), second_of(given.at)
        if kind == VIDEO:
            return self.runner.submit(kind, NAMES[kind], lambda control: self.producer.make(request, control))
        work = self.producer.preview_frame if kind == FRAME else self.producer.preview_clip
        return self.runner.submit(kind, NAMES[kind], lambda control: work(request, at_s, control))

    def judge(self, key: str) -> Task:
        """Have a result judged; UsageError where there is none of that name."""
        self.producer.history.find(key)
        return self.runner.submit(REPORT, "Judging", lambda control: self.producer.judge(key, control))

    def begin_several(
        self,
        faces: Sequence[str] | None,
        voices: Sequence[str] | None,
        consent: bool,
        options: Mapping[str, Any],
    ) -> Task:
        """Have many videos made.

        Raises:
            UsageError, InputError: what cannot be made.
        """
        check_consent(consent)
        pairs = pairs_of(faces, voices)
        given = self.form.options(options)
        common = {"--face" if one.name == "face" else one.name: one.value or "true" for one in given}
        jobs = check_pairs(pairs, self._uploads, self.form.words, common)
        said = " ".join(f"--{name.removeprefix('--')} {value}" for name, value in common.items())
        self._batches += 1
        folder = self.producer.history.folder / f".draft-batch-{self._batches}"
        return self.runner.submit(
            SEVERAL,
            f"Making {len(pairs)} video{'s' if len(pairs) > 1 else ''}",
            lambda control: make_several(
                self.producer, pairs, jobs, self.form.words, folder, control, load=self._load, said=said
            ),
        )

    def example(self) -> tuple[str, str]:
        """Return copies of the face and the speech that come with the package, among the uploads."""
        folder = self._uploads / "example"
        folder.mkdir(parents=True, exist_ok=True)
        face, speech = (shutil.copy(file, folder / file.name) for file in demo_files())
        return str(face), str(speech)


def second_of(text: str | None) -> float | None:
    """Read a second that was typed; None where nothing was. UsageError for what is no number."""
    if not (text or "").strip():
        return None
    try:
        return float(str(text))
    except ValueError as error:
        raise UsageError(
            expected="a second, such as 2.5", got=repr(text), fix="or leave it empty for the loudest moment"
        ) from error


def check_consent(given: bool) -> None:
    """Raise UsageError without consent, whatever the page's buttons let through."""
    if given is not True:
        raise UsageError(
            expected="the consent of those who are shown and heard",
            got="a box that is not checked",
            fix="ask them, then check it",
        )
