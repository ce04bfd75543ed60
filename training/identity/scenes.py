"""Scenes of several people, laid together of clips of one person each, with who stands where in every frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.atomic_write import replacing
from lipsync_edge.face.detector import Detector
from lipsync_edge.face.identity import choose
from lipsync_edge.video.reader import VideoReader
from training.data.light import relight

Array = npt.NDArray[Any]

HEIGHT, TILE = 360, 260  # pixels: of a scene, and the width of one person's part of it
FACE = 110.0  # pixels: height of a face in its tile
SECONDS, FPS = 6, 25
FRAMES = SECONDS * FPS
CHOOSE = (
    "address_woman_a", "address_woman_c", "german_man_a", "matrix_man_a", "presenter_woman_a", "small_a",
    "webcam_woman_a",
    "french_30fps", "grid_s16", "talk_a", "studio_a", "pose_a", "interview_a",
)  # fmt: skip
REPORT = (
    "address_woman_b", "address_woman_d", "cantonese_woman_a", "matrix_woman_a", "news_man_a", "small_b",
    "talk_woman_e",
    "grid_s3", "grid_s33_1", "talk_b", "studio_b", "pose_b", "pose_c", "portrait_1080x1920",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Pictures, and where everybody is in each.

    Attributes:
        name: what happens.
        pictures: uint8 (H, W, 3) each.
        places: of each picture, person → x of the tile's left edge and its scale; those in front come last; who is
            not there is not in it.
    """

    name: str
    pictures: list[Array]
    places: list[dict[int, tuple[float, float]]]


def find(corpus: Path, name: str) -> Path:
    """Return the file of an evaluation clip."""
    return next(p for folder in ("eval/natural", "eval") for p in sorted((corpus / folder).glob(f"{name}.*")))


def tiles(path: Path, detector: Detector, count: int = 2 * FRAMES) -> list[Array]:
    """Cut a clip round where its face is, the face of equal height in all: uint8 (360, 260, 3), `count` at most."""
    frames = []
    for frame in VideoReader(path):
        frames.append(frame.image_bgr)
        if len(frames) == count:
            break
    boxes = [detector([frames[i]], 320)[0] for i in range(0, len(frames), 12)]
    found = np.stack([b.xyxy[i] for b in boxes if (i := choose(b, "largest")) is not None])
    x1, y1, x2, y2 = np.median(found, 0)
    scale = FACE / (y2 - y1)
    centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
    shift = np.array([TILE / 2, HEIGHT * 0.45]) - scale * centre
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return [
        np.asarray(cv2.warpAffine(f, matrix, (TILE, HEIGHT), flags=method, borderMode=cv2.BORDER_REPLICATE))
        for f in frames
    ]


def tiles_of(
    corpus: Path, names: Sequence[str], detector: Detector, keep: Path | None = None
) -> dict[str, list[Array]]:
    """Return the tiles of evaluation clips by name; `keep` is a folder in which they are kept for the next time."""
    return {
        name: list(kept(keep, f"{name}.tiles", partial(tiles, find(corpus, name), detector)))
        for name in names
    }


def kept(folder: Path | None, name: str, make: Callable[[], list[Array]]) -> Array:
    """Return the pictures of one size that `make` gives, from `folder` where they are kept there, and keep them."""
    if folder is None:
        return np.stack(make())
    path = folder / f"{name}.npy"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside, beside.open("wb") as file:
            np.save(file, np.stack(make()))
    return np.asarray(np.load(path))


def picture(cast: Sequence[list[Array]], places: dict[int, tuple[float, float]], i: int, width: int) -> Array:
    """Lay the tiles of one frame over a plain wall."""
    out: Array = np.full((HEIGHT, width, 3), (92, 96, 88), np.uint8)
    for person, (left, scale) in places.items():
        film = cast[person]
        at = i % (2 * len(film) - 2)
        tile = film[at if at < len(film) else 2 * len(film) - 2 - at]
        if scale != 1:
            tile = cv2.resize(tile, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        x1, x2 = round(left), round(left) + tile.shape[1]
        part = tile[:, max(0, -x1) : max(0, min(x2, width) - x1)]
        top = HEIGHT - tile.shape[0]
        out[top:, max(0, x1) : max(0, x1) + part.shape[1]] = part
    return out


def scene(name: str, cast: Sequence[list[Array]], seed: int) -> Scene:
    """Make a scene of two to four people: "swap", "camera", "cross" or "leave".

    swap: side by side; after each of two cuts in another order and at another time of their films. camera: the same,
    each shot of another size and in another light. cross: two walk through each other and back. leave: one goes out
    of the picture, the other walks over to their place, and the first comes back from the other side.
    """
    rng, n = np.random.default_rng(seed), len(cast)
    width = max(n, 2) * TILE + (TILE if name in ("cross", "leave") else 0)
    pictures, places = [], []
    orders = [list(range(n))]
    while len(orders) < 3:
        order = [int(k) for k in rng.permutation(n)]
        if order != orders[-1]:
            orders.append(order)
    scales = [1.0, *(rng.uniform(0.55, 0.95, 2) if name == "camera" else (1.0, 1.0))]
    for i in range(FRAMES):
        at = i / FRAMES
        shot = int(3 * at) if name in ("swap", "camera") else 0
        if name == "cross":
            way = (width - TILE) * (0.5 - 0.5 * np.cos(2 * np.pi * at))
            front, back = (1, 0) if seed % 2 else (0, 1)
            x = {0: way, 1: width - TILE - way}
            where = {back: (float(x[back]), 1.0), front: (float(x[front]), 1.0)}
        elif name == "leave":
            first = (
                -1.1 * TILE * np.clip((at - 0.15) / 0.2, 0, 1)
                if at < 0.5
                else width - TILE * np.clip((at - 0.65) / 0.2, 0, 1)
            )
            second = (width - TILE) * (1 - np.clip((at - 0.35) / 0.3, 0, 1))
            where = {0: (float(first), 1.0), 1: (float(second), 1.0)}
        else:
            where = {
                person: (k * TILE + TILE * (1 - scales[shot]) / 2, scales[shot])
                for k, person in enumerate(orders[shot])
            }
        made = picture(cast, where, i + shot * 60, width)
        pictures.append(
            relight(np.random.default_rng(seed * 3 + shot), made, 0.6) if name == "camera" and shot else made
        )
        places.append({p: at for p, at in where.items() if -0.5 * TILE < at[0] < width - 0.5 * TILE})
    return Scene(name, pictures, places)


def person_at(where: dict[int, tuple[float, float]], x: float) -> int | None:
    """Return whose tile is seen at a column; None for the wall."""
    for person, (left, scale) in reversed(where.items()):
        if left <= x < left + TILE * scale:
            return person
    return None


def is_seen(where: dict[int, tuple[float, float]], person: int, width: int) -> bool:
    """Whether the whole middle of somebody's tile, where the face is, is in the picture with nobody before it."""
    if person not in where:
        return False
    left, scale = where[person]
    edges = left + TILE * scale * np.array([0.22, 0.5, 0.78])
    return all(0 <= x < width and person_at(where, float(x)) == person for x in edges)


def write_film(made: Scene, path: Path) -> Path:
    """Write a scene as a film without loss."""
    import av

    height, width = made.pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=FPS, options={"crf": "0"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        for picture_bgr in made.pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture_bgr, format="bgr24")))
        container.mux(stream.encode(None))
    return path
