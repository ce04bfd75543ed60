"""What each frame's mouth is asked in numbers: what the voice says, round how the person's mouth rests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lipsync_edge.face.align import aligned_crop
from lipsync_edge.face.landmarks import Landmarker, Landmarks
from lipsync_edge.render.exemplars.asked import SHUT, sealing
from lipsync_edge.render.exemplars.inside import smoothstep
from lipsync_edge.render.exemplars.reshape import eye_distance
from lipsync_edge.render.lips import AudioEncoder
from lipsync_edge.types import F32, U8, Face, Frame, Goal

# What an opening does to width and jaw, eye distances per eye distance: how a mouth rests is read off open ones, too.
NARROWER, LOWER = 0.25, 0.87
COVERED = (0.35, 0.65)  # of the mouth is seen: below the first its landmarks are not believed
REMEMBERED = 250  # frames that the rest is a mean of
WIDTH_GAIN = 1.8  # the audio encoder shrinks what is hard to hear: widths are asked so many times as far


@dataclass(frozen=True, slots=True)
class Rest:
    """How a mouth rests, in eye distances: its width, and the jaw from the nose base to the chin."""

    width: float
    jaw: float


def rest_of(shapes: F32) -> Rest:
    """Read off shapes, float32 (n, 3), opening, width and jaw of frames in which a person talks or does not."""
    opening, width, jaw = shapes.astype(np.float64).mean(0).tolist()
    return Rest(width + NARROWER * opening, jaw - LOWER * opening)


@dataclass(slots=True)
class Person:
    """What is known of one person who is followed.

    Attributes:
        frames: how many were seen.
        rest: the mean of them.
        last: the picture that was seen last, where in it, its crop, and what.
    """

    frames: int = 0
    rest: Rest = Rest(0.0, 0.0)
    last: tuple[U8, F32, U8, Landmarks] | None = None

    def see(self, opening: float, width: float, jaw: float) -> None:
        """Take the shape of one more frame, in eye distances."""
        self.frames += 1
        new, rest = 1.0 / min(self.frames, REMEMBERED), self.rest
        self.rest = Rest(
            rest.width + new * (width + NARROWER * opening - rest.width),
            rest.jaw + new * (jaw - LOWER * opening - rest.jaw),
        )


@dataclass(slots=True)
class Guide:
    """Gives the faces of frames that come in order their goals.

    Args:
        landmarker: finds the landmarks of aligned crops.
        encoder: says what the voice asks.
        known: people of whom it is known how their mouth rests, by identity; others are watched.
    """

    landmarker: Landmarker
    encoder: AudioEncoder
    known: Mapping[int, Rest] = field(default_factory=dict)
    _people: dict[int, Person] = field(default_factory=dict)

    def reset(self) -> None:
        """Forget everybody."""
        self._people.clear()

    def __call__(self, frame: Frame) -> Frame:
        """Return the frame with a goal on every face that hears something."""
        if frame.shot_start:
            self.reset()
        if not any(face.features is not None for face in frame.faces):
            return frame
        heard = [face for face in frame.faces if face.landmarks is not None and face.features is not None]
        seen = self._look(frame.image_bgr, heard)
        told = iter([self._goal(*one) for one in zip(heard, seen, self._asked(heard), strict=True)])
        return replace(frame, faces=tuple(next(told) if face in heard else face for face in frame.faces))

    def _goal(self, face: Face, looked: tuple[U8, Landmarks], coefficients: F32) -> Face:
        person, (crop_bgr, seen) = self._people[face.identity], looked
        mouth = seen.mouth()
        trust = smoothstep(seen.confidence, *COVERED)
        rest = self.known.get(face.identity)
        if rest is None:
            if trust > 0.5 or not person.frames:
                person.see(mouth.opening, mouth.width, mouth.jaw)
            rest = person.rest
        opening, wider, lower = (float(v) for v in self.encoder.to_shape @ coefficients)
        asked = np.array(
            [SHUT + sealing(opening), rest.width + WIDTH_GAIN * wider, rest.jaw + lower], np.float32
        )
        shape = np.array([mouth.opening, mouth.width, mouth.jaw], np.float32)
        goal = Goal(seen.points, shape, eye_distance(seen, 1), float(seen.pose[0]), asked, trust, crop_bgr)
        return replace(face, goal=goal)

    def _asked(self, faces: Sequence[Face]) -> list[F32]:
        """Return what each face is asked, float32 (8,); faces that hear the same are asked the same."""
        windows = [face.features for face in faces if face.features is not None]
        different = list({id(window): window for window in windows}.values())
        found = dict(zip(map(id, different), self.encoder(different), strict=True)) if different else {}
        return [found[id(window)] for window in windows]

    def _look(self, image_bgr: U8, faces: Sequence[Face]) -> list[tuple[U8, Landmarks]]:
        """Cut all faces, find their landmarks at once; a picture that is shown again is not looked at again."""
        found = [self._known(image_bgr, face) for face in faces]
        new = [k for k, one in enumerate(found) if one is None]
        crops = [self._cut(image_bgr, faces[k]) for k in new]
        for k, crop_bgr, one in zip(new, crops, self.landmarker(crops), strict=True):
            points = faces[k].landmarks
            assert points is not None, "only faces with landmarks are looked at"
            found[k] = crop_bgr, one
            self._people[faces[k].identity].last = image_bgr, points, crop_bgr, one
        return [one for one in found if one is not None]

    def _known(self, image_bgr: U8, face: Face) -> tuple[U8, Landmarks] | None:
        last, points = self._people.setdefault(face.identity, Person()).last, face.landmarks
        if last is None or points is None or last[0] is not image_bgr:
            return None
        return last[2:] if np.array_equal(last[1], points) else None

    def _cut(self, image_bgr: U8, face: Face) -> U8:
        assert face.landmarks is not None, "only faces with landmarks are looked at"
        return aligned_crop(face.landmarks, self.landmarker.side).cut(image_bgr)
