"""Which exemplar each output frame takes: dynamic programming with a fixed lag, the same for files and live."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lipsync_edge.render.exemplars.look import Look
from lipsync_edge.types import F32

I32 = npt.NDArray[np.int32]

OPENING, OPENING_FLOOR = 0.16, 0.02  # of ln opening
LESS_OPEN, MORE_OPEN = 1.8, 0.9  # lips can be shut over teeth, but what was never seen cannot be uncovered
FAR_OPEN, FAR_SHARE = 4.0, 0.3  # beyond that cost, lips that are too far open cost only so much more
WIDTH, JAW = 0.08, 0.15  # eye distances that cost 1
POSE, ROLL_SHARE = 6.0, 0.2  # degrees that cost 1
CHEEK, RIM = 8.0, 18.0  # grey levels that cost 1
BLURRED, BLUR_COSTS = 0.75, 4.0  # of the library's median sharpness
# what it costs to stay, to leave one out, to go back by one; the next one is free
HOLD, SKIP, BACK = (1.0, 0.7, 1.5)
OTHER_WAY = (
    0.5  # leaving one out and going back cost so much of what a jump to a picture as unlike would cost more
)
JUMP, THUMB, THUMB_MOST = 3.0, 5.0, 6.0  # grey levels that cost 1
# grey levels between the lips that a jump costs 1 more for, and the most of it
INSIDE, INSIDE_MOST = (4.0, 10.0)


@dataclass(frozen=True, eq=False)
class Bank:
    """The looks of a library, as arrays of n exemplars.

    Attributes:
        frame: int32 (n,), number of the source frame; consecutive numbers are consecutive frames.
        shape: float32 (n, 3), opening, width, jaw in eye distances.
        pose: float32 (n, 3), degrees.
        cheek: float32 (n, 3), BGR.
        sharpness: float32 (n,).
        rim: float32 (n, k).
        thumb: float32 (n, m).
        inside: float32 (n,), grey level between the lips, -1 where they are shut.
    """

    frame: I32
    shape: F32
    pose: F32
    cheek: F32
    sharpness: F32
    rim: F32
    thumb: F32
    inside: F32

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.frame)

    @cached_property
    def blurred(self) -> npt.NDArray[np.bool_]:
        """Which of them are less sharp than a library's usual picture, bool (n,)."""
        return self.sharpness < BLURRED * np.median(self.sharpness)

    @classmethod
    def of(cls, frames: list[int], looks: list[Look]) -> Bank:
        """Stack looks."""
        return cls(
            np.array(frames, np.int32),
            *(
                np.stack([np.asarray(getattr(look, name), np.float32) for look in looks])
                for name in ("shape", "pose", "cheek", "sharpness", "rim", "thumb", "inside")
            ),
        )


def strangeness(bank: Bank, target: Look, asked: F32) -> F32:
    """Return how strange each exemplar would look on a frame, float32 (n,): what no reshaping can take away.

    That is another pose and light, blur, and a mouth that shows less of its inside than is asked for.

    Args:
        bank: the exemplars.
        target: the frame that gets the mouth.
        asked: float32 (3,), opening, width, jaw.
    """
    opening = np.log(bank.shape[:, 0] + OPENING_FLOOR) - np.log(asked[0] + OPENING_FLOOR)
    turned = (bank.pose - target.pose) * np.sqrt([1.0, 1.0, ROLL_SHARE]) / POSE
    light = (bank.cheek - target.cheek).mean(1) / CHEEK
    rim = np.sqrt(np.square(bank.rim - target.rim).mean(1)) / RIM
    cost = np.square(np.minimum(opening, 0.0) * LESS_OPEN / OPENING) + BLUR_COSTS * bank.blurred
    cost += np.square(turned).sum(1) + np.square(light) + np.square(rim)
    return np.asarray(cost, np.float32)


def reshaping(bank: Bank, asked: F32) -> F32:
    """Return how far each exemplar's lips would have to be moved, float32 (n,): width, jaw, and shutting them."""
    opening = np.log(bank.shape[:, 0] + OPENING_FLOOR) - np.log(asked[0] + OPENING_FLOOR)
    more = np.square(np.maximum(opening, 0.0) * MORE_OPEN / OPENING)
    cost = np.minimum(more, FAR_OPEN) + FAR_SHARE * np.maximum(more - FAR_OPEN, 0.0)
    cost += np.square((bank.shape[:, 1] - asked[1]) / WIDTH) + np.square((bank.shape[:, 2] - asked[2]) / JAW)
    return np.asarray(cost, np.float32)


