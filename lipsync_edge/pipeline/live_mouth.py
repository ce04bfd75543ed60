"""Live mouths: each frame's is planned or told at once, so that nothing comes later than without."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from lipsync_edge.choices import MOUTHS, Mouth
from lipsync_edge.errors import UsageError
from lipsync_edge.face.align import aligned_crop
from lipsync_edge.face.landmarks import Landmarker
from lipsync_edge.pipeline.avatar import Avatar
from lipsync_edge.pipeline.mouth_plans import MouthPlans
from lipsync_edge.render.exemplars.sequence import Resting
from lipsync_edge.render.exemplars.watcher import Watcher
from lipsync_edge.render.guide import Guide, Rest, rest_of
from lipsync_edge.render.renderer import Renderer
from lipsync_edge.types import F32, Frame

LOOKS = 16  # frames of an avatar without exemplars that say how its mouth rests


class LiveMouth(Protocol):
    """Says, frame by frame, what the mouths of a live stream shall do."""

    @property
    def state(self) -> Hashable:
        """What the next frame goes on from; at rest it decides, with the picture, what is made."""
        ...

    @state.setter
    def state(self, state: Any) -> None: ...

    def reset(self) -> None:
        """Forget what was shown: the next frame continues nothing."""
        ...

    def __call__(self, frame: Frame, *, at_rest: bool = False) -> Frame:
        """Return the frame with its mouths planned or told; at rest without regard to what was heard before."""
        ...


class PlannedMouth:
    """The person's own mouths, or their own lips moved; a `LiveMouth`.

    Args:
        plans: without lag.
    """

    def __init__(self, plans: MouthPlans) -> None:
        self._plans = plans

    def reset(self) -> None:
        """See `LiveMouth`."""
        self._plans.reset()

    @property
    def state(self) -> Hashable:
        """See `LiveMouth`."""
        return self._plans.state

    @state.setter
    def state(self, state: Any) -> None:
        self._plans.state = state

    def __call__(self, frame: Frame, *, at_rest: bool = False) -> Frame:
        """See `LiveMouth`."""
        (now,) = self._plans.push(replace(frame, shot_start=False), at_rest=at_rest)
        return replace(now, shot_start=frame.shot_start)


class SteeredMouth:
    """Painted mouths that are told what is asked, whatever the film's own mouth does; a `LiveMouth` without memory.

    Args:
        guide: knows how the avatar's mouth rests.
    """

    state: Any = None

    def __init__(self, guide: Guide) -> None:
        self._guide = guide

    def reset(self) -> None:
        """Forget nothing: how the mouth rests is known from the avatar."""

    def __call__(self, frame: Frame, *, at_rest: bool = False) -> Frame:
        """See `LiveMouth`."""
        self._guide.reset()  # a stream's canvas shows another picture each time
        return self._guide(frame)


def open_mouth(renderer: Renderer, avatar: Avatar, mouth: Mouth, strength: float = 1.0) -> LiveMouth | None:
    """Return what says what a stream's mouths shall do; None where the lip network alone knows.

    As in a run: exemplars where the avatar has them, else its own lips moved; painted mouths of films are steered.

    Args:
        renderer: of the stream.
        avatar: whose mouth.
        mouth: what was asked for.
        strength: times the person's own range of motion.

    Raises:
        UsageError: the own mouth was asked for by name and there is none.
    """
    if mouth not in MOUTHS or not 0 <= strength <= 1.5:
        raise UsageError(
            expected=f"a mouth out of {', '.join(MOUTHS)} and a strength from 0 to 1.5",
            got=f"{mouth!r}, {strength}",
        )
    watcher, encoder, library = renderer.watcher, renderer.encoder, avatar.library
    if mouth == "own" and (library is None or watcher is None or encoder is None):
        raise UsageError(
            expected="an avatar that talks, and a preset with an audio encoder and landmarks",
            got="none" if library is None else f"preset {renderer.preset.name}",
            fix="use mouth auto",
        )
    if mouth == "painted" or watcher is None or encoder is None:
        return _steered(renderer, avatar)
    resting = {} if library is not None else _resting(avatar, watcher)
    libraries = {} if library is None else {0: library}
    still = len(avatar) == 1
    plans = MouthPlans(watcher, encoder, libraries, strength=strength, lag=0, still=still, resting=resting)
    return PlannedMouth(plans)


def _resting(avatar: Avatar, watcher: Watcher) -> dict[int, Resting]:
    """Return what the avatar's first face says of its mouth; of nobody where that has no landmarks."""
    face = avatar.face(avatar.first_face)
    if face is None or face.landmarks is None:
        return {}
    return {0: Resting.of(watcher(avatar.picture(avatar.first_face), face.landmarks))}


def _steered(renderer: Renderer, avatar: Avatar) -> SteeredMouth | None:
    """Return what steers a film's painted mouths; None for a still, and where a network for that is missing."""
    if len(avatar) == 1 or renderer.landmarker is None:
        return None
    rest = resting_mouth(avatar, renderer.landmarker)
    guide = None if rest is None else renderer.guide({0: rest})
    return None if guide is None else SteeredMouth(guide)


def resting_mouth(avatar: Avatar, landmarker: Landmarker) -> Rest | None:
    """Return how the mouth of an avatar's person rests; None where no frame shows its landmarks."""
    if avatar.library is not None:
        return rest_of(avatar.library.bank.shape)
    shapes = _looked_at(avatar, landmarker)
    return rest_of(shapes) if len(shapes) else None


def _looked_at(avatar: Avatar, landmarker: Landmarker) -> F32:
    """Return the mouth's shapes, float32 (n, 3), in a few frames from all over the avatar."""
    shown = np.flatnonzero(~np.isnan(avatar.faces[:, 4]))
    chosen = (
        shown[np.unique(np.linspace(0, max(len(shown) - 1, 0), LOOKS).astype(int))] if len(shown) else shown
    )
    crops = []
    for position in chosen.tolist():
        face = avatar.face(position)
        if face is not None and face.landmarks is not None:
            crops.append(aligned_crop(face.landmarks, landmarker.side).cut(avatar.picture(position)))
    mouths = [found.mouth() for found in landmarker(crops)] if crops else []
    return np.array([(one.opening, one.width, one.jaw) for one in mouths], np.float32).reshape(-1, 3)
