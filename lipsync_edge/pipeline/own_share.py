"""Share of the speech that a run shows with the person's own mouth."""

from __future__ import annotations

from dataclasses import dataclass

from lipsync_edge.render.exemplars.sequence import Own
from lipsync_edge.types import Frame


@dataclass(slots=True)
class OwnShare:
    """How much of what was spoken was the person's own mouth.

    Attributes:
        spoken: faces of frames in which their voice speaks.
        own: how many of them show mostly the person's own mouth.
        strength: sum of the strengths on them.
    """

    spoken: int = 0
    own: int = 0
    strength: float = 0.0

    def count(self, frame: Frame) -> None:
        """Count a finished frame."""
        for face in frame.faces:
            if face.gain > 0.0 and face.features is not None:
                strength = face.own.share if isinstance(face.own, Own) else 0.0
                self.spoken += 1
                self.own += strength >= 0.5
                self.strength += strength

    @property
    def share(self) -> float:
        """Part of the spoken frames, 0…1."""
        return self.own / self.spoken if self.spoken else 0.0

    @property
    def mean_strength(self) -> float:
        """Mean strength on the spoken frames, 0…1."""
        return self.strength / self.spoken if self.spoken else 0.0
