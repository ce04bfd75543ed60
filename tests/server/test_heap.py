"""Memory of those who left is given back: once for many, and not after the end."""

import asyncio
import subprocess
import sys

import pytest

from lipsync_edge.server import heap


def test_once_for_all_who_leave_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[float] = []
    monkeypatch.setattr(heap, "AFTER_S", 0.05)
    monkeypatch.setattr(heap, "trim", lambda: done.append(1))

    async def leave() -> list[int]:
        counts, trimming = [], heap.HeapTrim()
        for _ in range(2):
            trimming.ask()
            trimming.ask()
            await asyncio.sleep(0.2)
            counts.append(len(done))
        trimming.ask()
        trimming.cancel()
        await asyncio.sleep(0.2)
        return [*counts, len(done)]

    assert asyncio.run(leave()) == [1, 2, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux")
def test_free_memory_goes_back() -> None:
    script = (
        "from lipsync_edge.cli.heap import share_heap; share_heap()\n"
        "from lipsync_edge.machine import resident_bytes\n"
        "from lipsync_edge.server.heap import trim\n"
        "kept = [bytearray(b'x' * 50_000) for _ in range(2000)]; last = bytes(50_000); del kept[:1999]\n"
        "before = resident_bytes(); trim(); print(before - resident_bytes())"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(said.stdout) > 50_000_000
