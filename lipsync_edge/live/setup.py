"""Preparations of `live` and `serve`: the avatar, logs, signals, the watchdog."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from lipsync_edge.live.process import JsonLines, Watchdog, notify_systemd

if TYPE_CHECKING:
    from lipsync_edge.engine import Engine
    from lipsync_edge.pipeline.avatar import Avatar

LOG = logging.getLogger("lipsync_edge.live")
_AVATAR_MAGIC = b"LSEAVTR1"
HUNG = 1  # exit status of a process that its own watchdog ends


def open_avatar(engine: Engine, face: Path) -> Avatar:
    """Load a saved avatar, or prepare a video or a picture.

    Raises:
        InputError: it cannot be read, or shows no face.
        ManifestError: the saved avatar was made by another engine.
    """
    if not face.is_file() or not _is_avatar(face):
        return engine.prepare(face)
    from lipsync_edge.pipeline.avatar import AvatarOrigin, load_avatar

    avatar = load_avatar(face)
    avatar.check(AvatarOrigin.of(engine.detector, engine.preset))
    return avatar


def _is_avatar(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_AVATAR_MAGIC)) == _AVATAR_MAGIC


def log_to_stderr(level: int = logging.INFO) -> None:
    """Write the package's log to stderr, one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    package = logging.getLogger("lipsync_edge")
    package.handlers[:] = [handler]
    package.setLevel(level)


@contextmanager
def stop_on_signals(stop: Callable[[], object]) -> Iterator[list[int]]:
    """Call `stop` at the first SIGTERM or SIGINT; a second one ends the process. Gives the signals that came.

    Only in the main thread, where Python lets signals be handled; elsewhere it does nothing.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def handle(number: int, _: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            raise SystemExit(128 + number)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def watched(
    age_s: Callable[[], float], limit_s: float, report: Callable[[], Mapping[str, object]]
) -> Watchdog:
    """Make a watchdog that tells systemd, logs `report` every minute, and ends the process when a session hangs."""
    beats = 0

    def beat() -> None:
        nonlocal beats
        notify_systemd("WATCHDOG=1")
        if beats % 60 == 0:
            LOG.info("health", extra={"data": dict(report())})
        beats += 1

    def hung(age: float) -> None:
        LOG.critical("hung", extra={"data": {"heartbeat_age_s": round(age, 3), **report()}})
        os._exit(HUNG)  # whatever hangs would hang a polite end too

    return Watchdog(age_s, limit_s=limit_s, every_s=1.0, beat=beat, hung=hung)
