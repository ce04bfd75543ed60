"""One person: how they look in several pictures, and where they were last."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lipsync_edge.face.looks import patch_of
from lipsync_edge.types import F32, U8, Boxes

MOST_LOOKS = 12  # pictures of a person that are remembered
_ENOUGH = 0.9  # likeness of two pictures of which one is enough
_STILL_THERE = 0.4  # correlation with the person's last patches


@dataclass(slots=True, eq=False)
class Person:
    """Somebody in a film.

    Attributes:
        looks: float32 (d,) each; the first `given` of them are never replaced.
        given: how many looks were there from the beginning.
        last: float32 (4,), the box in which they were seen last in this shot, or None.
        missed: looks at the film since then.
        seen: number of the last look at the film in which they were seen.
        times: how often they were.
    """

    looks: list[F32] = field(default_factory=list)
    given: int = 0
    last: F32 | None = None
    missed: int = 0
    seen: int = -1
    times: int = 0
    _patch: F32 | None = None

    def likeness(self, looks: F32) -> F32:
        """Return how alike faces, looks float32 (n, d), are to the person: float32 (n,), the mean of the best two."""
        if not self.looks or not len(looks):
            return np.zeros(len(looks), np.float32)
        all_of_them = np.sort(looks @ np.stack(self.looks).T, axis=1)
        return np.asarray(all_of_them[:, -2:].mean(1), np.float32)

    def absorb(self, looks: F32) -> None:
        """Remember one more picture, float32 (d,), unless one like it is there; a common one gives way."""
        if self.looks and float(np.max(np.stack(self.looks) @ looks)) > _ENOUGH:
            return
        self.looks.append(looks)
        if len(self.looks) <= MOST_LOOKS:
            return
        alike = np.stack(self.looks) @ np.stack(self.looks).T
        np.fill_diagonal(alike, -1.0)
        alike[: max(1, self.given)] = -1.0
        del self.looks[int(np.argmax(alike.max(1)))]

    def put(self, frame_bgr: U8, boxes: Boxes, i: int, look: int) -> None:
        """Take over where the person is now: face `i` of look number `look` at the film."""
        self.last, self.missed, self.seen = boxes.xyxy[i], 0, look
        self.times += 1
        now = patch_of(frame_bgr, boxes, i)
        mixed = now if self._patch is None else 0.8 * self._patch + 0.2 * now
        self._patch = np.asarray(mixed / max(float(np.linalg.norm(mixed)), 1e-6), np.float32)

    def is_at(self, frame_bgr: U8, face: Boxes) -> bool:
        """Whether the one face given still looks as the person did a moment ago."""
        return self._patch is None or float(patch_of(frame_bgr, face, 0) @ self._patch) > _STILL_THERE

    def new_shot(self) -> None:
        """Forget where they were."""
        self.last, self.missed = None, 0
