"""One long run in parts that may be made anywhere: planned once, made each by itself, joined without a second encode.

What looks back or ahead in time (tracking, voice activity, the choice of own mouths) is done once, in order, by
`plan_parts`, which writes down what it found for every frame. Making a part needs nothing of its neighbours: it reads
its pictures, takes what was written down, renders and encodes. So the joined result has the frames of an undivided run.
"""

from __future__ import annotations

import pickle
import time as clock
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

from lipsync_edge.audio.mix import channels_of, rate_of
from lipsync_edge.errors import InputError
from lipsync_edge.face.looks import Looks, PatchLooks
from lipsync_edge.pipeline import offline
from lipsync_edge.pipeline.casting import cast
from lipsync_edge.pipeline.counters import Counters, check_made, result_of
from lipsync_edge.pipeline.film_scan import scan_film
from lipsync_edge.pipeline.job import Job
from lipsync_edge.pipeline.marking import Marking, is_changed
from lipsync_edge.pipeline.outgoing import Outlet
from lipsync_edge.pipeline.result import RunResult
from lipsync_edge.pipeline.soundtrack import Soundtrack
from lipsync_edge.pipeline.speaking import Speaking, source_frames
from lipsync_edge.pipeline.threads import ReadAhead, WriteBehind
from lipsync_edge.pipeline.who_spoke import WhoSpoke, said_by_nobody
from lipsync_edge.render.exemplars.sequence import Own
from lipsync_edge.types import U8, Face, Frame
from lipsync_edge.video.encoder import CODECS
from lipsync_edge.video.joiner import VideoJoiner
from lipsync_edge.video.loop import endless_frames
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.writer import CONTAINERS, VideoWriter

Tell = Callable[[int, int | None], None]
_LEAST_FRAMES = 8
_SURE_S = 1  # before the end that a file says it has


@dataclass(frozen=True, slots=True)
class Planned:
    """What is known of one frame before it is made: its time and its faces, without pictures."""

    time: Fraction
    faces: tuple[Face, ...]
    shot_start: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsPlan:
    """How a run was divided.

    Attributes:
        begins: second of the result at which each part begins.
        counted: what the run counted, for its result.
        part_of: who says what: number of the part of each identity, see `lipsync_edge.pipeline.casting.Cast`.
        who: what each identity is called.
    """

    begins: tuple[Fraction, ...]
    counted: Counters
    part_of: tuple[int, ...]
    who: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of parts."""
        return len(self.begins)


def plan_parts(
    job: Job,
    seconds: float,
    keep: Callable[[int, bytes], None],
    tell: Tell = lambda done, total: None,
    looks: Looks | None = None,
) -> PartsPlan:
    """Look at a whole run and divide it.

    Args:
        job: the run.
        seconds: of each part, about; parts are whole batches of frames.
        keep: called with the number of a part and what `make_part` needs of it.
        tell: called with the frames looked at and their total.
        looks: tells people apart; None: the grey patch does.

    Raises:
        InputError, NoFaceError: as a run does.
    """
    counters, begins = Counters(who=WhoSpoke(float(1 / job.video.fps))), []
    people = cast(job, looks or PatchLooks(), lambda: counters.probe("cast"))
    scan = scan_film(job, people, lambda: counters.probe("scan"))
    depth, together = offline.batching(job)
    speaking = Speaking(job, people, scan, counters, offline.lag_of(depth))
    wanted = max(_LEAST_FRAMES, round(seconds * job.video.fps))
    wanted += -wanted % together
    with ReadAhead(source_frames(job), depth) as frames:
        ready = _planned(speaking(frames), counters)
        while part := list(islice(ready, wanted)):
            begins.append(part[0].time)
            keep(len(begins) - 1, zlib.compress(pickle.dumps(part), 1))
            tell(counters.frames, job.total)
    check_made(job, counters)
    speaking.keep()
    return PartsPlan(begins=tuple(begins), counted=counters, part_of=people.part_of, who=people.who)


def _planned(frames: Iterator[Frame], counters: Counters) -> Iterator[Planned]:
    for frame in frames:
        counters.count(frame)
        yield Planned(frame.time, tuple(map(_bare, frame.faces)), frame.shot_start)


def _bare(face: Face) -> Face:
    """Leave out the pictures that a plan holds; they are there again when the frame is."""
    if face.goal is not None:
        face = replace(face, goal=replace(face.goal, crop_bgr=None))
    if face.own is None:
        return face
    assert isinstance(face.own, Own), "plans of parts know one kind of own mouth"
    return replace(face, own=replace(face.own, seen=None))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class PartMade:
    """What was made of a part: how many frames, and the seconds of those that are not their sources' any more."""

    frames: int
    changed: tuple[Fraction, ...]


