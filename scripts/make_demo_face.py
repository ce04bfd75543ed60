"""Make the demo's face: a person who does not exist, morphed from several CC0 portraits.

    python scripts/make_demo_face.py --out lipsync_edge/assets/face.jpg

Frontal generated portraits with a closed mouth are warped to the shape of the first (Delaunay triangles of the FaceMesh
landmarks) and the faces are averaged; shape, hair and background stay those of the first.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay

from training.lips.coefficients import gap

Array = npt.NDArray[Any]
SIDE = 640
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
        150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip


def portraits(corpus: Path, labels: Path, start: str, names: list[str]) -> list[tuple[Array, Array]]:
    """Return (picture, landmarks (468, 2)) of the named portraits, or of the most frontal ones with a closed mouth."""
    with np.load(labels / "faces.npz") as data:
        paths = np.array([str(p) for p in data["paths"]])[data["clip"]]
        points, pose, score = data["points"][:, :, :2].astype(np.float64), data["pose"], data["score"]
    wanted = np.char.find(paths, f"ai_portrait/{start}") >= 0
    good = wanted & (score > 0.99) & (gap(points) < 0.03)
    tilt = np.abs(pose[:, 0]) + 0.5 * np.abs(pose[:, 2])
    rows = [r for r in np.argsort(tilt) if good[r]]
    if names:
        rows = [int(np.flatnonzero(np.char.endswith(paths, f"/{name}.jpg"))[0]) for name in names]
    else:
        print([Path(paths[r]).stem for r in rows[:24]])
        rows = rows[:4]
    return [(cv2.imread(str(corpus / paths[r])), points[r]) for r in rows]


def normal(picture: Array, points: Array) -> tuple[Array, Array]:
    """Lay a portrait on a SIDE × SIDE canvas by its eyes."""
    left, right = points[[33, 133]].mean(0), points[[362, 263]].mean(0)
    to = np.array([[SIDE * 0.385, SIDE * 0.37], [SIDE * 0.615, SIDE * 0.37]])
    matrix, _ = cv2.estimateAffinePartial2D(np.stack([left, right]), to)
    canvas = cv2.warpAffine(
        picture, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return canvas, points @ matrix[:, :2].T + matrix[:, 2]


def anchored(points: Array) -> Array:
    """Add points of the canvas's rim, which do not move."""
    edge = np.linspace(0, SIDE - 1, 9)
    rim = [(x, y) for x in edge for y in (0, SIDE - 1)] + [(x, y) for y in edge[1:-1] for x in (0, SIDE - 1)]
    return np.vstack([points, np.array(rim)])


def morph(picture: Array, source: Array, target: Array, triangles: Array) -> Array:
    """Warp a picture so that its points lie on the target's."""
    out = np.zeros_like(picture)
    for triangle in triangles:
        to, come_from = target[triangle].astype(np.float32), source[triangle].astype(np.float32)
        x, y, w, h = cv2.boundingRect(to)
        matrix = cv2.getAffineTransform(come_from, to - np.float32((x, y)))
        part = cv2.warpAffine(
            picture, matrix, (w, h), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )
        mask = np.zeros((h, w), np.uint8)
        cv2.fillConvexPoly(mask, np.round(to - (x, y)).astype(np.int32), 255)
        view = out[y : y + h, x : x + w]
        part, mask = part[: view.shape[0], : view.shape[1]], mask[: view.shape[0], : view.shape[1]]
        view[mask > 0] = part[mask > 0]
    return out


def main() -> None:
    """Make the face."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=Path(".train/corpus"))
    parser.add_argument("--labels", type=Path, default=Path(".train/labels"))
    parser.add_argument("--out", type=Path, default=Path("lipsync_edge/assets/face.jpg"))
    parser.add_argument("--start", default="female", help="what the names of the portraits begin with")
    parser.add_argument(
        "--names", nargs="*", default=[], help="portraits; the first gives hair and background"
    )
    options = parser.parse_args()
    faces = [
        normal(*face) for face in portraits(options.corpus, options.labels, options.start, options.names)
    ]
    shapes = [anchored(points) for _, points in faces]
    shape = shapes[0]
    triangles = Delaunay(shape).simplices
    warped = [morph(picture, own, shape, triangles) for (picture, _), own in zip(faces, shapes, strict=True)]
    warped[0] = faces[0][0]
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [np.round(shape[list(OVAL)]).astype(np.int32)], 255)
    inner = cv2.erode(mask, np.ones((25, 25), np.uint8)) > 0
    base = warped[0].astype(np.float32)
    levelled = [
        face + (base[inner].mean(0) - face[inner].mean(0)) for face in (w.astype(np.float32) for w in warped)
    ]
    face = np.mean(levelled, 0)
    core = cv2.erode(mask, np.ones((31, 31), np.uint8)).astype(np.float32) / 255
    soft = cv2.GaussianBlur(core, (0, 0), 11)[..., None]
    out = np.clip(base + soft * (face - base), 0, 255)
    out = np.clip(out + 0.6 * (out - cv2.GaussianBlur(out, (0, 0), 1.6)), 0, 255).astype(np.uint8)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(options.out), out, [cv2.IMWRITE_JPEG_QUALITY, 92])
    print(options.out, options.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
