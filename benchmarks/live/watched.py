"""Measure what a viewer in a browser gets by WebRTC: skew of sound and picture, and how soon an interrupt stops both.

    python -m benchmarks live watched [--preset lite] [--seconds 20] [--interrupts 8]

`serve` runs in this process, headless Chromium beside it, both on the same cores. For the skew every 25th slot is
replaced by a click and a flash; sound minus picture, on the page's own clock, when each is shown and heard (watch.js);
`browser_says_ms` is the same as the browser's own statistics have it. For interrupts the avatar speaks and the
page's button is pressed: time until the last picture whose mouth differs from the next one, and until the last sound.
`first_picture_ms` is the time from the first sample that is said to the first picture that is handed out with sound of
it: what an agent waits, look-ahead included. Rows: live.json, `measured` "watched". It needs Chromium and its driver.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import lipsync_edge as le
from benchmarks import rows
from benchmarks.live.opened import avatar_of, facts_of, sound_of
from benchmarks.process import load_now
from benchmarks.source import RATE, add_source_options, make_source
from lipsync_edge.demo import demo_files
from lipsync_edge.figures import percentiles
from lipsync_edge.live import Slot
from lipsync_edge.live.options import SessionOptions
from lipsync_edge.pipeline.picture import WholePicture
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.server.app import make_app
from lipsync_edge.server.ways import Ways

KEY = ("measured", "preset", "face", "size")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
    "--autoplay-policy=no-user-gesture-required --window-size=900,700 --use-fake-device-for-media-stream "
    "--use-fake-ui-for-media-stream"
)
EVERY = 25  # slots between two clicks
QUIET = 0.01  # level below which nothing is heard
STILL = 1.5  # grey levels of the mouth between pictures that show no motion

Curve = npt.NDArray[np.float64]


def rises(curve: Curve, level: float) -> Curve:
    """Times at which a curve (n, 2) of times in ms and levels rises over a level, after 300 ms below it."""
    over = curve[curve[:, 1] > level, 0] if len(curve) else np.zeros(0)
    return over[np.diff(over, prepend=-1e9) > 300]


def skews(pictures: Curve, sounds: Curve) -> list[float]:
    """Return sound minus picture of every flash that has its click, in ms."""
    flashes, clicks = rises(pictures, 128.0), rises(sounds, 0.1)
    if not len(clicks):
        return []
    near = [float(clicks[np.abs(clicks - flash).argmin()] - flash) for flash in flashes]
    return [one for one in near if abs(one) < 500]


def last_motion(pictures: Curve, stopped: float) -> float:
    """Return when, in ms after the button, the mouth moved for the last time within a second and a half."""
    after = pictures[(pictures[:, 0] > stopped - 200) & (pictures[:, 0] < stopped + 1500)]
    moved = np.flatnonzero(np.abs(np.diff(after[:, 1])) > STILL)
    return max(0.0, float(after[moved[-1] + 1, 0] - stopped)) if len(moved) else 0.0


def last_sound(sounds: Curve, stopped: float) -> float:
    """Return when, in ms after the button, something was heard for the last time."""
    loud = sounds[(sounds[:, 1] > QUIET) & (sounds[:, 0] < stopped + 1500), 0]
    return max(0.0, float(loud.max() - stopped)) if len(loud) else 0.0


@contextmanager
def served(opener: Callable[[], Stream], host: str = "127.0.0.1") -> Iterator[tuple[str, Any]]:
    """Serve an avatar on a free port of an address; give where, and the session."""
    import uvicorn

    is_local = host == "127.0.0.1"
    app = make_app(opener, SessionOptions(rate=RATE), is_local=is_local, ways=Ways(address=host))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="websockets-sansio"))
    with socket.create_server((host, 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield f"http://{host}:{listener.getsockname()[1]}", app.state.sessions.all["main"]
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def watching(address: str) -> Iterator[Any]:
    """Open the page in headless Chromium; give its driver once the video runs."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for flag in FLAGS.split():
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        driver.get(f"{address}/?transport=webrtc")
        until = time.monotonic() + 60
        while not driver.execute_script("return window.lipsync && window.lipsync.shown > 25"):
            if time.monotonic() > until:
                raise SystemExit("the page shows no video")
            time.sleep(0.1)
        driver.execute_script((Path(__file__).parent / "watch.js").read_text("utf-8"))
        yield driver
    finally:
        driver.quit()


