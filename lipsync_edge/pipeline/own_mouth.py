"""Own mouths in a run: the film is looked through once for exemplars, then every frame gets its plan."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from zipfile import BadZipFile

import numpy as np

from lipsync_edge.choices import MOUTHS, Mouth
from lipsync_edge.errors import InputError, ModelError, NoVideoError, UsageError
from lipsync_edge.face.tracker import Tracker, track
from lipsync_edge.pipeline.face_cache import NOTHING
from lipsync_edge.pipeline.job import Job, face_key, track_options
from lipsync_edge.render.exemplars.library import MOST, Library
from lipsync_edge.render.exemplars.library_file import from_bytes, to_bytes
from lipsync_edge.render.exemplars.planner import can_talk
from lipsync_edge.render.exemplars.watcher import Own, Seen, SequencePlanner, Watcher, gather
from lipsync_edge.render.lips import AudioEncoder
from lipsync_edge.render.renderer import Renderer
from lipsync_edge.types import Frame
from lipsync_edge.video.reader import VideoReader

SCANNED_S = 90.0  # seconds of a film that are looked through at most
# a short result has a part of the film looked through: so long, or so many times its own
LEAST_S, TIMES = (20.0, 2.0)
PARTS = 6  # a longer film is looked through in so many parts

Probe = Callable[[], AbstractContextManager[None]]


@dataclass(slots=True)
class OwnShare:
    """How much of what was spoken was the person's own mouth.

    Attributes:
        spoken: frames in which the voice speaks.
        own: how many of them show mostly the person's own mouth.
        strength: sum of the strengths on them.
    """

    spoken: int = 0
    own: int = 0
    strength: float = 0.0

    def count(self, frame: Frame) -> None:
        """Count a finished frame."""
        for face in frame.faces[:1]:
            if face.gain > 0.0:
                strength = 0.0 if face.own is None else face.own.strength
                self.spoken += 1
                self.own += strength >= 0.5
                self.strength += strength

    @property
    def share(self) -> float:
        """Part of the spoken frames, 0…1."""
        return self.own / self.spoken if self.spoken else 0.0

    @property
    def mean_strength(self) -> float:
        """Mean strength on the spoken frames, 0…1."""
        return self.strength / self.spoken if self.spoken else 0.0


def film_library(job: Job, probe: Probe = nullcontext) -> Library | None:
    """Look a run's film through for exemplars; None where it is a still, shows nobody talking, or may not be used.

    Raises:
        InputError, ModelError: the own mouth was asked for by name and there is none.
    """
    if job.options.mouth == "painted":
        return None
    watcher = job.renderer.watcher
    if watcher is None:
        if job.options.mouth == "own":
            raise ModelError(
                expected="a preset with an audio encoder and a landmark network for --mouth own",
                got=f"preset {job.renderer.preset.name}",
                fix="use preset lite or hq, or --mouth auto",
            )
        return None
    library = None if job.video.still else _library(job, watcher, probe)
    if can_talk(library):
        return library
    if job.options.mouth == "own":
        raise InputError(
            expected=f"a person who talks in {job.face.name}, for --mouth own",
            got="a still picture" if job.video.still else "no mouth that opens",
            fix="use --mouth auto",
        )
    return None


def _library(job: Job, watcher: Watcher, probe: Probe) -> Library | None:
    """Gather the film's exemplars, or take those that the cache holds."""

    def made() -> Library | None:
        return gather(_looked_through(job, watcher, probe), MOST)

    if job.cache is None:
        return made()

    def stored() -> bytes:
        library = made()
        return NOTHING if library is None else to_bytes(library)

    key = face_key(job, *watcher.networks, parts=_parts(job), most=MOST)
    data = job.cache.made_once(f"{key}.library", stored)
    try:
        return None if data == NOTHING else from_bytes(data)
    except (ValueError, KeyError, OSError, BadZipFile):  # damaged on the disk
        return made()


def _looked_through(job: Job, watcher: Watcher, probe: Probe) -> Iterator[tuple[int, Seen]]:
    """Give numbered frames of the film; numbers of different parts never follow each other."""
    number = 0
    for start, end in _parts(job):
        tracker = Tracker(track_options(job.renderer.preset, job.options), job.detector)
        frames = VideoReader(job.face, start=start, end=end, track=job.video.track)
        with suppress(NoVideoError):  # a part behind the real end
            for frame in track(frames, tracker, probe):
                number += 1 + frame.shot_start
                for face in frame.faces[:1]:
                    if face.landmarks is not None:
                        with probe():
                            seen = watcher(frame.image_bgr, face.landmarks)
                        yield number, seen


def _parts(job: Job) -> list[tuple[float, float]]:
    duration = None if job.video.duration is None else float(job.video.duration)
    made = None if job.total is None else job.total / float(job.video.fps)
    return parts(duration, made)


