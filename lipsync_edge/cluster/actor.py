"""The worker on a node: an actor that keeps engines loaded and makes one job after another."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from lipsync_edge.batch.job import BatchJob
from lipsync_edge.batch.maker import Made, Maker, MakerSetup, Trouble

_PREFIX = "lipsync-edge-worker-"


class Worker:
    """Makes jobs; `frames` answers while one is being made, so that an actor needs two threads.

    Args:
        setup: its scratch folder is made anew, on this node.
    """

    def __init__(self, setup: MakerSetup) -> None:
        _sweep()
        self._folder = tempfile.TemporaryDirectory(
            prefix=f"{_PREFIX}{os.getpid()}-", ignore_cleanup_errors=True
        )
        self._maker = Maker(replace(setup, scratch=Path(self._folder.name)))
        self._frames = 0

    def ready(self) -> bool:
        """Answer when the worker is there."""
        return True

    def attempt(self, job: BatchJob) -> Made | Trouble:
        """Make a job."""
        self._frames = 0
        return self._maker.attempt(job, self._saw)

    def frames(self) -> int:
        """Return the frames done of the job that is being made."""
        return self._frames

    def _saw(self, done: int) -> None:
        self._frames = done


def _sweep() -> None:
    """Remove what workers of this node left that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        number = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if number.isdigit() and not _is_alive(int(number)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
