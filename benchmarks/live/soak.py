"""Let viewers come to a server and go again for hours, on a clock that runs faster: does memory grow, is anything left?

    python -m benchmarks live soak [--hours 8] [--factor 12] [--fps 10] [--preset lite]

The server of `serve` runs in this process, every wait of it `factor` times as short; viewers and callers come from
another (`benchmarks.live.visitors`): by WebRTC and by WebSocket, some leave without a word, utterances are interrupted.
Sessions are opened and closed as they come and go, each with the next of three avatars. What is there before and after
is counted when nobody watches: tasks of the event loop, threads, file descriptors and sockets. The slope of memory is
that of the last four fifths. A slot that this machine cannot make at the faster pace is late, as on a machine that is
so much slower. Rows: live.json, `measured` "soak".
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import psutil

import lipsync_edge as le
from benchmarks import rows
from benchmarks.live.fast_loop import FastClock, FastLoop
from benchmarks.live.opened import facts_of
from benchmarks.live.visitors import SERVED
from benchmarks.process import load_now
from benchmarks.source import RATE, Source, make_speech
from lipsync_edge.cli.heap import share_heap
from lipsync_edge.demo import demo_files
from lipsync_edge.engine import Engine
from lipsync_edge.live import LiveSession, SessionOptions, Slot
from lipsync_edge.machine import resident_bytes
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.server import session as server_session
from lipsync_edge.server.app import make_app
from lipsync_edge.server.auth import Limits
from lipsync_edge.server.broadcast import Broadcaster
from lipsync_edge.server.rtc import peers
from lipsync_edge.video.still_image import read_image

KEY = ("measured", "preset", "hours")
SIDES = (256, 320, 384)
WARM_S, SETTLE_S, LOOK_S = 600.0, 200.0, 300.0  # simulated
COMPUTED = ("CONNECT_S", "CLOSE_S")  # limits of computing, not of waiting: they are as long as ever
SEED = 20
SWITCH_S = 0.0005  # between threads of Python: slots are a few milliseconds apart


def left_behind(loop: FastLoop) -> dict[str, int]:
    """Count what is there: tasks of a loop that runs in another thread, threads, file descriptors, sockets.

    The loop's pool of threads is bounded and left out.
    """

    async def tasks() -> int:
        gc.collect()
        return len(asyncio.all_tasks()) - 1

    pool = sum(thread.name.startswith("asyncio_") for thread in threading.enumerate())
    process = psutil.Process()
    return {
        "tasks": asyncio.run_coroutine_threadsafe(tasks(), loop).result(60),
        "threads": threading.active_count() - pool,
        "system_threads": process.num_threads() - pool,
        "file_descriptors": process.num_fds(),
        "sockets": len(process.net_connections()),
    }


def opened(engine: Engine, fps: int, folder: Path) -> list[Stream]:
    """Open three faces of different sizes."""
    picture, streams = read_image(demo_files()[0]), []
    for side in SIDES:
        path = folder / f"{side}.png"
        cv2.imwrite(str(path), cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA))
        streams.append(engine.stream(engine.prepare(path), sample_rate=RATE, fps=fps))
    return streams


@contextmanager
def served(
    clock: FastClock, firsts: list[Stream], states: Counter[str]
) -> Iterator[tuple[str, FastLoop, Any]]:
    """Serve on a free port; give the address, the loop and the application. Every session takes the next avatar."""
    import uvicorn

    turns = cycle(firsts)

    def opener() -> Stream:
        states["sessions"] += 1
        return next(turns).again()

    write = Broadcaster.write

    def counted(self: Broadcaster, slot: Slot) -> None:
        states[slot.state] += 1
        write(self, slot)

    paced = partial(LiveSession, clock=clock.now, sleep=clock.sleep)
    app = make_app(opener, SessionOptions(rate=RATE), limits=Limits(sessions=3))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="websockets-sansio"))
    loop = FastLoop(clock)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        patch.object(server_session, "LiveSession", paced),
        patch.object(Broadcaster, "write", counted),
        patch.multiple(peers, **{name: getattr(peers, name) * clock.factor for name in COMPUTED}),
    ):
        thread = threading.Thread(
            target=lambda: loop.run_until_complete(server.serve([listener])), daemon=True
        )
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", loop, app
        finally:
            server.should_exit = True
            thread.join(60)


def visited(address: str, clock: FastClock, seconds: float, seed: int, wav: Path) -> subprocess.Popen[str]:
    """Start the process of those who come."""
    words = [
        sys.executable,
        "-m",
        "benchmarks.live.visitors",
        address,
        str(clock.factor),
        str(seconds),
        str(seed),
    ]
    environment = os.environ | {"PYTHONPATH": str(rows.ROOT)}
    return subprocess.Popen([*words, str(wav)], stdout=subprocess.PIPE, text=True, env=environment)


def counted(process: subprocess.Popen[str]) -> dict[str, int]:
    """Wait for those who come; return what they counted."""
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the process of the viewers ended with {process.returncode}")
    found: dict[str, int] = json.loads(said)
    return found


def watched(process: subprocess.Popen[str], clock: FastClock) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Look at memory until a process ends; float64 (n, 2) of simulated hours and MB."""
    began, memory = clock.now(), []
    while process.poll() is None:
        memory.append(((clock.now() - began) / 3600, resident_bytes() / 1e6))
        print(f"{memory[-1][0]:.2f} h, {memory[-1][1]:.1f} MB", flush=True)
        clock.sleep(LOOK_S)
    return np.array(memory)