def parts(duration_s: float | None, made_s: float | None = None) -> list[tuple[float, float]]:
    """Return first and last second of what is looked through of a film.

    Args:
        duration_s: of the film; None: nobody knows.
        made_s: of the result; None: nobody knows.
    """
    most = SCANNED_S if made_s is None else min(SCANNED_S, max(LEAST_S, TIMES * made_s))
    if duration_s is None or duration_s <= most:
        return [(0.0, most)]
    length = most / PARTS
    starts = np.linspace(0.0, duration_s - length, PARTS)
    return [(float(start), float(start) + length) for start in starts]


def planned(
    frames: Iterable[Frame],
    stage: SequencePlanner,
    watcher: Watcher,
    encoder: AudioEncoder,
    probe: Probe = nullcontext,
) -> Iterator[Frame]:
    """Give frames that hear a voice with their own mouths planned, in order; a few frames wait.

    Args:
        frames: what `pair` gives.
        stage: a fresh one.
        watcher: looks at their faces.
        encoder: says what the voice asks.
        probe: gives a context manager that is entered round the work on each frame.
    """
    waiting: deque[Frame] = deque()
    for frame in frames:
        with probe():
            waiting.append(frame)
            ready = push(stage, frame, watcher, encoder)
        for own in ready:
            yield with_own(waiting.popleft(), own)
    for own in stage.flush():
        yield with_own(waiting.popleft(), own)


def push(
    stage: SequencePlanner, frame: Frame, watcher: Watcher, encoder: AudioEncoder, *, at_rest: bool = False
) -> list[Own | None]:
    """Give a frame to the stage; return the plans that are ready."""
    face = frame.faces[0] if frame.faces else None
    if face is None or face.landmarks is None or face.features is None:
        return stage.push(None, np.zeros(8, np.float32), cut=frame.shot_start)
    seen = watcher(frame.image_bgr, face.landmarks)
    return stage.push(seen, encoder([face.features])[0], cut=frame.shot_start, at_rest=at_rest)


def with_own(frame: Frame, own: Own | None) -> Frame:
    """Return the frame whose first face has its own mouth planned."""
    if own is None or not frame.faces:
        return frame
    first, *others = frame.faces
    return replace(frame, faces=(replace(first, own=own), *others))


class LiveMouth:
    """Plans the own mouth of a live stream's frames, each at once: nothing is looked ahead, so that nothing waits.

    Args:
        library: the avatar's exemplars.
        watcher: looks at the frames' faces.
        encoder: says what the voice asks.
        strength: times the person's own range of motion.
    """

    def __init__(
        self, library: Library, watcher: Watcher, encoder: AudioEncoder, strength: float = 1.0
    ) -> None:
        self._library, self._watcher, self._encoder = library, watcher, encoder
        self._strength = strength
        self.reset()

    @classmethod
    def open(
        cls, renderer: Renderer, library: Library | None, mouth: Mouth, strength: float = 1.0
    ) -> LiveMouth | None:
        """Return what plans a stream's mouths; None where the networks alone make them.

        Raises:
            UsageError: the own mouth was asked for by name and there is none.
        """
        if mouth not in MOUTHS or not 0 <= strength <= 1.5:
            raise UsageError(
                expected=f"a mouth out of {', '.join(MOUTHS)} and a strength from 0 to 1.5",
                got=f"{mouth!r}, {strength}",
            )
        networks = None if library is None or mouth == "painted" else (renderer.watcher, renderer.encoder)
        if library is not None and networks is not None and None not in networks:
            return cls(library, *networks, strength)  # type: ignore[arg-type]
        if mouth == "own":
            raise UsageError(
                expected="an avatar that talks, and a preset with an audio encoder and landmarks",
                got="none" if library is None else f"preset {renderer.preset.name}",
                fix="use mouth auto",
            )
        return None

    def reset(self) -> None:
        """Forget what was shown: the next frame continues nothing."""
        self._stage = SequencePlanner(
            self._library, strength=self._strength, lag=0, to_shape=self._encoder.to_shape
        )

    @property
    def state(self) -> tuple[int, float]:
        """What the next plan goes on from; at rest it decides, with the picture, what is planned."""
        return self._stage.state

    @state.setter
    def state(self, state: tuple[int, float]) -> None:
        self._stage.state = state

    def __call__(self, frame: Frame, *, at_rest: bool = False) -> Frame:
        """Return the frame with its own mouth planned; at rest without regard to what was heard before."""
        going_on = replace(frame, shot_start=False)
        own = push(self._stage, going_on, self._watcher, self._encoder, at_rest=at_rest)[0]
        return with_own(frame, own)
