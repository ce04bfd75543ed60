"""Counters of a run: what goes through each stage, how long it takes, and what the result says of it."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction

from lipsync_edge.errors import InputError, NoFaceError
from lipsync_edge.face.identifier import Identifier
from lipsync_edge.face.looks import Looks
from lipsync_edge.pipeline.job import Job
from lipsync_edge.pipeline.own_share import OwnShare
from lipsync_edge.pipeline.result import RunResult
from lipsync_edge.pipeline.who_spoke import WhoSpoke
from lipsync_edge.render.renderer import Probe
from lipsync_edge.types import Frame

Observe = Callable[[str, float, int], None]


@dataclass(slots=True)
class Counters:
    """What a run counts while it goes."""

    frames: int = 0
    faceless: int = 0
    stage_s: dict[str, float] = field(default_factory=dict)
    last: Fraction = Fraction(0)
    share: OwnShare = field(default_factory=OwnShare)
    exemplars: int = 0
    who: WhoSpoke = field(default_factory=lambda: WhoSpoke(0.04))
    observe: Observe | None = None

    @contextmanager
    def probe(self, stage: str, frames: int = 1) -> Iterator[None]:
        """Add the time spent inside to a stage, through which so many frames go at once."""
        began = clock.perf_counter()
        try:
            yield
        finally:
            seconds = clock.perf_counter() - began
            self.stage_s[stage] = self.stage_s.get(stage, 0.0) + seconds
            if self.observe is not None:
                self.observe(stage, seconds, frames)

    def probe_of(self, frames: int) -> Probe:
        """Return a probe for stages through which so many frames go at once."""
        return lambda stage: self.probe(stage, frames)

    def count(self, frame: Frame) -> None:
        """Count a finished frame."""
        self.frames += 1
        self.faceless += not frame.faces
        self.last = frame.time
        self.share.count(frame)
        self.who.count(frame)


def check_made(job: Job, counters: Counters) -> None:
    """Refuse a run that made nothing.

    Raises:
        InputError: no frame was wanted; NoFaceError: none of them shows a face.
    """
    if not counters.frames:
        raise InputError(
            expected="at least one frame to make",
            got=f"none between second {job.options.start} and the end",
            fix="check --start, --end and the length of both files",
        )
    if counters.frames == counters.faceless:
        raise NoFaceError(
            expected=f"a face in {job.face.name}",
            got=f"none in {counters.frames} frames",
            fix="use --box x1,y1,x2,y2 if there is one all the same",
        )


def result_of(job: Job, looks: Looks, counters: Counters, elapsed_s: float) -> RunResult:
    """Return what a run gives, marks, people and notes aside."""
    networks = {"detect": job.detector.network, **job.renderer.networks}
    if isinstance(looks, Identifier):
        networks["identify"] = looks.network
    return RunResult(
        output=job.out,
        frames=counters.frames,
        frames_without_face=counters.faceless,
        width=job.video.width,
        height=job.video.height,
        fps=float(job.video.fps),
        duration_s=float(counters.last + 1 / job.video.fps),
        elapsed_s=elapsed_s,
        stage_s={stage: round(seconds, 4) for stage, seconds in counters.stage_s.items()},
        devices={stage: network.device for stage, network in networks.items()},
        precisions={stage: network.precision for stage, network in networks.items()},
        preset=job.renderer.preset.name,
        own_mouth=round(counters.share.share, 4),
        own_strength=round(counters.share.mean_strength, 4),
        exemplars=counters.exemplars,
    )
