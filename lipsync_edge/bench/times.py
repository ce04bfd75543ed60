"""Stopwatch of a run: keeps the times of its stages, pass by pass, and of its first frame."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Times:
    """Time of one frame in each stage, ms, pass by pass; what `Engine.run` calls as `observe`.

    Attributes:
        began: Unix time at which the process was started.
        stages: stage → ms; of a batch its time over its frames, once a batch.
        first_frame_s: from the start of the process until the encoder had the first frame; None before.
    """

    began: float
    stages: dict[str, list[float]] = field(default_factory=dict)
    first_frame_s: float | None = None

    def __call__(self, stage: str, seconds: float, frames: int) -> None:
        """Note one pass."""
        self.stages.setdefault(stage, []).append(1000 * seconds / frames)
        if stage == "encode" and self.first_frame_s is None:
            self.first_frame_s = time.time() - self.began
