"""Files in, a file out: the driver that reads ahead, tracks, pairs, renders in batches and writes behind."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

from lipsync_edge.audio.alignment import pair
from lipsync_edge.audio.mix import channels_of, rate_of
from lipsync_edge.errors import InputError, NoFaceError
from lipsync_edge.face.identifier import Identifier
from lipsync_edge.face.looks import Looks, PatchLooks
from lipsync_edge.face.tracker import track, track_still
from lipsync_edge.mark.label import Labeller
from lipsync_edge.pipeline.casting import Cast, cast
from lipsync_edge.pipeline.hearing import Voices
from lipsync_edge.pipeline.job import Job, face_key, track_options
from lipsync_edge.pipeline.marking import Marking
from lipsync_edge.pipeline.mouth_plans import MouthPlans, planned
from lipsync_edge.pipeline.own_mouth import OwnShare, film_libraries
from lipsync_edge.pipeline.result import RunResult
from lipsync_edge.pipeline.soundtrack import Soundtrack
from lipsync_edge.pipeline.threads import ReadAhead, WriteBehind
from lipsync_edge.pipeline.track_memory import TrackMemory
from lipsync_edge.pipeline.who_spoke import WhoSpoke
from lipsync_edge.render.exemplars.library import Library
from lipsync_edge.render.exemplars.planner import LAG, can_talk
from lipsync_edge.render.renderer import Probe
from lipsync_edge.types import U8, Boxes, Frame, Region
from lipsync_edge.video.loop import endless_frames
from lipsync_edge.video.writer import VideoFormat, VideoWriter

if TYPE_CHECKING:
    import av

Progress = Callable[[int, int | None], None]
Observe = Callable[[str, float, int], None]
BYTES_A_PIXEL = 4.5  # a frame in BGR and as it was decoded
WAITING_BYTES = 24 << 20  # decoded frames that wait, as many finished ones, and as many in one batch


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


def run(
    job: Job,
    *,
    looks: Looks | None = None,
    progress: Progress | None = None,
    observe: Observe | None = None,
) -> RunResult:
    """Do a job: decode | track, pair, render | encode, each side in its own thread; see `lipsync_edge.Engine.run`.

    Args:
        job: what is done.
        looks: tells people apart; None: the grey patch does.
        progress: see there.
        observe: see there.
    """
    began = clock.perf_counter()
    counters = Counters(observe=observe, who=WhoSpoke(float(1 / job.video.fps)))
    people = cast(job, looks or PatchLooks(), lambda: counters.probe("cast"))
    libraries = film_libraries(job, people, lambda: counters.probe("scan"))  # before anything else is decoded
    memory = _memory(job, people)
    depth, together = batching(job)
    marking, labeller = Marking(job), labeller_of(job)
    with VideoWriter(job.out, _format(job, marking.tags), marking.finish) as writer:
        soundtrack = Soundtrack(job, writer)

        def encode(item: tuple[U8, Fraction, av.VideoFrame | None, Region | None]) -> None:
            with counters.probe("encode"):
                soundtrack.until(item[1])
                writer.write(*(item if labeller is None else labelled(labeller, *item)))

        decoding = ReadAhead(
            _source(job),
            depth,
            reading=lambda: counters.probe("decode"),
            full=lambda: counters.probe("wait_room"),
            waiting=lambda: counters.probe("wait_decoder"),
        )
        with decoding as frames, WriteBehind(encode, depth) as sink:
            speaking = _speaking(job, people, libraries, frames, counters, memory, min(LAG, depth))
            while batch := list(islice(speaking, together)):
                with counters.probe("render", len(batch)):
                    finished = job.renderer.render(batch, counters.probe_of(len(batch)))
                for frame, rendered in zip(batch, finished, strict=True):
                    counters.count(frame)
                    marking.look(frame, rendered)
                    with counters.probe("wait_encoder"):
                        sink.put((rendered.image_bgr, frame.time, frame.source, rendered.changed))
                if progress is not None:
                    progress(counters.frames, job.total)
        _check_made(job, counters)
        soundtrack.until(counters.last + 1 / job.video.fps)
        notes = soundtrack.notes
    if memory is not None:
        memory.keep()
    return replace(
        _result(job, people.looks, counters, clock.perf_counter() - began),
        people=counters.who.result(job.parts, people.part_of, people.who),
        notes=(*job.notes, *notes),
        mark=marking.report,
    )


def labeller_of(job: Job) -> Labeller | None:
    """Return what draws a run's label; None where there is none."""
    size = job.video.width, job.video.height
    return None if job.options.label == "none" else Labeller(job.options.label, size, job.options.label_size)


