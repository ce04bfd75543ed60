"""Guard against networks that were loaded before a fork: their threads stayed behind, and a call waits for ever."""

from __future__ import annotations

import os

from lipsync_edge.errors import DeviceError


def check_process(loaded_in: int) -> None:
    """Raise DeviceError unless this is the process, by its number, that a network was loaded in."""
    if os.getpid() != loaded_in:
        raise DeviceError(
            expected="a network that was loaded in this process",
            got=f"one that process {loaded_in} loaded before it forked",
            fix="load the engine in the child, or start children by spawn",
        )
