"""Files in, a file out: the driver that reads ahead, tracks, pairs, renders in batches and writes behind."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lipsync_edge.arrays import F32, U8, Tick
from lipsync_edge.errors import InputError, NoFaceError, UsageError
from lipsync_edge.loop import LOOPS, Loop, endless_frames
from lipsync_edge.media import VideoFrame, VideoInfo, check_range, probe, read_image
from lipsync_edge.sound import SoundInfo, probe_sound, read_sound
from lipsync_edge.speech_gate import GateOptions
from lipsync_edge.sync import SyncStream, pair
from lipsync_edge.threads import ReadAhead, WriteBehind
from lipsync_edge.track import TrackedFrame, Tracker, TrackOptions
from lipsync_edge.writer import VideoFormat, VideoWriter, check_output

if TYPE_CHECKING:
    from lipsync_edge.engine import Engine

Progress = Callable[[int, int | None], None]
READ_AHEAD = 8  # decoded frames that wait
WRITE_BEHIND = 8  # finished frames that wait


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What `run` may be told beyond its files.

    Attributes:
        face: who speaks: "largest", "left", "right", an index from the left, or the path of a picture of them.
        box_xyxy: fixed face box in frame pixels.
        pads: top, bottom, left, right in pixels, added to the face box; None leaves the preset's.
        loop: what follows a video that is shorter than the sound: "pingpong", "repeat", "hold", "cut".
        start: first second of the result that is made.
        end: last second (exclusive), or None.
        play_audio: another sound to hear in the result, e.g. music mixed with the voice.
        codec: "h264", "hevc", "vp9", "av1", or "" for the container's usual one.
        crf: quality of the encode, lower is better; None for a visually lossless default.
    """

    face: str = "largest"
    box_xyxy: tuple[float, float, float, float] | None = None
    pads: tuple[int, int, int, int] | None = None
    loop: Loop = "pingpong"
    start: float = 0.0
    end: float | None = None
    play_audio: Path | None = None
    codec: str = ""
    crf: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if self.loop not in LOOPS:
            raise UsageError(expected=f"a loop out of {', '.join(LOOPS)}", got=repr(self.loop))
        check_range(self.start, self.end)
        if self.crf is not None and not 0 <= self.crf <= 63:
            raise UsageError(expected="a CRF from 0 to 63", got=str(self.crf))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What came out of a run.

    Attributes:
        output: the file.
        frames: how many were written.
        frames_without_face: how many of them passed through untouched.
        width: of the result, in pixels.
        height: of the result, in pixels.
        fps: nominal frames a second.
        duration_s: length of the result.
        elapsed_s: how long it took, decoding and encoding included.
        stage_s: seconds spent in each stage; stages overlap, so they add up to more than `elapsed_s`.
        devices: stage → device that really ran it.
        precisions: stage → "fp32", "fp16" or "int8".
        preset: its name.
    """

    output: Path
    frames: int
    frames_without_face: int
    width: int
    height: int
    fps: float
    duration_s: float
    elapsed_s: float
    stage_s: dict[str, float]
    devices: dict[str, str]
    precisions: dict[str, str]
    preset: str


@dataclass(slots=True)
class Counters:
    """What a run counts while it goes."""

    frames: int = 0
    faceless: int = 0
    stage_s: dict[str, float] = field(default_factory=dict)
    last: Fraction = Fraction(0)

    @contextmanager
    def probe(self, stage: str) -> Iterator[None]:
        """Add the time spent inside to a stage."""
        began = clock.perf_counter()
        try:
            yield
        finally:
            self.stage_s[stage] = self.stage_s.get(stage, 0.0) + clock.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Job:
    """One run, checked and ready to go."""

    engine: Engine
    face: Path
    audio: Path
    out: Path
    options: RunOptions
    video: VideoInfo
    sound: SoundInfo
    heard: Path
    heard_sound: SoundInfo

    @property
    def start(self) -> Fraction:
        """First second that is made."""
        return Fraction(self.options.start).limit_denominator(1_000_000)

    @property
    def end(self) -> Fraction | None:
        """End of what is made."""
        return None if self.options.end is None else Fraction(self.options.end).limit_denominator(1_000_000)

    @property
    def total(self) -> int | None:
        """How many frames there will be, as far as the files say."""
        known = [t for t in (self.sound.duration, self.end) if t is not None]
        if self.options.loop == "cut" and self.video.duration is not None:
            known.append(self.video.duration)
        return max(0, ceil((min(known) - self.start) * self.video.fps)) if known else None


def run(
    engine: Engine,
    face: str | Path,
    audio: str | Path,
    out: str | Path,
    *,
    options: RunOptions | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Make the face say the audio; see `Engine.run`."""
    job = prepare_job(engine, Path(face), Path(audio), Path(out), options or RunOptions())
    began, counters = clock.perf_counter(), Counters()
    with VideoWriter(job.out, _format(job)) as writer:
        _drive(job, writer, counters, progress or (lambda done, total: None))
        if counters.frames == counters.faceless:
            raise NoFaceError(
                expected=f"a face in {job.face.name}",
                got=f"none in {counters.frames} frames",
                fix="use --box x1,y1,x2,y2 if there is one all the same",
            )
    networks = engine.networks
    return RunResult(
        output=job.out,
        frames=counters.frames,
        frames_without_face=counters.faceless,
        width=job.video.width,
        height=job.video.height,
        fps=float(job.video.fps),
        duration_s=float(counters.last + 1 / job.video.fps) if counters.frames else 0.0,
        elapsed_s=clock.perf_counter() - began,
        stage_s={stage: round(seconds, 4) for stage, seconds in counters.stage_s.items()},
        devices={stage: network.device for stage, network in networks.items()},
        precisions={stage: network.precision for stage, network in networks.items()},
        preset=engine.preset.name,
    )


