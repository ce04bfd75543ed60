"""Dubs a clip with the person's own mouth, the library being the clip itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.arrays import F32, U8, Tick
from lipsync_edge.crop import aligned_crop
from lipsync_edge.engine import Engine
from lipsync_edge.landmarks import Landmarks
from lipsync_edge.render_exemplars.alignment import grey
from lipsync_edge.render_exemplars.composite import Target
from lipsync_edge.render_exemplars.library import LibraryBuilder, make_exemplar
from lipsync_edge.render_exemplars.look import Look, look_at
from lipsync_edge.render_exemplars.own_mouth import OwnMouth, Plan, can_talk, lay_over
from lipsync_edge.render_exemplars.reshape import Face, eye_distance
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


def own_way(find: Finder, **options: Any) -> Callable[[Engine, list[Tick], Clip], Iterator[U8]]:
    """Return a way for `training.mouth.measure`."""

    def way(engine: Engine, given: list[Tick], clip: Clip) -> Iterator[U8]:
        found = find(clip, engine)
        looks, targets, library = describe(engine, clip, found)
        assert isinstance(engine.lips, SplitLips)
        if library is None or not can_talk(library):
            for tick in given:
                yield engine.render([tick])[0]
            return
        own = OwnMouth(library, **options)
        waiting: deque[int] = deque()
        plans: deque[Plan] = deque()
        log: list[tuple[float, float]] = []
        for k, tick in enumerate(given):
            look = looks[k]
            if look is not None:
                waiting.append(k)
                plans.extend(own.push(look, engine.lips.coefficients([tick.mel])[0]))
            if k == len(given) - 1:
                plans.extend(own.flush())
            while plans:
                place, plan = waiting.popleft(), plans.popleft()
                target = targets[place]
                assert target is not None
                log.append((plan.strength, len(plan.picks)))
                made = target.frame_bgr if plan.strength >= 1 else engine.render([given[place]])[0]
                yield lay_over(made, target, plan)
        print("strength", np.mean([s for s, _ in log]).round(3), "mixed", np.mean([n > 1 for _, n in log]).round(3),
              "gain", round(own.asker.gain, 2), "library", len(library), library.bytes)  # fmt: skip

    return way


def describe(
    engine: Engine, clip: Clip, found: list[Landmarks | None]
) -> tuple[list[Look | None], list[Target | None], Any]:
    """Return looks and targets of the frames and the library made of them."""
    builder = LibraryBuilder()
    looks: list[Look | None] = []
    targets: list[Target | None] = []
    assert engine.segmenter is not None
    for number, (frame, landmarks) in enumerate(zip(clip.frames, found, strict=True)):
        if landmarks is None or frame.landmarks is None:
            looks.append(None)
            targets.append(None)
            continue
        crop = aligned_crop(frame.landmarks, SIDE)
        crop_bgr = crop.cut(frame.frame_bgr)
        paste: F32 = engine.segmenter([crop_bgr])[0]
        look = look_at(crop_bgr, landmarks)
        looks.append(look)
        builder.add(make_exemplar(number, frame.frame_bgr, crop, crop_bgr, landmarks, look, paste))
        points = (landmarks.points * SIDE - 0.5).astype(np.float32)
        face = Face(points, look.shape, eye_distance(landmarks, SIDE), float(look.pose[0]))
        targets.append(Target(frame.frame_bgr, crop, face, grey(crop_bgr), paste))
    return looks, targets, builder.build()
