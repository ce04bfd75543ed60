"""Frames of a run with their faces, and on these the voices and the plans of their mouths, ready to be rendered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

from lipsync_edge.audio.alignment import pair
from lipsync_edge.face.tracker import track, track_still
from lipsync_edge.pipeline.casting import Cast
from lipsync_edge.pipeline.counters import Counters
from lipsync_edge.pipeline.film_faces import FilmFaces
from lipsync_edge.pipeline.film_scan import FilmScan
from lipsync_edge.pipeline.hearing import Voices
from lipsync_edge.pipeline.job import Job, face_key, track_options
from lipsync_edge.pipeline.mouth_plans import MouthPlans, planned
from lipsync_edge.pipeline.track_memory import TrackMemory
from lipsync_edge.render.exemplars.planner import can_talk
from lipsync_edge.types import U8, Boxes, Frame, Region
from lipsync_edge.video.loop import endless_frames


def source_frames(job: Job, faces: FilmFaces | None = None) -> Iterator[Frame]:
    """Give the decoded frames of the wanted part, times counted from its start.

    Args:
        job: the run.
        faces: where they lie in the film, where that is known: of each picture only what they need is converted, as
            long as the rest goes to the encoder as it was decoded.
    """
    size = job.video.width, job.video.height

    def part_of(index: int) -> Region | None:
        is_known = faces is not None and job.options.label == "none" and index < len(faces)
        return faces.part_of(index, size) if is_known and faces is not None else None

    return endless_frames(
        job.face,
        job.video,
        job.options.loop,
        job.start,
        job.end,
        background=job.background,
        part_of=part_of,
    )


class Speaking:
    """What lays faces, voices and mouths on a run's frames.

    Args:
        job: the run.
        people: who is followed.
        scan: what the look through the film found.
        counters: of the run.
        lag: frames that plans of own mouths come late.
    """

    def __init__(self, job: Job, people: Cast, scan: FilmScan, counters: Counters, lag: int) -> None:
        self._job, self._people, self._scan, self._counters, self._lag = job, people, scan, counters, lag
        self._memory = self._remembered()

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Give frames that can be rendered, a few behind those that are read."""
        job = self._job
        tracked = self._tracked(frames)
        if job.is_for_several or job.parts[0].turns is not None or job.options.listen == "filmed":
            paired = self._voices().lay_on(tracked)
        else:
            sound = job.parts[0].sound
            paired = pair(tracked, sound.pieces(job.start, job.end), job.renderer.listen(sound.info.rate))
        plans = self._plans()
        return self._guided(paired) if plans is None else planned(paired, plans, self._probe("plan"))

    def keep(self) -> None:
        """Keep the track for the next run, where there is a cache."""
        if self._memory is not None:
            self._memory.keep()

    def _probe(self, stage: str) -> Callable[[], AbstractContextManager[None]]:
        return lambda: self._counters.probe(stage)

    def _plans(self) -> MouthPlans | None:
        job, libraries, still = self._job, self._scan.libraries, self._job.video.still
        watcher, encoder = job.renderer.watcher, job.renderer.encoder
        if job.options.mouth == "painted" or watcher is None or encoder is None or not (libraries or still):
            return None
        self._counters.exemplars = sum(len(one) for one in libraries.values() if can_talk(one))
        return MouthPlans(
            watcher,
            encoder,
            libraries,
            strength=job.options.strength,
            lag=self._lag,
            still=still,
            film=self._scan.faces,
        )

    def _voices(self) -> Voices:
        job = self._job
        return Voices(
            job.parts,
            self._people.part_of,
            job.renderer.listen,
            job.renderer.silence,
            start=job.start,
            end=job.end,
            listening=job.options.listen,
        )

    def _guided(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Frames of a film, their faces told what the voice asks in numbers; as they are where nothing can tell."""
        guide = None if self._job.video.still else self._job.renderer.guide()
        for frame in frames:
            if guide is None:
                yield frame
                continue
            with self._counters.probe("plan"):
                told = guide(frame)
            yield told

    def _tracked(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        if self._scan.faces is not None:
            return self._scan.faces.on(frames)
        if self._memory is not None:
            return self._memory.track(frames, self._follow, lambda: source_frames(self._job))
        return self._follow(frames)

    def _follow(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        job = self._job

        def find_faces(frames_bgr: Sequence[U8], side: int = 0) -> list[Boxes]:
            with self._counters.probe("detect", len(frames_bgr)):
                return job.detector(frames_bgr, side)

        tracker = self._people.tracker(track_options(job.renderer.preset, job.options), find_faces)
        following = track_still if job.video.still else track
        return following(frames, tracker, self._probe("track"))

    def _remembered(self) -> TrackMemory | None:
        job = self._job
        if job.cache is None or self._scan.faces is not None:
            return None
        part = (str(job.start), str(job.end), job.options.loop)
        return TrackMemory(job.cache, face_key(job, part=part, cast=self._people.key), job.total)
