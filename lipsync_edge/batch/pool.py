"""Workers that make jobs: what the driver needs of them."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from lipsync_edge.batch.job import BatchJob
from lipsync_edge.batch.maker import Made, Trouble


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a worker told of its job: frames done so far, or how it ended."""

    job: BatchJob
    told: int | Made | Trouble


class Pool(Protocol):
    """Workers; a context manager that leaves nothing half made behind, however it is left."""

    @property
    def workers(self) -> int:
        """How many there are, busy or idle."""
        ...

    @property
    def idle(self) -> int:
        """How many wait for a job."""
        ...

    def give(self, job: BatchJob) -> None:
        """Give a job to a worker that waits."""
        ...

    def wait(self, timeout_s: float) -> list[Event]:
        """Return what was told; waits for the first of it, at most so long."""
        ...

    def __enter__(self) -> Pool:
        """Start."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """End the workers; a job that one of them is at is given up."""
        ...
