"""Files in, a file out: the driver that reads ahead, tracks, pairs, renders in batches and writes behind."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from lipsync_edge.audio.mix import channels_of, rate_of
from lipsync_edge.face.looks import Looks, PatchLooks
from lipsync_edge.pipeline.casting import cast
from lipsync_edge.pipeline.counters import Counters, Observe, check_made, result_of
from lipsync_edge.pipeline.film_scan import scan_film
from lipsync_edge.pipeline.heap import give_back
from lipsync_edge.pipeline.job import Job
from lipsync_edge.pipeline.marking import Marking
from lipsync_edge.pipeline.outgoing import Outgoing, Outlet
from lipsync_edge.pipeline.result import RunResult
from lipsync_edge.pipeline.soundtrack import Soundtrack
from lipsync_edge.pipeline.speaking import Speaking, source_frames
from lipsync_edge.pipeline.threads import ReadAhead, WriteBehind, fitting_frames, waiting_frames
from lipsync_edge.pipeline.who_spoke import WhoSpoke, said_by_nobody
from lipsync_edge.render.exemplars.planner import LAG
from lipsync_edge.video.picture_size import LARGE_PIXELS
from lipsync_edge.video.writer import VideoFormat, VideoWriter

Progress = Callable[[int, int | None], None]
GIVE_BACK_EVERY = 8  # frames of large pictures: so often what was freed is given back to the system
LEAST_LAG = 2  # frames that plans of own mouths come late, however few pictures may wait


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
    scan = scan_film(job, people, lambda: counters.probe("scan"))  # before anything else is decoded
    depth, together = batching(job)
    is_large = job.video.width * job.video.height > LARGE_PIXELS
    speaking = Speaking(job, people, scan, counters, lag_of(depth))
    marking = Marking(job)
    with VideoWriter(job.out, video_format(job, marking.tags), marking.finish) as writer:
        soundtrack, outlet = Soundtrack(job, writer), Outlet(job, writer)

        def encode(one: Outgoing) -> None:
            with counters.probe("encode"):
                soundtrack.until(one.time)
                outlet.write(one)

        decoding = ReadAhead(
            source_frames(job, scan.faces),
            depth,
            reading=lambda: counters.probe("decode"),
            full=lambda: counters.probe("wait_room"),
            waiting=lambda: counters.probe("wait_decoder"),
        )
        with decoding as frames, WriteBehind(encode, depth) as sink:
            ready = speaking(frames)
            while batch := list(islice(ready, together)):
                with counters.probe("render", len(batch)):
                    finished = job.renderer.render(batch, counters.probe_of(len(batch)))
                for frame, rendered in zip(batch, finished, strict=True):
                    counters.count(frame)
                    marking.look(frame, rendered)
                    with counters.probe("wait_encoder"):
                        sink.put(outlet.take(frame, rendered, frame.time))
                del batch, finished, frame, rendered  # pictures are let go before others are read
                if is_large and counters.frames % GIVE_BACK_EVERY < together:
                    give_back()
                if progress is not None:
                    progress(counters.frames, job.total)
        check_made(job, counters)
        soundtrack.until(counters.last + 1 / job.video.fps)
        notes = soundtrack.notes
    speaking.keep()
    return replace(
        result_of(job, people.looks, counters, clock.perf_counter() - began),
        people=counters.who.result(job.parts, people.part_of, people.who),
        notes=(*job.notes, *said_by_nobody(job.parts, people.part_of), *notes),
        mark=marking.report,
    )


def batching(job: Job) -> tuple[int, int]:
    """Return how many frames may wait on either side of the renderer, and how many it makes at once."""
    size = job.video.width, job.video.height
    return waiting_frames(*size), min(job.renderer.preset.batch, max(1, fitting_frames(*size)))


def lag_of(depth: int) -> int:
    """Return how many frames plans of own mouths come late where so many pictures may wait."""
    return min(LAG, max(LEAST_LAG, depth))


def video_format(job: Job, tags: dict[str, str]) -> VideoFormat:
    """Return what a run's result is, and what its container is told."""
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
