"""One film's own mouth: asks, selects with a fixed lag, and lays the chosen exemplars over the made frames."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TypeGuard

import numpy as np

from lipsync_edge.render.composite import mix
from lipsync_edge.render.exemplars.asked import NEUTRAL, Articulation, Asker, range_of
from lipsync_edge.render.exemplars.filling import Inner
from lipsync_edge.render.exemplars.laid import Pick
from lipsync_edge.render.exemplars.library import Library
from lipsync_edge.render.exemplars.look import Look
from lipsync_edge.render.exemplars.overlay import own_mouth
from lipsync_edge.render.exemplars.selection import Choice, Selector
from lipsync_edge.render.exemplars.target import Target
from lipsync_edge.types import F32, U8, Region

NEAR, FAR = 16.0, 30.0  # strangeness up to which an exemplar is taken whole, and from which on not at all
COVERED = (0.35, 0.65)  # of the mouth is seen: below the first nothing is laid over it
TURN = 0.25  # most change of strength and share from one frame to the next
JUMP_SHARE = 0.25  # of the other exemplar, on the frame before and after a jump
LAG = 5  # frames
TALKS = 0.05  # eye distances: who never opens the mouth further has no own mouth to give


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What one frame gets.

    Attributes:
        picks: exemplars and their shares.
        asked: float32 (3,), the shape.
        coefficients: float32 (8,), what the mouth renderer is asked where it is needed too.
        strength: 0 (today's way) … 1 (all of the lower face as planned); less than 1 where the mouth is covered.
        share: 0 (the frame's own lips, moved) … 1 (the exemplars').
        articulation: what the shape does not say.
    """

    picks: tuple[Pick, ...]
    asked: F32
    coefficients: F32
    strength: float
    share: float = 1.0
    articulation: Articulation = NEUTRAL


def can_talk(library: Library | None) -> TypeGuard[Library]:
    """Whether a library shows its person's mouth open and shut."""
    return library is not None and len(library) >= 2 and range_of(library.bank.shape).wide_open > TALKS


class OwnMouth:
    """Plans the frames of one film, in order; a plan comes `lag` frames after its frame.

    Args:
        library: the person's exemplars, for which `can_talk` holds.
        strength: times the person's own range of motion.
        lag: frames that a plan comes late; the last of them shows whether the next frame jumps.
        to_shape: what the coefficients mean, see `Asker`.
    """

    def __init__(self, library: Library, *, to_shape: F32, strength: float = 1.0, lag: int = LAG) -> None:
        self._library = library
        self._fresh = partial(Asker, range_of(library.bank.shape), to_shape, strength)
        self.asker = self._fresh()
        self._selector = Selector(library.bank, max(0, lag - 1))
        self._ahead = min(1, lag)
        # shape, articulation, coefficients, how much is visible
        self._asked: deque[tuple[F32, Articulation, F32, float]] = deque()
        self._waiting: list[Choice] = []  # the frame to plan, and the one after it
        self._before: Choice | None = None
        self._strength = Slow()
        self._share = Slow()

    @property
    def state(self) -> tuple[int, float | None, float | None]:
        """What plans without lag go on from, beside what was heard: the last exemplar (-1: none), strength, share."""
        return self._selector.last, self._strength.value, self._share.value

    @state.setter
    def state(self, state: tuple[int, float | None, float | None]) -> None:
        self._selector.reset(state[0])
        self._before = None if state[0] < 0 else Choice(state[0], 0.0, jumped=False)
        self._strength.value, self._share.value = state[1:]

    def push(
        self,
        look: Look,
        coefficients: F32,
        articulation: Articulation = NEUTRAL,
        *,
        at_rest: bool = False,
    ) -> list[Plan]:
        """Take the look of the next frame and what is asked there, float32 (8,); give the plans that are ready.

        At rest what was heard before does not count, so that the same silence asks the same for ever.
        """
        asked, gain = (self._fresh() if at_rest else self.asker)(coefficients, articulation)
        scaled = (coefficients * np.float32(gain)).astype(np.float32)
        self._asked.append((asked, articulation, scaled, look.visible))
        return self._plans(self._selector.push(look, asked), last=False)

    def flush(self) -> list[Plan]:
        """Give the plans of the frames that still wait; the next frame continues none of them."""
        plans = self._plans(self._selector.flush(), last=True)
        self._selector.reset()
        self._before = None
        return plans

    def _plans(self, choices: list[Choice], *, last: bool) -> list[Plan]:
        self._waiting += choices
        plans = []
        while len(self._waiting) > (0 if last else self._ahead):
            plans.append(self._plan(self._waiting.pop(0), self._waiting[0] if self._waiting else None))
        return plans

    def _plan(self, now: Choice, after: Choice | None) -> Plan:
        picks = [Pick(self._library.exemplars[now.exemplar], 1.0)]
        for other, jumped in ((self._before, now.jumped), (after, after is not None and after.jumped)):
            if other is not None and jumped:
                share = JUMP_SHARE / (1.0 - JUMP_SHARE)
                picks.append(Pick(self._library.exemplars[other.exemplar], share))
        self._before = now
        asked, articulation, coefficients, visible = self._asked.popleft()
        strength = self._strength(uncovered(visible))
        share = self._share(_fall(now.strangeness, NEAR, FAR))
        return Plan(tuple(picks), asked, coefficients, strength, share, articulation)


class Slow:
    """A value that changes at most by TURN from frame to frame.

    Attributes:
        value: on the last frame; None before the first.
    """

    def __init__(self) -> None:
        self.value: float | None = None

    def __call__(self, wanted: float) -> float:
        """Return the value on the next frame, where it is wanted to be so."""
        before = wanted if self.value is None else self.value
        self.value = before + float(np.clip(wanted - before, -TURN, TURN))
        return self.value


def uncovered(visible: float) -> float:
    """Return 1 for a mouth that is seen, 0 for one that is covered, smooth between."""
    return 1.0 - _fall(visible, *COVERED)


def _fall(value: float, high: float, low: float) -> float:
    """Return 1 below `high`, 0 above `low`, smooth between."""
    part = float(np.clip((low - value) / (low - high), 0.0, 1.0))
    return part * part * (3.0 - 2.0 * part)


def lay_over(image_bgr: U8, target: Target, plan: Plan, inner: Inner | None = None) -> Region | None:
    """Lay the planned mouth over a made picture, uint8 (H, W, 3), in place; return where, None for nowhere."""
    if plan.strength <= 0.0:
        return None
    found = own_mouth(target, plan.picks, plan.asked, inner, plan.share, plan.articulation)
    if found is None:
        return None
    picture, region = found
    if plan.strength >= 1.0:
        region.view(image_bgr)[:] = picture
        return region
    mix(region.view(image_bgr), picture, np.full(picture.shape[:2], plan.strength, np.float32))
    return region