def prepare_job(engine: Engine, face: Path, audio: Path, out: Path, options: RunOptions) -> Job:
    """Check every file before anything is computed."""
    check_output(out, options.codec)
    heard = options.play_audio or audio
    for source in (face, audio, heard):
        if source.exists() and out.exists() and source.samefile(out):
            raise UsageError(
                expected="an output that is none of the inputs", got=str(out), fix="choose another name"
            )
    sound = probe_sound(audio)
    heard_sound = sound if heard == audio else probe_sound(heard)
    return Job(engine, face, audio, out, options, probe(face), sound, heard, heard_sound)


def _format(job: Job) -> VideoFormat:
    return VideoFormat(
        width=job.video.width,
        height=job.video.height,
        fps=job.video.fps,
        time_base=job.video.time_base,
        colour=job.video.colour,
        sample_aspect=job.video.sample_aspect,
        codec=job.options.codec,
        crf=job.options.crf,
        sound_rate=job.heard_sound.rate,
        sound_channels=job.heard_sound.channels,
    )


def _drive(job: Job, writer: VideoWriter, counters: Counters, progress: Progress) -> None:
    """Run the pipeline: decode | track, pair, render | encode, each side in its own thread."""
    heard = _Heard(job, writer)

    def encode(item: tuple[U8, Fraction]) -> None:
        with counters.probe("encode"):
            heard.until(item[1])
            writer.write(*item)

    with ReadAhead(_source(job, counters), READ_AHEAD) as frames, WriteBehind(encode, WRITE_BEHIND) as sink:
        ticks = _ticks(job, frames, counters)
        while batch := list(islice(ticks, job.engine.preset.batch)):
            for tick, image in zip(batch, job.engine.render(batch, counters.probe), strict=True):
                counters.frames += 1
                counters.faceless += tick.box_xyxy is None
                counters.last = tick.time
                sink.put((image, tick.time))
            progress(counters.frames, job.total)
    if not counters.frames:
        raise InputError(
            expected="at least one frame to make",
            got=f"none between second {job.options.start} and the end",
            fix="check --start, --end and the length of both files",
        )
    heard.until(counters.last + 1 / job.video.fps)


def _source(job: Job, counters: Counters) -> Iterator[VideoFrame]:
    """Decoded frames of the wanted part, times counted from its start."""
    frames = endless_frames(job.face, job.video, job.options.loop)
    while True:
        with counters.probe("decode"):
            frame = next(frames, None)
        if frame is None or (job.end is not None and frame.time >= job.end):
            return
        if frame.time >= job.start:
            yield VideoFrame(frame.image_bgr, frame.time - job.start)


def _ticks(job: Job, frames: ReadAhead[VideoFrame], counters: Counters) -> Iterator[Tick]:
    lips, preset = job.engine.lips, job.engine.preset
    sync = SyncStream(
        lips.audio,
        rate=job.sound.rate,
        gate=GateOptions() if preset.gate else None,
        blend_mel=lips.card.kind == "warp",
    )
    sound = (
        np.mean(piece, axis=1, dtype=np.float32)
        for piece in read_sound(job.audio, job.sound, job.start, job.end)
    )
    return pair(_tracked(job, frames, counters), sound, sync)


def _tracked(job: Job, frames: ReadAhead[VideoFrame], counters: Counters) -> Iterator[TrackedFrame]:
    tracker = Tracker(track_options(job.engine, job.options), job.engine.detector)
    if job.video.still:
        yield from _tracked_still(tracker, frames, counters)
        return
    for frame in frames:
        with counters.probe("track"):
            done = tracker.push(frame.image_bgr, frame.time)
        yield from done
    yield from tracker.flush()


def _tracked_still(
    tracker: Tracker, frames: ReadAhead[VideoFrame], counters: Counters
) -> Iterator[TrackedFrame]:
    """Look at a still once."""
    place: TrackedFrame | None = None
    for index, frame in enumerate(frames):
        if place is None:
            with counters.probe("track"):
                found = tracker.push(frame.image_bgr, frame.time) + tracker.flush()
            place = found[0]
        yield TrackedFrame(index, frame.image_bgr, frame.time, place.box_xyxy, place.landmarks, index == 0)


def track_options(engine: Engine, options: RunOptions) -> TrackOptions:
    """Join the preset's tracking and the user's wishes; a path instead of a rule is read as a picture."""
    preset = engine.preset
    reference = Path(options.face) if Path(options.face).suffix else None
    return TrackOptions(
        mode=preset.tracking,
        every=preset.detect_every,
        side=preset.detect_side,
        pads=preset.pads if options.pads is None else options.pads,
        face="largest" if reference else options.face,
        reference_bgr=None if reference is None else read_image(reference),
        box_xyxy=options.box_xyxy,
    )


class _Heard:
    """Feeds the sound that will be heard to the writer, just ahead of the pictures."""

    def __init__(self, job: Job, writer: VideoWriter) -> None:
        self._pieces = read_sound(job.heard, job.heard_sound, job.start, job.end)
        self._rate = job.heard_sound.rate
        self._writer = writer
        self._rest: F32 = np.zeros((0, job.heard_sound.channels), np.float32)
        self._written = 0

    def until(self, time: Fraction) -> None:
        """Write sound up to `time` seconds, as far as there is any."""
        wanted = round(time * self._rate) - self._written
        while wanted > 0:
            if not len(self._rest):
                piece = next(self._pieces, None)
                if piece is None:
                    return
                self._rest = piece
            part, self._rest = self._rest[:wanted], self._rest[wanted:]
            self._writer.write_sound(part)
            self._written += len(part)
            wanted -= len(part)
