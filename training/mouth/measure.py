"""Measures dubbed mouths on eval/natural, each face with another clip's voice, and keeps strips to look at.

python -m training mouth.measure --task FACE_LANDMARKER.task --mesh MESH/eval/natural --half report --out ROWS.json

Writes one JSON row a clip and way, their means, and (--keep DIR) the mouths as .npz for `training.mouth.look`.

Shapes are read off the made frames by the mesh v2 teacher, in eye distances; exemplars are read by our own landmarks.
`*_asked`: r of the made shape with what the coefficients mean; `*_wrong_voice`: the same with what another voice
asks (control); `*_speaker`: with the voice's real speaker; `*_source`: partial r with the film, what is asked taken
out. `sharpness`: root mean square of the Laplacian between the inner lips, over the source's own; `light_jumps`: mean
change of brightness there from frame to frame, over the source's own; `flicker`: second difference in time, over the
source's own; `closures`: part of the frames that ask shut lips whose lips are shut. Halves are named in `clips.py`:
choices between variants are made on CHOOSE, REPORT is what is reported.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.engine import Engine, load
from lipsync_edge.face.align import aligned_crop
from lipsync_edge.types import U8, Frame
from training.cli import command, parse
from training.evaluate.speaking import landmarks_of
from training.mouth.clips import CHOOSE, REPORT, Clip, Voice, read_clip, read_voice
from training.mouth.figures import Inside, inside_lips, look_row, motion_row
from training.mouth.shape import mouth_shape
from training.mouth.voices import asked, partner, speaker_points, speaking
from training.mouth.ways import WAYS, Way
from training.teachers.mesh_v2 import MeshTeacher

Array = npt.NDArray[Any]
Row = dict[str, Any]

VIEW, LEFT, TOP, RIGHT, BOTTOM = 320, 0.15, 0.42, 0.85, 1.0  # what is kept to look at, of an aligned crop


def view(frame_bgr: U8, landmarks: Array) -> U8:
    """Cut the lower face out of the aligned crop, for eyes and flicker."""
    crop = aligned_crop(landmarks, VIEW).cut(frame_bgr)
    return crop[round(TOP * VIEW) : round(BOTTOM * VIEW), round(LEFT * VIEW) : round(RIGHT * VIEW)]


def read_made(
    made: Iterator[U8], given: list[Frame], teacher: MeshTeacher
) -> tuple[Array, list[Inside], list[U8], float]:
    """Return meshes (n, 478, 3), insides and views of made frames, and the processor seconds that making took."""
    meshes: list[Array] = []
    insides: list[Inside] = []
    views: list[U8] = []
    spent = 0.0
    teacher.reset()
    for frame in given:
        began = time.thread_time()
        picture = next(made)
        spent += time.thread_time() - began
        found = teacher(picture)
        points = np.full((478, 3), np.nan) if found is None else found.points.astype(np.float64)
        meshes.append(points)
        insides.append(inside_lips(picture, points))
        if (five := landmarks_of(frame)) is not None:
            views.append(view(picture, five))
    return np.stack(meshes), insides, views, spent


def measure(
    engine: Engine, face: Clip, voice: Voice, other: Voice, way: Way, teacher: MeshTeacher
) -> tuple[Row, dict[str, Array]]:
    """Dub one face with one voice and give its figures and its views."""
    given = speaking(engine, face.frames, voice.samples)
    n = len(given)
    times = np.array([float(frame.time) for frame in given])
    wanted, wrong = asked(engine, given), asked(engine, speaking(engine, face.frames[:n], other.samples))
    wrong = np.concatenate([wrong, np.full((n - len(wrong[:n]), 3), np.nan)])[:n]
    meshes, insides, views, spent = read_made(way(engine, given), given, teacher)
    mesh = face.mesh[:n].astype(np.float64)
    source = [inside_lips(frame.image_bgr, points) for frame, points in zip(given, mesh, strict=True)]
    source_views = [view(f.image_bgr, five) for f in given if (five := landmarks_of(f)) is not None]
    shapes = [mouth_shape(points) for points in (meshes, speaker_points(voice, times), mesh)]
    row: Row = {"face": face.name, "voice": voice.name, "frames": n}
    row |= motion_row(shapes[0], wanted, shapes[1], shapes[2], wrong)
    row |= look_row(insides, source, views, source_views)
    row["ms_a_frame"] = spent / n * 1000
    return row, {
        "made": np.stack(views),
        "source": np.stack(source_views),
        "asked": wanted,
        "shape": shapes[0],
    }


def mean(rows: list[Row]) -> Row:
    """Return the mean of every figure over clips, NaN left out."""
    keys = [k for k, v in rows[0].items() if isinstance(v, float)]
    return {k: round(float(np.nanmean([row[k] for row in rows])), 4) for k in keys}


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", "models")
    parser.add_argument(
        "--mesh", type=Path, required=True, help="what teachers.label_mesh wrote of eval/natural"
    )
    parser.add_argument("--task", type=Path, required=True, help="the mesh teacher's bundle")
    parser.add_argument("--half", choices=("choose", "report"), default="choose")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--ways", nargs="*", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--out", type=Path)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the ways that were asked for."""
    options = parse(arguments(), argv)
    engine, teacher = (
        load(preset="lite", device="cpu", threads=1, models=options.models),
        MeshTeacher(options.task),
    )
    names = CHOOSE if options.half == "choose" else REPORT
    found: dict[str, list[Row]] = {way: [] for way in options.ways}
    for name in [n for n in names if not options.only or n in options.only]:
        face = read_clip(engine, options.corpus, options.mesh, name, options.seconds)
        voice, other = (read_voice(options.corpus, options.mesh, partner(names, name, k)) for k in (1, 2))
        for way in options.ways:
            row, kept = measure(engine, face, voice, other, WAYS[way], teacher)
            found[way].append(row)
            if options.keep:
                (options.keep / way).mkdir(parents=True, exist_ok=True)
                np.savez_compressed(options.keep / way / f"{name}.npz", **kept)  # type: ignore[arg-type]
    means = {way: mean(rows) for way, rows in found.items()}
    for key in next(iter(means.values())):
        print(f"{key:22s}", *(f"{way} {means[way][key]:7.3f}" for way in means))
    if options.out:
        row_file = {} if not options.out.exists() else json.loads(options.out.read_text("utf-8"))
        row_file[options.half] = {"mean": means, "rows": found}
        options.out.write_text(json.dumps(row_file, indent=1) + "\n", "utf-8")
