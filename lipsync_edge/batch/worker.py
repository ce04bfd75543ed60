"""A worker process: takes jobs from a pipe, makes them, tells how they went; ends with its driver."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection, wait
from types import FrameType

from lipsync_edge.batch.job import BatchJob
from lipsync_edge.batch.maker import Maker, MakerSetup

STOP = None  # instead of a job


def work(pipe: Connection, setup: MakerSetup) -> None:
    """Make jobs until there are no more, or SIGTERM comes: what is half made is removed then."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches every process of a terminal: the driver decides
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_driver, name="lipsync-driver", daemon=True).start()
    maker = Maker(setup)
    while True:
        try:
            job: BatchJob | None = pipe.recv()
        except (EOFError, OSError):
            return
        if job is STOP:
            return
        _tell(pipe, maker.attempt(job, lambda done: _tell(pipe, done)))


def _tell(pipe: Connection, what: object) -> None:
    try:
        pipe.send(what)
    except OSError as error:  # the driver is gone
        raise SystemExit(1) from error


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, _pass_over)
    raise SystemExit(128 + number)


def _pass_over(number: int, frame: FrameType | None) -> None:
    pass


def _end_with_driver() -> None:
    driver = multiprocessing.parent_process()
    if driver is not None:
        wait([driver.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
