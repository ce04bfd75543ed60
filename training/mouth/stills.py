"""Measures how stills speak: painted by the network, and with their own lips moved over layers of teeth.

python -m training mouth.stills --task FACE_LANDMARKER.task --mesh MESH/eval/natural --half report --out ROWS.json

Each still says what each clip of the half says. Shapes are read off the made pictures by the mesh v2 teacher.
`light_jumps`: mean change of brightness between the inner lips from frame to frame, over the clip's own in which a
person says the same; both over the brightness of their cheeks. `closures`: part of the frames that ask shut lips whose
lips are shut; `closures_alone`: the same where f and v are asked as shut as p, as the coefficients alone have it.
`opening_asked`, `width_asked`: r with what is asked. `sharpness`: root mean square of the Laplacian
between the lips over the clip's own, both at the same size of the face and over the brightness of the cheeks.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.demo import demo_files
from lipsync_edge.engine import Engine, load
from lipsync_edge.eval.metrics.opening import correlation
from lipsync_edge.face.align import aligned_crop
from lipsync_edge.face.options import TrackOptions
from lipsync_edge.face.tracker import Tracker, track_still
from lipsync_edge.pipeline.mouth_plans import MouthPlans, planned
from lipsync_edge.render.exemplars.look import CHEEKS
from lipsync_edge.types import U8, Frame
from lipsync_edge.video.reader import read_still
from training.cli import command, parse
from training.mouth.clips import CHOOSE, REPORT, Clip, read_clip
from training.mouth.figures import NOISE, SHUT_ASKED, SHUT_MADE, Inside, inside_lips, jumps
from training.mouth.measure import mean
from training.mouth.shape import mouth_shape
from training.mouth.voices import asked, speaking
from training.mouth.ways import painted
from training.teachers.mesh_v2 import MeshTeacher

Array = npt.NDArray[Any]
Row = dict[str, Any]

SIDE = 256  # of the aligned crop in which stills and clips are compared
FPS = 25


def moved(engine: Engine, frames: list[Frame]) -> Iterator[U8]:
    """Render with the still's own lips."""
    watcher, encoder = engine.renderer.watcher, engine.renderer.encoder
    assert watcher is not None, "the preset has no landmark network"
    assert encoder is not None, "the preset has no audio encoder"
    for frame in planned(frames, MouthPlans(watcher, encoder, {}, still=True)):
        yield engine.render([frame])[0].image_bgr


WAYS = {"painted": painted, "moved": moved}


def still_frames(engine: Engine, picture: Path, count: int) -> list[Frame]:
    """Return frames that show one picture, with its face."""
    image = read_still(picture)
    frames = [Frame(i, Fraction(i, FPS), image) for i in range(count)]
    return list(track_still(frames, Tracker(TrackOptions(), engine.detector)))


def seen(pictures: list[U8], five: list[Array], meshes: Array) -> tuple[list[Inside], float]:
    """Look between the lips in aligned crops of one size; the second value is the cheeks' mean grey level."""
    insides, cheeks = [], []
    for picture, points, mesh in zip(pictures, five, meshes, strict=True):
        crop = aligned_crop(points.astype(np.float32), SIDE)
        flat = mesh[:, :2] @ crop.to_crop[:, :2].T + crop.to_crop[:, 2]
        cut = crop.cut(picture)
        depth = mesh[:, 2:] / crop.scale
        insides.append(inside_lips(cut, np.hstack([flat, depth])))
        grey = cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY)
        cheeks += [
            grey[round(t * SIDE) : round(b * SIDE), round(x * SIDE) : round(r * SIDE)].mean()
            for x, t, r, b in CHEEKS
        ]
    return insides, float(np.mean(cheeks))


def look(insides: list[Inside], cheek: float) -> tuple[float, float]:
    """Return jumps of brightness and sharpness, both over the cheeks' brightness."""
    energy = float(np.nanmean([one.energy for one in insides]))
    return jumps(np.array([one.light for one in insides])) / cheek, np.sqrt(max(energy - NOISE, 0.0)) / cheek


def measure(engine: Engine, picture: Path, clip: Clip, teacher: MeshTeacher) -> dict[str, Row]:
    """Let one still say what a clip says, in every way."""
    frames = speaking(
        engine, still_frames(engine, picture, len(clip.frames) * FPS // round(clip.fps)), clip.samples
    )
    wanted, alone = asked(engine, frames), asked(engine, frames, alone=True)
    five = frames[0].faces[0].landmarks
    assert five is not None, "a still without landmarks"
    known = [
        (frame.image_bgr, points, mesh)
        for frame, mesh in zip(clip.frames, clip.mesh.astype(float), strict=False)
        if frame.faces and (points := frame.faces[0].landmarks) is not None
    ]
    pictures, there, heads = (list(part) for part in zip(*known, strict=True))
    real = look(*seen(pictures, there, np.stack(heads)))
    rows: dict[str, Row] = {}
    for name, way in WAYS.items():
        made = list(way(engine, frames))
        teacher.reset()
        found = [teacher(image) for image in made]
        meshes = np.stack(
            [np.full((478, 3), np.nan) if one is None else one.points.astype(float) for one in found]
        )
        shapes = mouth_shape(meshes)
        jump, sharp = look(*seen(made, [five] * len(made), meshes))
        rows[name] = {
            "still": picture.name,
            "voice": clip.name,
            "light_jumps": jump / real[0],
            "sharpness": sharp / real[1],
            "closures": _closures(shapes[:, 0], wanted[:, 0]),
            "closures_alone": _closures(shapes[:, 0], alone[:, 0]),
            "opening_asked": float(correlation(shapes[:, 0], wanted[:, 0]) or np.nan),
            "width_asked": float(correlation(shapes[:, 1], wanted[:, 1]) or np.nan),
        }
    return rows


def _closures(made: Array, wanted: Array) -> float:
    """Return the part of the frames that ask shut lips whose lips are shut."""
    shut = (wanted < SHUT_ASKED) & np.isfinite(made)
    return float((made[shut] < SHUT_MADE).mean()) if shut.any() else np.nan


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", "models")
    parser.add_argument(
        "--mesh", type=Path, required=True, help="what teachers.label_mesh wrote of eval/natural"
    )
    parser.add_argument("--task", type=Path, required=True, help="the mesh teacher's bundle")
    parser.add_argument("--half", choices=("choose", "report"), default="choose")
    parser.add_argument("--stills", type=Path, nargs="*", default=[], help="beside the demo's face")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--out", type=Path)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    options = parse(arguments(), argv)
    engine = load(preset="lite", device="cpu", threads=1, models=options.models)
    teacher = MeshTeacher(options.task)
    rows: dict[str, list[Row]] = {way: [] for way in WAYS}
    for name in CHOOSE if options.half == "choose" else REPORT:
        clip = read_clip(engine, options.corpus, options.mesh, name, options.seconds)
        for picture in [demo_files()[0], *options.stills]:
            for way, row in measure(engine, picture, clip, teacher).items():
                rows[way].append(row)
    means = {way: mean(found) for way, found in rows.items()}
    for key in next(iter(means.values())):
        print(f"{key:22s}", *(f"{way} {means[way][key]:7.3f}" for way in means))
    if options.out:
        old = json.loads(options.out.read_text("utf-8")) if options.out.exists() else {}
        old[options.half] = {"mean": means, "rows": rows}
        options.out.write_text(json.dumps(old, indent=1) + "\n", "utf-8")
