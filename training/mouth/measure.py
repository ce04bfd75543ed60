"""Measures dubbed mouths on eval/natural, each face with another clip's voice, and keeps strips to look at.

    python -m training.mouth.measure --models DIR --labels MESH/eval/natural --half choose --ways today self own

Writes one JSON row a clip and way, their means, and (--keep DIR) the mouths as .npz for `training.mouth.look`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge import engine as engine_module
from lipsync_edge.arrays import U8, Tick
from lipsync_edge.crop import aligned_crop
from lipsync_edge.engine import Engine
from lipsync_edge.lips import WarpMouth
from training.mouth.clips import CHOOSE, REPORT, Clip, Voice, read_clip, read_voice
from training.mouth.coefficient_shape import mouth_shape
from training.mouth.engine import SplitLips, split_engine
from training.mouth.figures import Inside, inside_lips, look_row, motion_row
from training.mouth.own import by_network, by_teacher, own_way
from training.mouth.voices import partner, speaker_points, ticks
from training.teachers.mesh_v2 import MeshTeacher

Array = npt.NDArray[Any]
Row = dict[str, Any]
Way = Callable[[Engine, list[Tick], Clip], Iterator[U8]]

VIEW, LEFT, TOP, RIGHT, BOTTOM = 320, 0.15, 0.42, 0.85, 1.0  # what is kept to look at, of an aligned crop
TOGETHER = 4


def plain(engine: Engine, given: list[Tick], face: Clip) -> Iterator[U8]:
    """Render as the engine does."""
    for i in range(0, len(given), TOGETHER):
        yield from engine.render(given[i : i + TOGETHER])


def today(engine: Engine, given: list[Tick], face: Clip) -> Iterator[U8]:
    """Render without keeping the frame's own teeth."""
    kept = engine_module.keep_inside

    def leave(mouth: WarpMouth, inside: Array) -> WarpMouth:
        return mouth

    engine_module.keep_inside = leave
    try:
        yield from plain(engine, given, face)
    finally:
        engine_module.keep_inside = kept


TASK = Path("../shared/teachers/face_landmarker.task")
WAYS: dict[str, Way] = {"today": today, "self": plain, "own_teacher": own_way(by_teacher(TASK))}


def view(frame_bgr: U8, landmarks: Array) -> U8:
    """Cut the lower face out of the aligned crop, for eyes and flicker."""
    crop = aligned_crop(landmarks, VIEW).cut(frame_bgr)
    return crop[round(TOP * VIEW) : round(BOTTOM * VIEW), round(LEFT * VIEW) : round(RIGHT * VIEW)]


def read_made(
    frames: Iterator[U8], given: list[Tick], teacher: MeshTeacher
) -> tuple[Array, list[Inside], list[U8], float]:
    """Return meshes (n, 478, 3), insides and views of made frames, and the processor seconds that making took."""
    meshes, insides, views, spent = [], [], [], 0.0
    teacher.reset()
    for tick in given:
        began = time.thread_time()
        frame = next(frames)
        spent += time.thread_time() - began
        found = teacher(frame)
        points = np.full((478, 3), np.nan) if found is None else found.points.astype(np.float64)
        meshes.append(points)
        insides.append(inside_lips(frame, points))
        if tick.landmarks is not None:
            views.append(view(frame, tick.landmarks))
    return np.stack(meshes), insides, views, spent


def measure(
    engine: Engine, face: Clip, voice: Voice, other: Voice, way: Way, teacher: MeshTeacher, to_shape: Array
) -> tuple[Row, dict[str, Array]]:
    """Dub one face with one voice and give its figures and its views."""
    given = ticks(engine, face.frames, voice.samples)
    n = len(given)
    times = np.array([float(tick.time) for tick in given])
    assert isinstance(engine.lips, SplitLips)
    asked = engine.lips.coefficients([tick.mel for tick in given]) @ to_shape.T
    wrong = engine.lips.coefficients([t.mel for t in ticks(engine, face.frames[:n], other.samples)]) @ to_shape.T
    wrong = np.concatenate([wrong, np.full((n - len(wrong[:n]), 3), np.nan)])[:n]
    meshes, insides, views, spent = read_made(way(engine, given, face), given, teacher)
    own = face.mesh[:n].astype(np.float64)
    source = [inside_lips(tick.frame_bgr, mesh) for tick, mesh in zip(given, own, strict=True)]
    source_views = [view(t.frame_bgr, t.landmarks) for t in given if t.landmarks is not None]
    shapes = [mouth_shape(points) for points in (meshes, speaker_points(voice, times), own)]
    row: Row = {"face": face.name, "voice": voice.name, "frames": n}
    row |= motion_row(shapes[0], asked, shapes[1], shapes[2], wrong)
    row |= look_row(insides, source, views, source_views)
    row["ms_a_frame"] = spent / n * 1000
    return row, {"made": np.stack(views), "source": np.stack(source_views), "asked": asked, "shape": shapes[0]}


def mean(rows: list[Row]) -> Row:
    """Return the mean of every figure over clips, NaN left out."""
    keys = [k for k, v in rows[0].items() if isinstance(v, float)]
    return {k: float(np.nanmean([row[k] for row in rows])) for k in keys}


def main() -> None:
    """Measure the ways that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True, help="the cut lip graphs and to_shape.npy")
    parser.add_argument("--landmarks", type=Path, help="the landmark network, for the way `own`")
    parser.add_argument("--half", choices=("choose", "report"), default="choose")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--ways", nargs="*", default=list(WAYS))
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    engine, teacher = split_engine(options.models), MeshTeacher(TASK)
    to_shape = np.load(options.models / "to_shape.npy")
    ways = WAYS | ({"own": own_way(by_network(options.landmarks))} if options.landmarks else {})
    names = CHOOSE if options.half == "choose" else REPORT
    found: dict[str, list[Row]] = {way: [] for way in options.ways}
    for name in [n for n in names if not options.only or n in options.only]:
        face = read_clip(engine, options.corpus, options.labels, name, options.seconds)
        voices = [read_voice(options.corpus, options.labels, partner(names, name, k)) for k in (1, 2)]
        for way in options.ways:
            row, kept = measure(engine, face, *voices, ways[way], teacher, to_shape)
            found[way].append(row)
            print(way, {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}, flush=True)
            if options.keep:
                (options.keep / way).mkdir(parents=True, exist_ok=True)
                np.savez_compressed(options.keep / way / f"{name}.npz", **kept)
    means = {way: mean(rows) for way, rows in found.items()}
    for key in next(iter(means.values())):
        print(f"{key:22s}", *(f"{way} {means[way][key]:7.3f}" for way in means))
    if options.out:
        options.out.write_text(json.dumps({"half": options.half, "mean": means, "rows": found}, indent=1))


if __name__ == "__main__":
    main()