def steps(bank: Bank) -> F32:
    """Return what it costs to go from each exemplar (row) to each (column), float32 (n, n)."""
    norms = np.square(bank.thumb).mean(1)
    apart = norms[:, None] + norms[None, :] - 2.0 * bank.thumb @ bank.thumb.T / bank.thumb.shape[1]
    unlike = np.minimum(np.sqrt(np.maximum(apart, 0.0)) / THUMB, THUMB_MOST)
    seen = bank.inside >= 0
    flash = np.abs(bank.inside[:, None] - bank.inside[None, :]) * np.outer(seen, seen)
    unlike += np.minimum(flash / INSIDE, INSIDE_MOST)
    cost = JUMP + unlike
    ahead = bank.frame[None, :] - bank.frame[:, None]
    for step, price, share in ((0, HOLD, 0.0), (1, 0.0, 0.0), (2, SKIP, OTHER_WAY), (-1, BACK, OTHER_WAY)):
        there = ahead == step
        cost[there] = price + share * unlike[there]
    return np.asarray(cost, np.float32)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for one frame.

    Attributes:
        exemplar: row of the bank.
        strangeness: how strange it looks there, see `strangeness`.
        jumped: whether it does not continue the frame before.
    """

    exemplar: int
    strangeness: float
    jumped: bool


class Selector:
    """Viterbi's recursion, decided `lag` frames late; what was decided is kept to.

    Args:
        bank: at least one exemplar.
        lag: frames that a decision waits for.
    """

    def __init__(self, bank: Bank, lag: int) -> None:
        self._bank = bank
        self._lag = lag
        # by the exemplar that is reached, so that the best way to it is looked for along a row of memory
        self._reached = np.ascontiguousarray(steps(bank).T)
        ahead = bank.frame[None, :] - bank.frame[:, None]
        self._jumps = (ahead < -1) | (ahead > 2)
        self.reset()

    @property
    def last(self) -> int:
        """Row that was chosen last; -1 for none."""
        return self._last

    def reset(self, last: int = -1) -> None:
        """Forget what was chosen: the next frame continues nothing, or the exemplar `last`."""
        self._cost: F32 | None = None
        self._strange: deque[F32] = deque()  # of each frame that waits
        # of each frame but the first that waits: row it was best reached from
        self._from: deque[I32] = deque()
        self._last = last

    def push(self, target: Look, asked: F32) -> list[Choice]:
        """Take a frame; give the choice of the one `lag` frames earlier, once there is one."""
        strange = strangeness(self._bank, target, asked)
        unit = strange + reshaping(self._bank, asked)
        if self._cost is None:
            reached = np.zeros_like(unit) if self._last < 0 else self._reached[:, self._last]
            self._cost = unit + reached
        else:
            ways = self._cost[None, :] + self._reached
            best = ways.argmin(1).astype(np.int32)
            self._from.append(best)
            self._cost = ways[np.arange(len(unit)), best] + unit
        self._cost = self._cost - self._cost.min()
        self._strange.append(strange)
        return [self._decide()] if len(self._strange) > self._lag else []

    def flush(self) -> list[Choice]:
        """Give what still waits."""
        return [self._decide() for _ in range(len(self._strange))]

    def _decide(self) -> Choice:
        """Settle the earliest frame that waits, and drop every way that does not go through it."""
        assert self._cost is not None, "nothing waits"
        rows = np.arange(len(self._cost), dtype=np.int32)
        for before in reversed(self._from):
            rows = before[rows]
        chosen = int(rows[int(self._cost.argmin())])
        self._cost = np.where(rows == chosen, self._cost, np.float32(np.inf)).astype(np.float32)
        strange = float(self._strange.popleft()[chosen])
        if self._from:
            self._from.popleft()
        jumped = self._last >= 0 and bool(self._jumps[self._last, chosen])
        self._last = chosen
        if not self._strange:
            self._cost = None
        return Choice(chosen, strange, jumped)
