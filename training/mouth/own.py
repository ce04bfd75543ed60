"""Dubs a clip with the person's own mouth, the library being the clip itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.arrays import U8, Tick
from lipsync_edge.crop import aligned_crop
from lipsync_edge.engine import Engine
from lipsync_edge.landmarks import Landmarks
from lipsync_edge.render_exemplars.library import MOST
from lipsync_edge.render_exemplars.own_mouth import can_talk
from lipsync_edge.render_exemplars.stage import Own, Seen, Stage, gather, see
from training.landmarks.measure import open_file
from training.landmarks.points import VERTICES, canonical_mesh, head_pose
from training.mouth.clips import Clip
from training.mouth.engine import SplitLips

Array = npt.NDArray[Any]

SIDE = 128
Finder = Callable[[Clip, Engine], list[Landmarks | None]]


def by_teacher(task: Path) -> Finder:
    """Return what lays the teacher's mesh into the aligned crops: what a perfect landmark network would give."""
    canonical = canonical_mesh(task)

    def find(clip: Clip, engine: Engine) -> list[Landmarks | None]:
        found: list[Landmarks | None] = []
        for frame, mesh in zip(clip.frames, clip.mesh, strict=True):
            if frame.landmarks is None or not np.isfinite(mesh).all():
                found.append(None)
                continue
            crop = aligned_crop(frame.landmarks, SIDE)
            points = mesh[list(VERTICES)].astype(np.float64)
            xy = (points[:, :2] @ crop.to_crop[:, :2].T + crop.to_crop[:, 2] + 0.5) / SIDE
            depth = points[:, 2] / crop.scale / SIDE
            pose = head_pose(mesh.astype(np.float64), canonical)
            found.append(Landmarks(xy.astype(np.float32), depth.astype(np.float32), pose, 1.0))
        return found

    return find


def by_network(path: Path) -> Finder:
    """Return what asks the landmark network of a file."""
    landmarker = open_file(path)

    def find(clip: Clip, engine: Engine) -> list[Landmarks | None]:
        return [
            None if frame.landmarks is None
            else landmarker([aligned_crop(frame.landmarks, SIDE).cut(frame.frame_bgr)])[0]
            for frame in clip.frames
        ]  # fmt: skip

    return find


def own_way(find: Finder, **options: Any) -> Callable[[Engine, list[Tick], Clip], Iterator[U8]]:
    """Return a way for `training.mouth.measure`."""

    def way(engine: Engine, given: list[Tick], clip: Clip) -> Iterator[U8]:
        seen = look_through(engine, clip, find(clip, engine))
        library = gather(((k, one) for k, one in enumerate(seen) if one is not None), MOST)
        assert isinstance(engine.lips, SplitLips)
        if library is None or not can_talk(library):
            for tick in given:
                yield engine.render([tick])[0]
            return
        stage, number, strengths, mixed = Stage(library, **options), 0, [], []
        for k, tick in enumerate(given):
            ready = stage.push(seen[k], engine.lips.coefficients([tick.mel])[0], cut=clip.frames[k].cut)
            for own in ready + (stage.flush() if k == len(given) - 1 else []):
                yield finish(engine, given[number], own)
                number += 1
                if own is not None:
                    strengths.append(own.plan.strength)
                    mixed.append(len(own.plan.picks) > 1)
        print(f"strength {np.mean(strengths):.3f} mixed {np.mean(mixed):.3f} exemplars {len(library)}")

    return way


def finish(engine: Engine, tick: Tick, own: Own | None) -> U8:
    """Render one frame as an engine with exemplars does."""
    if own is None:
        return engine.render([tick])[0]
    made = tick.frame_bgr.copy() if own.strength >= 1 else engine.render([tick])[0]
    own.lay_over(made)
    return made


def look_through(engine: Engine, clip: Clip, found: list[Landmarks | None]) -> list[Seen | None]:
    """Return what is seen of each frame."""
    seen: list[Seen | None] = []
    assert engine.segmenter is not None
    for frame, landmarks in zip(clip.frames, found, strict=True):
        if landmarks is None or frame.landmarks is None:
            seen.append(None)
            continue
        crop_bgr = aligned_crop(frame.landmarks, SIDE).cut(frame.frame_bgr)
        regions = engine.segmenter.regions([crop_bgr])[0]
        seen.append(see(frame.frame_bgr, crop_bgr, frame.landmarks, landmarks, regions))
    return seen
