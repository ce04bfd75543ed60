"""Plans of one face's mouth, frame by frame: with the person's exemplars, or with the picture's own lips alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from lipsync_edge.render.exemplars.asked import NEUTRAL, Articulation, Asker, Range, range_of_still
from lipsync_edge.render.exemplars.filling import Inner, inner_of, inner_of_exemplar
from lipsync_edge.render.exemplars.library import Library
from lipsync_edge.render.exemplars.planner import LAG, OwnMouth, Plan, Slow, lay_over, uncovered
from lipsync_edge.render.exemplars.watcher import Seen
from lipsync_edge.types import F32, U8, Region


@dataclass(frozen=True, slots=True, eq=False)
class Own:
    """The mouth of one frame without the lip network: the plan, what was seen of the frame, what is inside."""

    seen: Seen
    plan: Plan
    inner: Inner | None = None

    @property
    def strength(self) -> float:
        """0: nothing is laid over; 1: nothing of what lies below is seen inside the mouth's region."""
        return self.plan.strength

    @property
    def share(self) -> float:
        """How much of what is seen comes from other frames of the film, 0…1."""
        return self.plan.strength * self.plan.share

    def lay_over(self, image_bgr: U8) -> Region | None:
        """Change a picture, uint8 (H, W, 3), in place; return the part that may have changed, None for nowhere."""
        return lay_over(image_bgr, self.seen.target, self.plan, self.inner)


class Planner(Protocol):
    """Plans one face's mouth, one for one and in order; a frame without the face has none."""

    @property
    def state(self) -> Hashable:
        """What plans without lag go on from, beside what was heard; may be set to what it was before."""
        ...

    @state.setter
    def state(self, state: Any) -> None: ...

    def push(
        self,
        seen: Seen | None,
        coefficients: F32,
        articulation: Articulation = NEUTRAL,
        *,
        cut: bool = False,
        at_rest: bool = False,
    ) -> list[Own | None]:
        """Take the next frame and what is asked there, float32 (8,); return plans of frames that are ready now.

        Args:
            seen: the frame's face; None without one.
            coefficients: what the audio encoder asks.
            articulation: what it says besides.
            cut: whether a new shot begins, so that nothing before it is continued.
            at_rest: whether nobody speaks, so that what was heard before does not count.
        """
        ...

    def flush(self) -> list[Own | None]:
        """Give the plans of all frames that wait."""
        ...


class SequencePlanner:
    """Takes the person's mouth from exemplars; a `Planner`.

    Args:
        library: the person's exemplars, for which `can_talk` holds.
        strength: times the person's own range of motion.
        lag: frames that a plan comes late.
        to_shape: float32 (3, 8), what the coefficients mean in opening, width and jaw.
    """

    def __init__(self, library: Library, *, to_shape: F32, strength: float = 1.0, lag: int = LAG) -> None:
        self._own = OwnMouth(library, strength=strength, lag=lag, to_shape=to_shape)
        self._waiting: deque[Seen] = deque()
        self._inner = inner_of_exemplar(library.most_shut)

    @property
    def state(self) -> tuple[int, float | None, float | None]:
        """See `OwnMouth.state`."""
        return self._own.state

    @state.setter
    def state(self, state: tuple[int, float | None, float | None]) -> None:
        self._own.state = state

    def push(
        self,
        seen: Seen | None,
        coefficients: F32,
        articulation: Articulation = NEUTRAL,
        *,
        cut: bool = False,
        at_rest: bool = False,
    ) -> list[Own | None]:
        """See `Planner`; where the face is gone, nothing that waits is held back any longer."""
        done = self._give(self._own.flush()) if cut or seen is None else []
        if seen is None:
            return [*done, None]
        self._waiting.append(seen)
        return done + self._give(self._own.push(seen.look, coefficients, articulation, at_rest=at_rest))

    def flush(self) -> list[Own | None]:
        """Give the plans of all frames that wait."""
        return self._give(self._own.flush())

    def _give(self, plans: list[Plan]) -> list[Own | None]:
        return [Own(self._waiting.popleft(), plan, self._inner) for plan in plans]


@dataclass(frozen=True, slots=True, eq=False)
class Resting:
    """What one picture says of a mouth that is never seen talking: how far it may move, and what is inside."""

    range: Range
    inner: Inner

    @classmethod
    def of(cls, seen: Seen) -> Resting:
        """Guess it from a face."""
        inner = inner_of(seen.target.face, seen.crop_bgr, seen.target.crop.scale)
        return cls(range_of_still(seen.look.shape), inner)


class StillPlanner:
    """Moves the lips of a person who is never seen talking, each frame's own; a `Planner` without lag.

    Args:
        to_shape: float32 (3, 8), what the coefficients mean in opening, width and jaw.
        strength: times a usual range of motion.
        resting: what is known of the mouth; None: the first frame says it.
    """

    def __init__(self, *, to_shape: F32, strength: float = 1.0, resting: Resting | None = None) -> None:
        self._fresh = partial(Asker, to_shape=to_shape, strength=strength)
        self._resting = resting
        self._asker: Asker | None = None
        self._covered = Slow()

    @property
    def state(self) -> float | None:
        """How much of the mouth was covered."""
        return self._covered.value

    @state.setter
    def state(self, state: float | None) -> None:
        self._covered.value = state

    def push(
        self,
        seen: Seen | None,
        coefficients: F32,
        articulation: Articulation = NEUTRAL,
        *,
        cut: bool = False,
        at_rest: bool = False,
    ) -> list[Own | None]:
        """See `Planner`."""
        if seen is None:
            return [None]
        if self._resting is None:
            self._resting = Resting.of(seen)
        if self._asker is None:
            self._asker = self._fresh(self._resting.range)
        asker = self._fresh(self._resting.range) if at_rest else self._asker
        asked, gain = asker(coefficients, articulation)
        strength = self._covered(uncovered(seen.look.visible))
        scaled = (coefficients * np.float32(gain)).astype(np.float32)
        plan = Plan((), asked, scaled, strength, 0.0, articulation)
        return [Own(seen, plan, self._resting.inner)]

    def flush(self) -> list[Own | None]:
        """Give nothing: no frame waits."""
        return []
