"""The look through a film before anything is made of it: exemplars of own mouths, and where every face lies."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace

import numpy as np

from lipsync_edge.errors import InputError, ModelError, NoVideoError
from lipsync_edge.face.tracker import track
from lipsync_edge.pipeline.casting import Cast
from lipsync_edge.pipeline.face_cache import NOTHING
from lipsync_edge.pipeline.film_faces import FilmFaces, FilmFacesRecorder, Found
from lipsync_edge.pipeline.heap import give_back
from lipsync_edge.pipeline.job import Job, face_key, track_options
from lipsync_edge.pipeline.threads import ReadAhead, waiting_frames
from lipsync_edge.render.exemplars.library import MOST, Library
from lipsync_edge.render.exemplars.library_file import all_from_bytes, all_to_bytes
from lipsync_edge.render.exemplars.planner import can_talk
from lipsync_edge.render.exemplars.watcher import Gatherer, Seen, Watcher
from lipsync_edge.types import Frame
from lipsync_edge.video.reader import VideoReader

SCANNED_S = 90.0  # seconds of a film that are looked through at most
# a short result has a part of the film looked through: so long, or so many times its own
LEAST_S, TIMES = (20.0, 2.0)
PARTS = 6  # a longer film is looked through in so many parts
PEOPLE = 4  # who have a library at most
FORM = 2  # of what is kept: another one is another key
_LENGTH = struct.Struct("<Q")

Probe = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True, eq=False)
class FilmScan:
    """What a look through a run's film found.

    Attributes:
        libraries: exemplars of everybody who is followed; empty for a still, and where none may be used. A library of
            somebody who is not seen talking says just that.
        faces: of every frame, where the run begins with the film and the whole film was looked through; else None.
    """

    libraries: dict[int, Library] = field(default_factory=dict)
    faces: FilmFaces | None = None

    def to_bytes(self) -> bytes:
        """Return it as bytes: the length of the faces, the faces, the libraries."""
        faces = b"" if self.faces is None else self.faces.to_bytes()
        libraries = all_to_bytes(self.libraries) if self.libraries else NOTHING
        return _LENGTH.pack(len(faces)) + faces + libraries

    @classmethod
    def from_bytes(cls, data: bytes) -> FilmScan:
        """Read what `to_bytes` gave.

        Raises:
            ValueError, KeyError, struct.error: it is something else, or damaged.
        """
        (length,) = _LENGTH.unpack_from(data)
        faces, libraries = data[_LENGTH.size : _LENGTH.size + length], data[_LENGTH.size + length :]
        return cls(
            {} if libraries == NOTHING else all_from_bytes(libraries),
            FilmFaces.from_bytes(faces) if faces else None,
        )


def scan_film(job: Job, people: Cast, probe: Probe = nullcontext) -> FilmScan:
    """Look a run's film through for the own mouths of everybody who is followed.

    Raises:
        InputError, ModelError: the own mouth was asked for by name and there is none.
    """
    if job.options.mouth == "painted":
        return FilmScan()
    watcher = job.renderer.watcher
    if watcher is None:
        if job.options.mouth == "own":
            raise ModelError(
                expected="a preset with an audio encoder and a landmark network for --mouth own",
                got=f"preset {job.renderer.preset.name}",
                fix="use preset lite or hq, or --mouth auto",
            )
        return FilmScan()
    found = FilmScan() if job.video.still else _scanned(job, people, watcher, probe)
    give_back()
    if job.options.mouth == "own" and not any(can_talk(library) for library in found.libraries.values()):
        raise InputError(
            expected=f"a person who talks in {job.face.name}, for --mouth own",
            got="a still picture" if job.video.still else "no mouth that opens",
            fix="use --mouth auto",
        )
    return found


def _scanned(job: Job, people: Cast, watcher: Watcher, probe: Probe) -> FilmScan:
    """Look through the film, or take what the cache holds."""
    if job.cache is None:
        return _scan(job, people, watcher, probe)
    key = face_key(
        job,
        *watcher.networks,
        parts=_parts(job),
        start=str(job.start),
        most=MOST,
        form=FORM,
        people=PEOPLE,
        cast=people.key,
    )
    data = job.cache.made_once(f"{key}.film", lambda: _scan(job, people, watcher, probe).to_bytes())
    try:
        return FilmScan.from_bytes(data)
    except (ValueError, KeyError, struct.error):  # damaged on the disk
        return _scan(job, people, watcher, probe)


def _scan(job: Job, people: Cast, watcher: Watcher, probe: Probe) -> FilmScan:
    """Gather exemplars and faces of the frames that are looked through."""
    gatherers, film, recorder = _Gatherers(), _Film(job), FilmFacesRecorder()
    tracker = people.tracker(track_options(job.renderer.preset, job.options), job.detector)
    shots = 0
    with ReadAhead(film.frames(), waiting_frames(job.video.width, job.video.height)) as frames:
        for frame in track(frames, tracker, probe):
            shots += frame.shot_start
            found: list[Found | None] = []
            for face in frame.faces:
                if face.landmarks is None:
                    found.append(None)
                    continue
                with probe():
                    seen = watcher(frame.image_bgr, face.landmarks)
                found.append(Found(seen.landmarks, seen.target.paste))
                # numbers that do not follow each other are other shots or parts
                gatherers.add(face.identity, frame.index + shots, seen)
            recorder.note(frame, found)
    serves = film.was_read_whole and job.start == 0
    return FilmScan(gatherers.build(), recorder.faces() if serves else None)


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


class _Film:
    """The frames that are looked through.

    Attributes:
        was_read_whole: whether they were those of the whole film, from its first to its last.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self.was_read_whole = False

    def frames(self) -> Iterator[Frame]:
        """Give them, one part of the film after another; their indices leave gaps between the parts."""
        index, job, parts = 0, self._job, _parts(self._job)
        for start, end in parts:
            with suppress(NoVideoError):  # a part behind the real end
                reader = VideoReader(
                    job.face, start=start, end=end, track=job.video.track, background=job.background
                )
                for frame in reader:
                    yield replace(frame, index=index)
                    index += 1
                self.was_read_whole = reader.ended and len(parts) == 1
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
