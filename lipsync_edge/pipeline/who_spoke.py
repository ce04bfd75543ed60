"""Who was driven by what and when: counted frame by frame, told in the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lipsync_edge.pipeline.result import PersonResult
from lipsync_edge.pipeline.voices import Part
from lipsync_edge.types import Frame

PAUSE_S = 0.5  # within one stretch of speech


@dataclass(slots=True)
class _Person:
    frames: int = 0
    driven: int = 0
    spoke: list[list[float]] = field(default_factory=list)


class WhoSpoke:
    """Counts of everybody who is followed.

    Args:
        step_s: seconds that a frame lasts.
    """

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._people: dict[int, _Person] = {}

    def count(self, frame: Frame) -> None:
        """Count a finished frame."""
        for face in frame.faces:
            person = self._people.setdefault(face.identity, _Person())
            person.frames += 1
            if face.features is None or face.gain <= 0.0:
                continue
            person.driven += 1
            now = float(frame.time)
            if person.spoke and now <= person.spoke[-1][1] + PAUSE_S:
                person.spoke[-1][1] = now + self._step_s
            else:
                person.spoke.append([now, now + self._step_s])

    def result(
        self, parts: Sequence[Part], part_of: Sequence[int], who: Sequence[str]
    ) -> tuple[PersonResult, ...]:
        """Return what became of everybody.

        Args:
            parts: who says what.
            part_of: number of the part of each identity.
            who: what each is called.
        """
        nobody = _Person()
        return tuple(
            PersonResult(
                who=name,
                sound=parts[part].sound.file,
                speakers=parts[part].speakers,
                frames=(one := self._people.get(k, nobody)).frames,
                driven=one.driven,
                spoke=tuple((round(start, 3), round(end, 3)) for start, end in one.spoke),
            )
            for k, (name, part) in enumerate(zip(who, part_of, strict=True))
        )


def said_by_nobody(parts: Sequence[Part], part_of: Sequence[int]) -> tuple[str, ...]:
    """Return a note, for people, of each part that nobody in the film has: an "all" where there is nobody else.

    Args:
        parts: who says what.
        part_of: number of the part of each identity.
    """
    nobody = [part for k, part in enumerate(parts) if k not in part_of]
    return tuple(f"{one.who}: nobody else was seen to say {one.sound.file.name}" for one in nobody)