def soak(engine: Engine, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run; returns what a row says."""
    hours, clock, states = options.hours, FastClock(options.factor), Counter[str]()
    firsts = opened(engine, options.fps, folder)
    wav = make_speech(demo_files()[1], folder / "said.wav", 3.0)
    with served(clock, firsts, states) as (address, loop, app):
        counted(visited(address, clock, WARM_S, SEED, wav))
        clock.sleep(SETTLE_S)
        before = left_behind(loop)
        print("before", before, flush=True)
        states.clear()
        process = visited(address, clock, hours * 3600, SEED + 1, wav)
        memory = watched(process, clock)
        seen = counted(process)
        clock.sleep(SETTLE_S)
        after = left_behind(loop)
        still = {"peers": len(app.state.peers), "sessions_open": len(app.state.sessions)}
    settled = memory[len(memory) // 5 :]
    slope = float(np.polyfit(settled[:, 0], settled[:, 1], 1)[0])
    return {
        "hours": hours,
        "factor": options.factor,
        "viewers": sum(seen.get(way, 0) for way in SERVED),
        "seen": dict(sorted(seen.items())),
        "sessions": states.pop("sessions", 0),
        "slots": sum(states.values()),
        "states": dict(states),
        "memory_mb": [round(float(settled[0, 1]), 1), round(float(settled[-1, 1]), 1)],
        "memory_curve_mb": [round(float(mb), 1) for mb in memory[:: max(1, len(memory) // 32), 1]],
        "memory_slope_mb_per_hour": round(slope, 3),
        "before": before,
        "after": after,
        "uncaught": getattr(loop, "uncaught", 0),
        **still,
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the soak."""
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--hours", type=float, default=8.0, help="simulated; default 8")
    parser.add_argument(
        "--factor", type=float, default=12.0, help="simulated seconds in a second; default 12"
    )
    parser.add_argument("--fps", type=int, default=10, help="pictures a second; default 10")


def main(options: argparse.Namespace) -> None:
    """Soak, keep the row and print it."""
    options.threads = 1
    cv2.setNumThreads(1)
    share_heap()  # as the command does
    sys.setswitchinterval(SWITCH_S)
    engine = le.load(preset=options.preset, threads=1)
    load = load_now()
    with tempfile.TemporaryDirectory() as name:
        row = {"measured": "soak"} | soak(engine, options, Path(name))
        face = demo_files()[0]
        source = Source(face=face, audio=face, said="the demo's picture in 3 sizes")
        avatar = engine.prepare(face)
        row |= facts_of(engine, avatar, source, options) | {
            "size": "256 to 384 square",
            "fps": options.fps,
            "load": load,
        }
    print(json.dumps({key: value for key, value in row.items() if key != "machine"}, indent=1))
    rows.keep(options.results, "live", [row], KEY)
