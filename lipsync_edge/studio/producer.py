"""Producer: what the studio makes, each as a piece of work that tells how far it is and can be given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lipsync_edge.audio.reader import read_audio
from lipsync_edge.audio.resample import TARGET_RATE
from lipsync_edge.eval.marking import StillMark
from lipsync_edge.mark.check import check_marks
from lipsync_edge.mark.options import MarkOptions
from lipsync_edge.mark.words import details, verdict
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.pipeline.face_cache import FaceCache
from lipsync_edge.pipeline.job import Job
from lipsync_edge.pipeline.result import RunResult
from lipsync_edge.studio import comparison
from lipsync_edge.studio.history import POSTER, REPORT, RESULT, SOURCE, Draft, Entry, History
from lipsync_edge.studio.request import Clip, DubRequest, FramePair, checked_second, part_of, summary
from lipsync_edge.studio.runner import Control

if TYPE_CHECKING:
    from lipsync_edge.engine import Engine

ENGINES = 2  # that stay loaded
CLIP_S = 3.0  # of a preview
LEAD_S = 0.2  # made before a preview of one frame: mouths are steadied over their neighbours
INSTANT_S = 0.001
SEARCHED_S = 60.0  # of a sound, in which the loudest moment is looked for

LoadEngine = Callable[[EngineOptions], "Engine"]


class Producer:
    """Makes previews, results and reports; keeps engines loaded and what was found in faces.

    Args:
        history: takes the results.
        scratch: folder of previews and of the cache of faces, which ends with the studio.
        load: opens engines.
        mark: who signs pictures and pages that show results.
    """

    def __init__(self, history: History, scratch: Path, load: LoadEngine, mark: MarkOptions) -> None:
        self.history = history
        self._mark = mark
        self._scratch = scratch
        self._load = load
        self._engines: dict[EngineOptions, Engine] = {}
        self._cache = FaceCache(scratch / "faces")
        self._previews = 0

    def preview_frame(self, request: DubRequest, at_s: float | None, control: Control) -> FramePair:
        """Make one frame; without a time that of the loudest moment of the voice's first minute.

        Raises:
            LipsyncError: as `Engine.run` does.
        """
        at = self._loudest(request) if at_s is None else checked_second(request, at_s)
        folder = self._preview_folder()
        part = part_of(request, max(0.0, at - LEAD_S), at + INSTANT_S)  # its last frame is the one shown then
        job, result = self._run(part, folder / "frame.mp4", control)
        pair = FramePair(folder / "source.png", folder / "result.png", at)
        made = comparison.last_frame(result.output)
        comparison.write_picture(pair.result, made)
        mark = StillMark.of(self._mark, result.output)
        if mark is not None:
            mark.finish(pair.result)
        frames = list(comparison.first_frames(job, result.frames))
        comparison.write_picture(pair.source, comparison.scaled(frames[-1], (made.shape[1], made.shape[0])))
        return pair

    def preview_clip(self, request: DubRequest, at_s: float | None, control: Control) -> Clip:
        """Make three seconds; without a time those that begin shortly before the loudest moment.

        Raises:
            LipsyncError: as `Engine.run` does.
        """
        at = max(0.0, self._loudest(request) - CLIP_S / 2) if at_s is None else checked_second(request, at_s)
        folder = self._preview_folder()
        job, result = self._run(part_of(request, at, at + CLIP_S), folder / RESULT, control)
        comparison.write_source(job, result.frames, folder / SOURCE, control.check)
        return Clip(folder / SOURCE, folder / RESULT, at)

    def make(self, request: DubRequest, control: Control) -> Entry:
        """Make the whole result, and put it into the history.

        Raises:
            LipsyncError: as `Engine.run` does.
        """
        with self.history.draft() as draft:
            job, result = self._run(request, draft.folder / RESULT, control)
            control.say("laying the source beside it")
            comparison.write_source(job, result.frames, draft.folder / SOURCE, control.check)
            entry = draft.finish(self.describe(draft, request.title, request.told, result))
            control.check()
        return entry

    def describe(
        self, draft: Draft, title: str, options: str, result: RunResult | None, about: str = ""
    ) -> Entry:
        """Look at a result that lies in a draft: its poster, its marks, its figures (`about` where there are none)."""
        made = draft.folder / RESULT
        comparison.write_poster(made, draft.folder / POSTER)
        marks = check_marks(made)
        layers = " and ".join("a C2PA manifest" if one.kind == "c2pa" else one.kind for one in marks.layers)
        said = f"in {layers or 'nothing'}" if result is None else result.mark.said
        return Entry(
            key=draft.key,
            title=title,
            made=f"{datetime.now():%Y-%m-%dT%H:%M:%S}",
            summary=about if result is None else summary(result),
            marked=marks.marked,
            mark=said,
            check=(verdict(marks), *details(marks)),
            options=options,
            notes=() if result is None else result.notes,
        )

    def judge(self, key: str, control: Control) -> str:
        """Write the evaluation's report of a result beside it; return its key.

        Raises:
            LipsyncError: as `evaluate` does.
        """
        from lipsync_edge.eval.evaluate import EvalOptions, evaluate
        from lipsync_edge.eval.report import report

        entry = self.history.find(key)
        made = self.history.folder / key / RESULT
        control.say("judging the result; up to its first 30 seconds")
        found = evaluate(EvalOptions(generated=made))
        control.check()
        out = made.with_name(f".{REPORT}")
        try:
            report(found, out.with_suffix(".html"), entry.title, StillMark.of(self._mark, made))
            control.check()
            out.replace(made.with_name(REPORT))
        finally:
            out.unlink(missing_ok=True)
        return key

    def engine(self, options: EngineOptions) -> Engine:
        """Return the engine of options, loaded when it was not; the one that was not asked for longest goes."""
        engine = self._engines.pop(options, None)
        if engine is None:
            while len(self._engines) >= ENGINES:
                self._engines.pop(next(iter(self._engines)))
            engine = self._load(options)
        self._engines[options] = engine
        return engine

    def _run(self, request: DubRequest, out: Path, control: Control) -> tuple[Job, RunResult]:
        control.say("loading the networks")
        engine = self.engine(request.wishes.engine)
        job = engine.job(request.face, request.voice, out, options=request.wishes.options, cache=self._cache)
        control.say("looking at the face")
        return job, engine.make(job, progress=control.count, observe=control.observe)

    def _loudest(self, request: DubRequest) -> float:
        """Second at which the voice is loudest in its first minute."""
        samples = read_audio(request.heard)[: round(SEARCHED_S * TARGET_RATE)]
        return round(comparison.loudest_s(samples, TARGET_RATE), 2)

    def _preview_folder(self) -> Path:
        self._previews += 1
        folder = self._scratch / f"preview-{self._previews:04d}"
        folder.mkdir(parents=True)
        return folder
