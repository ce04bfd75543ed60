"""Measures the inside of made mouths against the truth: each clip says its own words, from mouths of other moments.

python -m training mouth.truth --mesh MESH/eval/natural --half report --out ROWS.json

PSNR in dB between the made and the real picture, inside the real inner lips, on frames in which these are open. Own
mouths are made block by block (2 s), with a library of the frames that are more than 0.4 s away from the block.
`told`: the mouth is not asked by the voice but is told the shape that the real one has, so that only the picture is
judged; without it most of what is measured is whether the voice says how far the mouth is open just now.
Beside them stand what PSNR thinks of the truth itself: `later`, the real frame 40 ms later; `moved`, the real frame a
fiftieth of an eye distance further down; and `flat`, the mean colour of the real insides.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.engine import Engine, load
from lipsync_edge.render.exemplars.asked import NEUTRAL, Articulation
from lipsync_edge.render.exemplars.filling import Inner, inner_of_exemplar
from lipsync_edge.render.exemplars.library import MOST
from lipsync_edge.render.exemplars.planner import OwnMouth, can_talk
from lipsync_edge.render.exemplars.sequence import Own
from lipsync_edge.render.exemplars.watcher import Seen, gather
from lipsync_edge.render.lips import AudioEncoder
from lipsync_edge.types import U8, Frame
from training.cli import command, parse
from training.lips.coefficients import INNER
from training.mouth.clips import CHOOSE, REPORT, Clip, read_clip
from training.mouth.figures import OPEN
from training.mouth.shape import mouth_shape
from training.mouth.voices import speaking
from training.mouth.ways import painted

Array = npt.NDArray[Any]
Row = dict[str, Any]

BLOCK_S, GAP_S = 2.0, 0.4
MOVED = 0.02  # eye distances
EYES = (468, 473)  # irises of the mesh
LEAST = 20  # pixels between the lips, and frames, below which nothing is judged


def own(engine: Engine, given: list[Frame], fps: float, *, told: bool) -> Iterator[U8]:
    """Make own mouths of a clip, none from what lies less than the gap away."""
    watcher, encoder = engine.renderer.watcher, engine.renderer.encoder
    assert watcher is not None, "the preset has no landmark network"
    assert encoder is not None, "the preset has no audio encoder"
    seen: list[Seen | None] = []
    for frame in given:
        points = frame.faces[0].landmarks if frame.faces else None
        seen.append(None if points is None else watcher(frame.image_bgr, points))
    step, gap = round(BLOCK_S * fps), round(GAP_S * fps)
    for begin in range(0, len(given), step):
        end = min(begin + step, len(given))
        others = ((k, one) for k, one in enumerate(seen) if one and not begin - gap <= k < end + gap)
        library = gather(others, MOST)
        if not can_talk(library):
            yield from painted(engine, given[begin:end])
            continue
        mouth = OwnMouth(library, to_shape=encoder.to_shape)
        inner = inner_of_exemplar(library.most_shut)
        planned = _planned(given[begin:end], seen[begin:end], mouth, inner, encoder, told)
        for frame in planned:
            yield engine.render([frame])[0].image_bgr


def _planned(
    frames: list[Frame],
    seen: list[Seen | None],
    mouth: OwnMouth,
    inner: Inner,
    encoder: AudioEncoder,
    told: bool,
) -> list[Frame]:
    """Return the frames with their plans; those without a face as they are."""
    plans, there = [], [k for k, one in enumerate(seen) if one is not None]
    for k in there:
        one, features = seen[k], frames[k].faces[0].features
        assert one is not None, "only frames with a face are asked for"
        assert features is not None, "a face that hears nothing"
        if told:
            shape = one.look.shape
            mouth.asker = lambda coefficients, said, shape=shape: (shape, 1.0)  # type: ignore[assignment, misc]
        coefficients, heard = encoder.hear([features])
        said = NEUTRAL if told else Articulation.of(heard[0])
        plans += mouth.push(one.look, coefficients[0], said)
    plans += mouth.flush()
    out = list(frames)
    for k, plan in zip(there, plans, strict=True):
        one = seen[k]
        assert one is not None, "only frames with a face were planned"
        out[k] = replace(frames[k], faces=(replace(frames[k].faces[0], own=Own(one, plan, inner)),))
    return out


def painted_told(engine: Engine, given: list[Frame]) -> Iterator[U8]:
    """Make painted mouths that are steered to the shape that the film shows."""
    guide = engine.renderer.guide()
    assert guide is not None, "the preset has no landmark network"
    for frame in given:
        one = guide(frame)
        faces = tuple(
            face if face.goal is None else replace(face, goal=replace(face.goal, asked=face.goal.shape))
            for face in one.faces
        )
        yield engine.render([replace(one, faces=faces)])[0].image_bgr


def inner_mask(frame_bgr: U8, mesh: Array) -> Array | None:
    """Return where the real lips are open, bool (H, W); None where they are not, or hardly."""
    polygon = mesh[list(INNER), :2]
    if not np.isfinite(polygon).all() or mouth_shape(mesh[None])[0, 0] < OPEN:
        return None
    mask = np.zeros(frame_bgr.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon * 16).astype(np.int32)], 1, shift=4)
    inside = mask > 0
    return inside if inside.sum() >= LEAST else None


def psnr(squares: list[float]) -> float:
    """Return the PSNR of mean squared errors of frames."""
    return float(10 * np.log10(255.0**2 / np.mean(squares))) if len(squares) >= LEAST else np.nan


def measure(engine: Engine, clip: Clip) -> Row:
    """Let a clip say its own words in every way."""
    given = speaking(engine, clip.frames, clip.samples)
    mesh = clip.mesh[: len(given)].astype(np.float64)
    images = [frame.image_bgr for frame in given]
    masks = [inner_mask(image, points) for image, points in zip(images, mesh, strict=True)]
    insides = [image[mask] for image, mask in zip(images, masks, strict=True) if mask is not None]
    mean = np.concatenate(insides).mean(0) if insides else np.zeros(3)
    ways: dict[str, Callable[[], Iterator[U8]]] = {
        "painted": lambda: painted(engine, given),
        "painted_told": lambda: painted_told(engine, given),
        "own": lambda: own(engine, given, clip.fps, told=False),
        "own_told": lambda: own(engine, given, clip.fps, told=True),
        "later": lambda: iter([*images[1:], images[-1]]),
        "moved": lambda: (_moved(image, points) for image, points in zip(images, mesh, strict=True)),
        "flat": lambda: (np.full_like(image, np.rint(mean).astype(np.uint8)) for image in images),
    }
    row: Row = {"clip": clip.name, "frames": len(insides)}
    for name, way in ways.items():
        squares = [
            float(np.square(made[mask].astype(np.float64) - image[mask]).mean())
            for made, image, mask in zip(way(), images, masks, strict=True)
            if mask is not None
        ]
        row[name] = psnr(squares)
    return row


def _moved(image_bgr: U8, mesh: Array) -> U8:
    """Return a frame moved down by `MOVED` eye distances; as it is where no face was seen."""
    eyes = mesh[list(EYES), :2]
    down = MOVED * float(np.linalg.norm(eyes[1] - eyes[0]))
    matrix = np.array([[1, 0, 0], [0, 1, down if np.isfinite(down) else 0.0]])
    return np.asarray(
        cv2.warpAffine(image_bgr, matrix, image_bgr.shape[1::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", "models")
    parser.add_argument(
        "--mesh", type=Path, required=True, help="what teachers.label_mesh wrote of eval/natural"
    )
    parser.add_argument("--half", choices=("choose", "report"), default="choose")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--out", type=Path)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    options = parse(arguments(), argv)
    engine = load(preset="lite", device="cpu", threads=1, models=options.models)
    names = CHOOSE if options.half == "choose" else REPORT
    rows = []
    for name in [n for n in names if not options.only or n in options.only]:
        rows.append(measure(engine, read_clip(engine, options.corpus, options.mesh, name, options.seconds)))
        print(json.dumps(rows[-1]), flush=True)
    keys = [key for key, value in rows[0].items() if isinstance(value, float)]
    mean = {key: round(float(np.nanmean([row[key] for row in rows])), 2) for key in keys}
    print(json.dumps(mean))
    if options.out:
        old = json.loads(options.out.read_text("utf-8")) if options.out.exists() else {}
        old[options.half] = {"mean": mean, "rows": rows}
        options.out.write_text(json.dumps(old, indent=1) + "\n", "utf-8")