def noted(page: Any) -> tuple[Curve, Curve]:
    """Return what the page noted: pictures and sounds, (n, 2) each."""
    pictures, sounds = page.execute_script("return [window.flashes, window.sounds]")
    return np.array(pictures, float).reshape(-1, 2), np.array(sounds, float).reshape(-1, 2)


def skew_of(opener: Callable[[], Stream], seconds: float) -> dict[str, dict[str, float]]:
    """Flash and click for so long; return percentiles of the skew, and of what the browser says of it."""
    with served(opener) as (address, session):
        sink = session.broadcaster
        write = sink.write
        click = (20_000 * np.sin(np.arange(RATE // 50) * 0.4)).astype(np.int16)

        def mark(slot: Slot) -> None:
            turn, pcm = slot.index % EVERY, np.zeros_like(slot.pcm)
            if turn == 0:
                pcm[: len(click)] = click[: len(pcm)]
            picture = None
            if slot.picture is not None:
                shape = slot.picture.image_bgr.shape
                picture = WholePicture(np.full(shape, 255 if turn < 3 else 0, np.uint8))
            write(replace(slot, pcm=pcm, picture=picture))

        sink.write = mark
        with watching(address) as page:
            time.sleep(seconds)
            found = skews(*noted(page))
            said = np.array(page.execute_script("return window.apart"), float).reshape(-1, 2)[:, 1]
    if not found:
        raise SystemExit("no flash was seen with its click")
    return {"skew_ms": spread(found), "browser_says_ms": spread(said.tolist())}


def spread(found: list[float]) -> dict[str, float]:
    """Return percentiles of sizes, and the median with its sign."""
    if not found:
        return {}
    return percentiles([abs(one) for one in found]) | {"median": round(float(np.median(found)), 1)}


def interrupts_of(opener: Callable[[], Stream], sound: npt.NDArray[np.int16], count: int) -> dict[str, Any]:
    """Interrupt so many times; return percentiles of when mouth and sound stopped, in ms after the button."""
    mouth, heard, first = [], [], []
    with served(opener) as (address, session), watching(address) as page:
        live, sink = session.live, session.broadcaster
        write, spoke = sink.write, threading.Event()

        def look(slot: Slot) -> None:
            write(slot)
            if slot.state == "speech" and slot.picture is not None:
                spoke.set()

        sink.write = look
        for _ in range(count):
            spoke.clear()
            began = time.perf_counter()
            talker = threading.Thread(target=lambda: live.say(sound, timeout=5.0), daemon=True)
            talker.start()
            if spoke.wait(10):
                first.append(1000 * (time.perf_counter() - began))
            time.sleep(1.5)
            page.execute_script("window.stopped = performance.now(); document.getElementById('stop').click()")
            time.sleep(2.0)
            talker.join()
            pictures, sounds = noted(page)
            stopped = float(page.execute_script("return window.stopped"))
            mouth.append(last_motion(pictures, stopped))
            heard.append(last_sound(sounds, stopped))
    return {
        "mouth_still_ms": percentiles(mouth),
        "sound_silent_ms": percentiles(heard),
        "first_picture_ms": percentiles(first),
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of watching."""
    add_source_options(parser, seconds=20.0)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--models", type=Path, default=None)
    parser.add_argument("--interrupts", type=int, default=8)


def main(options: argparse.Namespace) -> None:
    """Measure, keep the row and print it."""
    options.threads = 1
    engine = le.load(preset=options.preset, models=options.models, threads=1)
    load = load_now()
    with tempfile.TemporaryDirectory() as name:
        source = make_source(options, Path(name))
        # a still, unless a face was named: what moves when nobody speaks would hide when the mouth stops
        avatar = avatar_of(engine, source) if options.face else engine.prepare(demo_files()[0])
        sound = sound_of(source)

        def opener() -> Stream:
            return engine.stream(avatar, sample_rate=RATE, fps=25)

        row = {
            "measured": "watched",
            **skew_of(opener, options.seconds),
            **interrupts_of(opener, sound, options.interrupts),
            **facts_of(engine, avatar, source, options),
            "face": source.said if options.face else "the demo's picture",
            "load": load,
        }
    print(json.dumps({key: value for key, value in row.items() if key != "machine"}, indent=1))
    rows.keep(options.results, "live", [row], KEY)
