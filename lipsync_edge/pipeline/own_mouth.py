"""Own mouths in a run: the film is looked through once for exemplars, and at the end their share is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from zipfile import BadZipFile

import numpy as np

from lipsync_edge.errors import InputError, ModelError, NoVideoError
from lipsync_edge.face.tracker import track
from lipsync_edge.pipeline.casting import Cast
from lipsync_edge.pipeline.face_cache import NOTHING
from lipsync_edge.pipeline.job import Job, face_key, track_options
from lipsync_edge.render.exemplars.library import MOST, Library
from lipsync_edge.render.exemplars.library_file import all_from_bytes, all_to_bytes
from lipsync_edge.render.exemplars.planner import can_talk
from lipsync_edge.render.exemplars.sequence import Own
from lipsync_edge.render.exemplars.watcher import Gatherer, Seen, Watcher
from lipsync_edge.types import Frame
from lipsync_edge.video.reader import VideoReader

SCANNED_S = 90.0  # seconds of a film that are looked through at most
# a short result has a part of the film looked through: so long, or so many times its own
LEAST_S, TIMES = (20.0, 2.0)
PARTS = 6  # a longer film is looked through in so many parts
PEOPLE = 4  # who have a library at most

Probe = Callable[[], AbstractContextManager[None]]


@dataclass(slots=True)
class OwnShare:
    """How much of what was spoken was the person's own mouth.

    Attributes:
        spoken: faces of frames in which their voice speaks.
        own: how many of them show mostly the person's own mouth.
        strength: sum of the strengths on them.
    """

    spoken: int = 0
    own: int = 0
    strength: float = 0.0

    def count(self, frame: Frame) -> None:
        """Count a finished frame."""
        for face in frame.faces:
            if face.gain > 0.0 and face.features is not None:
                strength = face.own.share if isinstance(face.own, Own) else 0.0
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


def film_libraries(job: Job, people: Cast, probe: Probe = nullcontext) -> dict[int, Library]:
    """Look a run's film through for exemplars of everybody who is followed.

    Empty for a still, and where none may be used. A library of somebody who is not seen talking says just that.

    Raises:
        InputError, ModelError: the own mouth was asked for by name and there is none.
    """
    if job.options.mouth == "painted":
        return {}
    watcher = job.renderer.watcher
    if watcher is None:
        if job.options.mouth == "own":
            raise ModelError(
                expected="a preset with an audio encoder and a landmark network for --mouth own",
                got=f"preset {job.renderer.preset.name}",
                fix="use preset lite or hq, or --mouth auto",
            )
        return {}
    found = {} if job.video.still else _libraries(job, people, watcher, probe)
    if job.options.mouth == "own" and not any(can_talk(library) for library in found.values()):
        raise InputError(
            expected=f"a person who talks in {job.face.name}, for --mouth own",
            got="a still picture" if job.video.still else "no mouth that opens",
            fix="use --mouth auto",
        )
    return found


def _libraries(job: Job, people: Cast, watcher: Watcher, probe: Probe) -> dict[int, Library]:
    """Gather the film's exemplars, or take those that the cache holds."""

    def made() -> dict[int, Library]:
        gatherers = _Gatherers()
        for identity, number, seen in _looked_through(job, people, watcher, probe):
            gatherers.add(identity, number, seen)
        return gatherers.build()

    if job.cache is None:
        return made()

    def stored() -> bytes:
        libraries = made()
        return all_to_bytes(libraries) if libraries else NOTHING

    key = face_key(job, *watcher.networks, parts=_parts(job), most=MOST, people=PEOPLE, cast=people.key)
    data = job.cache.made_once(f"{key}.library", stored)
    try:
        return {} if data == NOTHING else all_from_bytes(data)
    except (ValueError, KeyError, OSError, BadZipFile):  # damaged on the disk
        return made()


class _Gatherers:
    """Libraries of several people out of one bounded number of exemplars, which those who are seen share."""

    def __init__(self, most: int = MOST, people: int = PEOPLE) -> None:
        self._most, self._people = most, people
        self._by: dict[int, Gatherer] = {}

    def add(self, identity: int, number: int, seen: Seen) -> None:
        """Take a face of a frame; one person too many has no library."""
        if identity not in self._by:
            if len(self._by) >= self._people:
                return
            self._by[identity] = Gatherer(self._most)
            for gatherer in self._by.values():
                gatherer.most = self._most // len(self._by)
        self._by[identity].add(number, seen)

    def build(self) -> dict[int, Library]:
        """Return the libraries by identity."""
        built = {identity: gatherer.build() for identity, gatherer in self._by.items()}
        return {identity: library for identity, library in built.items() if library is not None}


def _looked_through(
    job: Job, people: Cast, watcher: Watcher, probe: Probe
) -> Iterator[tuple[int, int, Seen]]:
    """Give identities, frame numbers and faces; numbers that do not follow each other are other shots or parts."""
    tracker = people.tracker(track_options(job.renderer.preset, job.options), job.detector)
    shots = 0
    for frame in track(_frames(job), tracker, probe):
        shots += frame.shot_start
        for face in frame.faces:
            if face.landmarks is not None:
                with probe():
                    seen = watcher(frame.image_bgr, face.landmarks)
                yield face.identity, frame.index + shots, seen


def _frames(job: Job) -> Iterator[Frame]:
    """Give the frames that are looked through, one part after another; their indices leave gaps between the parts."""
    index = 0
    for start, end in _parts(job):
        with suppress(NoVideoError):  # a part behind the real end
            reader = VideoReader(
                job.face, start=start, end=end, track=job.video.track, background=job.background
            )
            for frame in reader:
                yield replace(frame, index=index)
                index += 1
        index += 1


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