def make_part(job: Job, planned: bytes, out: Path, tell: Tell = lambda done, total: None) -> PartMade:
    """Make one part, pictures alone.

    Args:
        job: the whole run.
        planned: what `plan_parts` kept of it; from nobody else, as it is a pickle.
        out: an .mp4.
        tell: called with the frames done and their total.

    Raises:
        InputError: the film gives other frames than it did.
    """
    part: list[Planned] = pickle.loads(zlib.decompress(planned))
    depth, together = offline.batching(job)
    start = job.start + part[0].time
    source = _pictures(job, start, part[-1].time - part[0].time)
    what = replace(offline.video_format(job, {}), sound_rate=0, codec=_codec(job))
    changed, done = [], 0
    with VideoWriter(out, what) as writer:
        outlet = Outlet(job, writer)
        with ReadAhead(source, depth) as frames, WriteBehind(outlet.write, depth) as sink:
            whole = _whole(job, frames, part)
            while batch := list(islice(whole, together)):
                for frame, rendered in zip(batch, job.renderer.render(batch), strict=True):
                    if is_changed(frame, rendered):
                        changed.append(frame.time)
                    sink.put(outlet.take(frame, rendered, frame.time - part[0].time))
                done += len(batch)
                tell(done, len(part))
        if done != len(part):
            raise InputError(expected=f"{len(part)} frames from second {float(start):.3f}", got=str(done))
    return PartMade(done, tuple(changed))


def _pictures(job: Job, start: Fraction, length: Fraction) -> Iterable[Frame]:
    """Give the pictures of a run from a second of it on; what lies before is decoded, but no more than that."""
    duration = job.video.duration
    if job.video.still or duration is None or start + length + _SURE_S > duration:
        return endless_frames(
            job.face, job.video, job.options.loop, start, job.end, background=job.background
        )
    return VideoReader(job.face, start=start, track=job.video.track, background=job.background)


def _whole(job: Job, frames: ReadAhead[Frame], part: list[Planned]) -> Iterator[Frame]:
    """Give the frames of a part with what was written down of them."""
    watcher = job.renderer.watcher

    def seen(face: Face, image_bgr: U8) -> Face:
        if not isinstance(face.own, Own) or watcher is None or face.landmarks is None:
            return face
        return replace(face, own=replace(face.own, seen=watcher(image_bgr, face.landmarks)))

    for index, (frame, planned) in enumerate(zip(frames, part, strict=False)):
        faces = tuple(seen(face, frame.image_bgr) for face in planned.faces)
        yield replace(frame, index=index, time=planned.time, faces=faces, shot_start=planned.shot_start)


def _codec(job: Job) -> str:
    """Return the codec that the whole result has."""
    usual = CONTAINERS[job.out.suffix.lower()][0]
    return job.options.codec or next(name for name, encoder in CODECS.items() if encoder == usual)


def join_parts(
    job: Job,
    plan: PartsPlan,
    parts: Sequence[Path],
    made: Iterable[PartMade],
    looks: Looks | None = None,
) -> RunResult:
    """Join the parts of a run, encode its sound, mark it; the result is what `Engine.run` would have given.

    Args:
        job: the whole run.
        plan: how it was divided.
        parts: the files, in order.
        made: what `make_part` said of each.
        looks: what told people apart.
    """
    began = clock.perf_counter()
    marking = Marking(job)
    for part in made:
        for time in part.changed:
            marking.note(time)
    with VideoJoiner(
        job.out,
        parts,
        sound_rate=rate_of(job.heard),
        sound_channels=channels_of(job.heard),
        tags=marking.tags,
        finish=marking.finish,
    ) as joiner:
        soundtrack = Soundtrack(job, joiner)
        joiner.join(plan.begins, soundtrack.until)
        soundtrack.until(plan.counted.last + 1 / job.video.fps)
    return replace(
        result_of(job, looks or PatchLooks(), plan.counted, clock.perf_counter() - began),
        people=plan.counted.who.result(job.parts, plan.part_of, plan.who),
        notes=(*job.notes, *said_by_nobody(job.parts, plan.part_of), *soundtrack.notes),
        mark=marking.report,
    )


def to_bytes(plan: PartsPlan) -> bytes:
    """Return a plan as bytes."""
    return pickle.dumps(replace(plan, counted=replace(plan.counted, observe=None)))


def from_bytes(data: bytes) -> PartsPlan:
    """Read what `to_bytes` gave; from nobody else, as it is a pickle."""
    plan: PartsPlan = pickle.loads(data)
    return plan