def labelled(
    labeller: Labeller, image_bgr: U8, time: Fraction, source: av.VideoFrame | None, changed: Region | None
) -> tuple[U8, Fraction, av.VideoFrame | None, Region | None]:
    """Return what a writer takes, with the label on it."""
    return labeller.draw(image_bgr), time, source, labeller.region.union(changed)


def batching(job: Job) -> tuple[int, int]:
    """Return how many frames may wait on either side of the renderer, and how many it makes at once."""
    fitting = WAITING_BYTES // int(job.video.width * job.video.height * BYTES_A_PIXEL)
    return min(8, max(2, fitting)), min(job.renderer.preset.batch, max(1, fitting))


def _check_made(job: Job, counters: Counters) -> None:
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


def _result(job: Job, looks: Looks, counters: Counters, elapsed_s: float) -> RunResult:
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


def _format(job: Job, tags: dict[str, str]) -> VideoFormat:
    return VideoFormat(
        width=job.video.width,
        height=job.video.height,
        fps=job.video.fps,
        time_base=job.video.time_base,
        color=job.video.color.stated() if job.video.still else job.video.color,
        sample_aspect=job.video.sample_aspect,
        codec=job.options.codec,
        crf=job.options.crf,
        sound_rate=rate_of(job.heard),
        sound_channels=channels_of(job.heard),
        tags=tags,
    )


def _source(job: Job) -> Iterator[Frame]:
    """Decoded frames of the wanted part, times counted from its start."""
    return endless_frames(
        job.face, job.video, job.options.loop, job.start, job.end, background=job.background
    )


def _speaking(
    job: Job,
    people: Cast,
    libraries: dict[int, Library],
    frames: Iterable[Frame],
    counters: Counters,
    memory: TrackMemory | None,
    lag: int,
) -> Iterator[Frame]:
    """Frames with their faces, and on these the voices; plans of own mouths come `lag` frames late."""
    tracked = _tracked(job, people, frames, counters, memory)
    if job.is_for_several or job.parts[0].turns is not None or job.options.listen == "filmed":
        paired = _voices(job, people).lay_on(tracked)
    else:
        sound = job.parts[0].sound
        paired = pair(tracked, sound.pieces(job.start, job.end), job.renderer.listen(sound.info.rate))
    watcher, encoder, still = job.renderer.watcher, job.renderer.encoder, job.video.still
    if job.options.mouth == "painted" or watcher is None or encoder is None or not (libraries or still):
        return _guided(job, paired, counters)
    counters.exemplars = sum(len(library) for library in libraries.values() if can_talk(library))
    plans = MouthPlans(watcher, encoder, libraries, strength=job.options.strength, lag=lag, still=still)
    return planned(paired, plans, lambda: counters.probe("plan"))


def _memory(job: Job, people: Cast) -> TrackMemory | None:
    if job.cache is None:
        return None
    part = (str(job.start), str(job.end), job.options.loop)
    return TrackMemory(job.cache, face_key(job, part=part, cast=people.key), job.total)


def _voices(job: Job, people: Cast) -> Voices:
    return Voices(
        job.parts,
        people.part_of,
        job.renderer.listen,
        job.renderer.silence,
        start=job.start,
        end=job.end,
        listening=job.options.listen,
    )


def _guided(job: Job, paired: Iterable[Frame], counters: Counters) -> Iterator[Frame]:
    """Frames of a film, their faces told what the voice asks in numbers; as they are where nothing can tell."""
    guide = None if job.video.still else job.renderer.guide()
    for frame in paired:
        if guide is None:
            yield frame
            continue
        with counters.probe("plan"):
            told = guide(frame)
        yield told


def _tracked(
    job: Job, people: Cast, frames: Iterable[Frame], counters: Counters, memory: TrackMemory | None
) -> Iterator[Frame]:
    def find_faces(frames_bgr: Sequence[U8], side: int = 0) -> list[Boxes]:
        with counters.probe("detect", len(frames_bgr)):
            return job.detector(frames_bgr, side)

    def follow(frames: Iterable[Frame]) -> Iterator[Frame]:
        tracker = people.tracker(track_options(job.renderer.preset, job.options), find_faces)
        following = track_still if job.video.still else track
        return following(frames, tracker, lambda: counters.probe("track"))

    if memory is None:
        return follow(frames)
    return memory.track(frames, follow, lambda: _source(job))
