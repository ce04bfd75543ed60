"""Plans of all faces' mouths in a run or a stream; frames wait until each of their faces has one."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from lipsync_edge.pipeline.film_faces import FilmFaces
from lipsync_edge.pipeline.film_scan import Probe
from lipsync_edge.render.exemplars.asked import Articulation
from lipsync_edge.render.exemplars.library import Library
from lipsync_edge.render.exemplars.planner import LAG, can_talk
from lipsync_edge.render.exemplars.sequence import Own, Planner, Resting, SequencePlanner, StillPlanner
from lipsync_edge.render.exemplars.watcher import Seen, Watcher
from lipsync_edge.render.lips import AudioEncoder
from lipsync_edge.types import Face, Frame

SILENT = np.zeros(8, np.float32)


@dataclass(slots=True)
class _Waiting:
    """A frame, and the plans of its faces that are there; it goes when nobody owes one."""

    frame: Frame
    owed: int = 0
    plans: dict[int, Own | None] = field(default_factory=dict)


class MouthPlans:
    """Plans the mouths of every face that is heard, frame by frame.

    Args:
        watcher: looks at the faces.
        encoder: says what a voice asks.
        libraries: exemplars by the face's identity; a library of somebody who is not seen talking says that their
            own lips may be moved. Faces of no library are left to the lip network.
        strength: times the person's own range of motion.
        lag: frames that plans with exemplars come late.
        still: whether all that is seen is one picture: then every face's own lips may be moved.
        film: what was seen of the faces before.
        resting: people whose own lips may be moved and who are known from elsewhere, by the face's identity; others
            are got to know by the first frame that shows them.
    """

    def __init__(
        self,
        watcher: Watcher,
        encoder: AudioEncoder,
        libraries: Mapping[int, Library],
        *,
        strength: float = 1.0,
        lag: int = LAG,
        still: bool = False,
        film: FilmFaces | None = None,
        resting: Mapping[int, Resting] = MappingProxyType({}),
    ) -> None:
        self._watcher, self._encoder = watcher, encoder
        self._libraries, self._resting = libraries, resting
        self._strength, self._lag, self._still = strength, lag, still
        self._film = film
        self.reset()

    def reset(self) -> None:
        """Forget what was shown: the next frame continues nothing."""
        self._stages: dict[int, Planner | None] = {}
        self._queues: dict[int, deque[_Waiting]] = {}
        self._waiting: deque[_Waiting] = deque()
        self._last: dict[int, tuple[Frame, Face, Seen]] = {}

    @property
    def state(self) -> Hashable:
        """What plans without lag go on from, beside what was heard; may be set to what it was before."""
        there = self._stages.items()
        return tuple((identity, stage.state) for identity, stage in there if stage is not None)

    @state.setter
    def state(self, state: tuple[tuple[int, Hashable], ...]) -> None:
        for identity, known in state:
            stage = self._stage_of(identity)
            if stage is not None:
                stage.state = known

    def push(self, frame: Frame, *, at_rest: bool = False) -> list[Frame]:
        """Take the next frame; give earlier ones, and perhaps this one, with their plans.

        At rest what was heard before does not count.
        """
        entry = _Waiting(frame)
        self._waiting.append(entry)
        heard = {face.identity: face for face in frame.faces if _is_heard(face)}
        for identity in heard:
            self._stage_of(identity)
        for identity, stage in self._stages.items():
            if stage is not None:
                entry.owed += 1
                self._queues[identity].append(entry)
                self._settle(identity, self._push(stage, frame, heard.get(identity), at_rest))
        return self._ready()

    def flush(self) -> list[Frame]:
        """Give the frames that still wait."""
        for identity, stage in self._stages.items():
            if stage is not None:
                self._settle(identity, stage.flush())
        return self._ready()

    def _stage_of(self, identity: int) -> Planner | None:
        if identity not in self._stages:
            self._stages[identity] = self._stage(identity)
            self._queues[identity] = deque()
        return self._stages[identity]

    def _stage(self, identity: int) -> Planner | None:
        library, to_shape = self._libraries.get(identity), self._encoder.to_shape
        resting = self._resting.get(identity)
        if can_talk(library):
            return SequencePlanner(library, strength=self._strength, lag=self._lag, to_shape=to_shape)
        if library is not None or self._still or resting is not None:
            return StillPlanner(strength=self._strength, to_shape=to_shape, resting=resting)
        return None

    def _push(self, stage: Planner, frame: Frame, face: Face | None, at_rest: bool) -> list[Own | None]:
        if face is None or face.features is None:
            return stage.push(None, SILENT, cut=frame.shot_start)
        coefficients, heard = self._encoder.hear([face.features])
        seen = self._look(frame, face)
        said = Articulation.of(heard[0])
        return stage.push(seen, coefficients[0], said, cut=frame.shot_start, at_rest=at_rest)

    def _look(self, frame: Frame, face: Face) -> Seen:
        """Look at a face; the same picture with the face at the same place is looked at once."""
        assert face.landmarks is not None, "a face without landmarks has no plan"
        last = self._last.get(face.identity)
        if (
            last is not None
            and last[0].image_bgr is frame.image_bgr
            and last[1].landmarks is not None
            and np.array_equal(last[1].landmarks, face.landmarks)
        ):
            return last[2]
        known = None if self._film is None else self._film.found_of(frame, face)
        if known is None:
            seen = self._watcher(frame.image_bgr, face.landmarks)
        else:
            seen = self._watcher.knowing(frame.image_bgr, face.landmarks, known.landmarks, known.paste)
        if self._still:
            self._last[face.identity] = frame, face, seen
        return seen

    def _settle(self, identity: int, plans: list[Own | None]) -> None:
        for own in plans:
            entry = self._queues[identity].popleft()
            entry.plans[identity] = own
            entry.owed -= 1

    def _ready(self) -> list[Frame]:
        done = []
        while self._waiting and self._waiting[0].owed == 0:
            entry = self._waiting.popleft()
            done.append(_with_plans(entry.frame, entry.plans))
        return done


def _is_heard(face: Face) -> bool:
    return face.landmarks is not None and face.features is not None


def _with_plans(frame: Frame, plans: Mapping[int, Own | None]) -> Frame:
    if not any(plans.values()):
        return frame
    return replace(frame, faces=tuple(replace(face, own=plans.get(face.identity)) for face in frame.faces))


def planned(frames: Iterable[Frame], plans: MouthPlans, probe: Probe = nullcontext) -> Iterator[Frame]:
    """Give frames that hear a voice with their mouths planned, in order; a few frames wait.

    Args:
        frames: what `pair` gives.
        plans: fresh ones.
        probe: gives a context manager that is entered round the work on each frame.
    """
    for frame in frames:
        with probe():
            ready = plans.push(frame)
        yield from ready
    yield from plans.flush()
