"""The library: a bounded number of the person's own frames, with what is needed to take their mouths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from lipsync_edge.face.align import AlignedCrop
from lipsync_edge.face.landmarks import Landmarks
from lipsync_edge.render.exemplars.look import Look
from lipsync_edge.render.exemplars.selection import Bank
from lipsync_edge.types import F32, U8

F64 = npt.NDArray[np.float64]

MOST = 600  # exemplars
LARGEST = 512  # side, in pixels, of the cut-out of a face at most
RUN = 10  # frames that are kept or dropped together, so that real motion stays in the library
WINDOW = (0.12, 0.38, 0.88, 1.06)  # of the crop: left, top, right, bottom of what is cut out
DECODED = 3  # pictures that are kept decoded, 0.7 MB each at most: both sides of a jump are shown twice
VISIBLE = 0.6  # a mouth that is more covered is no exemplar
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 97, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)


@dataclass(frozen=True, slots=True, eq=False)
class Exemplar:
    """One frame of the person.

    Attributes:
        frame: number of the source frame.
        look: what it looks like.
        points: float32 (78, 2), landmarks in pixels of its aligned crop.
        picture: the lower face at its own resolution, JPEG.
        to_picture: float64 (2, 3), crop pixels → pixels of the picture.
        grey: uint8 (S, S), its aligned crop's grey levels, to lay it on other heads.
        paste: uint8 (h, w), 255 where it may be shown.
    """

    frame: int
    look: Look
    points: F32
    picture: bytes
    to_picture: F64
    grey: U8
    paste: U8

    def decode(self) -> U8:
        """Return the picture, uint8 (H, W, 3) BGR; not to be written to."""
        return _decoded(self.picture)


@lru_cache(maxsize=DECODED)
def _decoded(jpeg: bytes) -> U8:
    picture = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    picture.flags.writeable = False  # one for all who ask
    return picture


def make_exemplar(
    number: int, frame_bgr: U8, crop: AlignedCrop, crop_bgr: U8, landmarks: Landmarks, look: Look, paste: F32
) -> Exemplar:
    """Cut an exemplar out of its frame: whole pixels, so that nothing is resampled before it is shown."""
    picture, to_picture = cut_out(frame_bgr, crop)
    return Exemplar(
        frame=number,
        look=look,
        points=(landmarks.points * crop.side - 0.5).astype(np.float32),
        picture=cv2.imencode(".jpg", picture, _JPEG)[1].tobytes(),
        to_picture=to_picture,
        grey=np.asarray(cv2.cvtColor(crop_bgr, cv2.COLOR_BGR2GRAY), np.uint8),
        paste=np.rint(paste * 255).astype(np.uint8),
    )


def cut_out(frame_bgr: U8, crop: AlignedCrop) -> tuple[U8, F64]:
    """Return the lower face and the map crop pixels → its pixels; too large a face is averaged down."""
    left, top, right, bottom = (part * crop.side for part in WINDOW)
    corners = np.array([(px, py, 1.0) for px in (left, right) for py in (top, bottom)]) @ crop.to_frame.T
    height, width = frame_bgr.shape[:2]
    x1, y1 = np.clip(np.floor(corners.min(0)).astype(int), 0, (width - 1, height - 1)).tolist()
    x2, y2 = np.clip(np.ceil(corners.max(0)).astype(int) + 1, (x1 + 1, y1 + 1), (width, height)).tolist()
    part, matrix = frame_bgr[y1:y2, x1:x2], crop.to_frame.copy()
    matrix[:, 2] -= (x1, y1)
    step = int(np.ceil(crop.scale * crop.side / LARGEST))
    if step > 1:
        part = part[: max(step, (y2 - y1) // step * step), : max(step, (x2 - x1) // step * step)]
        small = cv2.resize(part, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
        part = np.asarray(small, np.uint8)
        matrix /= step
        matrix[:, 2] += 0.5 / step - 0.5
    return np.ascontiguousarray(part), matrix


class Library:
    """A person's exemplars, safe to share between threads.

    Attributes:
        exemplars: in order of their frames.
        bank: their looks.
    """

    def __init__(self, exemplars: list[Exemplar]) -> None:
        self.exemplars = exemplars
        self.bank = Bank.of([one.frame for one in exemplars], [one.look for one in exemplars])

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.exemplars)

    @property
    def most_shut(self) -> Exemplar:
        """The exemplar whose mouth is the least open."""
        return self.exemplars[int(self.bank.shape[:, 0].argmin())]

    @property
    def bytes(self) -> int:
        """What the pictures take in memory."""
        return sum(len(one.picture) + one.grey.nbytes + one.paste.nbytes for one in self.exemplars)


class LibraryBuilder:
    """Takes exemplars in order and keeps at most `most`: whole runs of frames, as unlike each other as can be."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._runs: list[list[Exemplar]] = []

    def add(self, exemplar: Exemplar) -> None:
        """Take the next exemplar, unless its mouth is covered."""
        if exemplar.look.visible < VISIBLE:
            return
        last = self._runs[-1] if self._runs else []
        if not last or len(last) >= RUN or last[-1].frame + 1 != exemplar.frame:
            self._runs.append([])
        self._runs[-1].append(exemplar)
        if sum(map(len, self._runs)) > self.most + 4 * RUN:
            self._thin()

    def build(self) -> Library | None:
        """Return the library; None when there is nothing in it."""
        if sum(map(len, self._runs)) > self.most:
            self._thin()
        kept = [one for run in self._runs for one in run]
        return Library(kept) if kept else None

    def _thin(self) -> None:
        """Keep runs by farthest-point choice over opening, width, pose and light."""
        places = np.stack([_place(run) for run in self._runs])
        chosen = [int(np.argmax(places[:, 0]))]
        apart = np.linalg.norm(places - places[chosen[0]], axis=1)
        room = self.most - len(self._runs[chosen[0]])
        while True:
            apart[chosen] = -1.0
            best = int(np.argmax(apart))
            if apart[best] < 0 or len(self._runs[best]) > room:
                break
            chosen.append(best)
            room -= len(self._runs[best])
            apart = np.minimum(apart, np.linalg.norm(places - places[best], axis=1))
        self._runs = [self._runs[k] for k in sorted(chosen)]


def _place(run: list[Exemplar]) -> F32:
    """Where a run stands among others: mean and spread of its openings, width, pose, light; each by what is unlike."""
    shape = np.stack([one.look.shape for one in run])
    pose, cheek = np.mean([one.look.pose for one in run], 0), np.mean([one.look.cheek for one in run])
    return np.array(
        [
            np.log(shape[:, 0].mean() + 0.02) / 0.3, np.log(shape[:, 0].max() + 0.02) / 0.3,
            shape[:, 1].mean() / 0.07, *(pose[:2] / 6.0), pose[2] / 12.0, cheek / 8.0,
        ],
        np.float32,
    )  # fmt: skip
