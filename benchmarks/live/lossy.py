"""Measure what a browser gets by WebRTC over a bad network: loss, jitter, a link that is too narrow.

    python -m benchmarks live lossy [--seconds 60] [--preset lite] [--corpus DIR | --face AVATAR --audio FILE]

`serve` and headless Chromium are in network namespaces of their own, `benchmarks.live.link` carries the packets between
them. The avatar speaks all the time. Three links: a good one; one that loses 2 % of the packets of each direction and
holds each for 0 to 200 ms; and one that after a third of the time carries half of what came until then. Of each:
pictures shown, freezes and packets as Chromium counts them; sound that was made up for; bits a second that the encoder
was told; on the narrow link, too, whether they went down before the first picture was lost. Rows: live.json, `measured`
"lossy". It needs root, /dev/net/tun, `ip`, Chromium and its driver.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

import lipsync_edge as le
from benchmarks import rows
from benchmarks.live.link import ADDRESSES, enter
from benchmarks.live.opened import avatar_of, facts_of, sound_of
from benchmarks.live.watched import served, watching
from benchmarks.process import load_now
from benchmarks.source import RATE, add_source_options, make_source
from lipsync_edge.live import LiveSession, SessionOverError
from lipsync_edge.live.slot import I16
from lipsync_edge.pipeline.stream import Stream

KEY = ("measured", "link", "preset", "face", "size")
LINKS: dict[str, dict[str, float]] = {
    "good": {"loss": 0.0, "jitter-ms": 0.0},
    "2 % lost, 200 ms of jitter": {"loss": 0.02, "jitter-ms": 200.0},
    "half as wide": {"loss": 0.0, "jitter-ms": 0.0},
}
OPENS_S = 3.0  # of a connection, not counted
LOOK_S = 0.5
STATS = (Path(__file__).parent / "stats.js").read_text("utf-8")


class Link:
    """A link between two namespaces of its own, gone when its block ends.

    Args:
        loss: of packets, 0 to 1.
        jitter-ms: longest hold.
    """

    def __init__(self, **settings: float) -> None:
        self.names = f"lipsync-a{os.getpid()}", f"lipsync-b{os.getpid()}"
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Link:
        for name in self.names:
            subprocess.run(["ip", "netns", "add", name], check=True)
        words = [word for name, value in self._settings.items() for word in (f"--{name}", str(value))]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.live.link", *self.names, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(rows.ROOT)},
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            raise SystemExit("no link between namespaces: root, /dev/net/tun and `ip` are needed")
        return self

    def narrow(self, kbit: float) -> None:
        """Carry no more than so much, each way, from now on."""
        assert self._process is not None
        assert self._process.stdin is not None
        print(kbit, file=self._process.stdin, flush=True)

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=5)
        self._process.kill()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=True)


@contextmanager
def namespace(name: str) -> Iterator[None]:
    """Be in a network namespace; threads and processes that are started in the block stay there."""
    with Path("/proc/thread-self/ns/net").open() as own:
        enter(name)
        try:
            yield
        finally:
            enter(f"/proc/self/fd/{own.fileno()}")


@contextmanager
def speaking(live: LiveSession, sound: I16) -> Iterator[None]:
    """Let a session say a sound again and again."""
    over = threading.Event()

    def say() -> None:
        at, step = 0, RATE // 10
        with suppress(SessionOverError):
            while not over.is_set():
                live.say(sound[at : at + step], timeout=0.2)
                at = (at + step) % max(1, len(sound) - step)

    talker = threading.Thread(target=say)
    talker.start()
    try:
        yield
    finally:
        over.set()
        talker.join()


def looked(page: Any, session: Any, began: float) -> dict[str, Any]:
    """Return what the browser and the encoder say now."""
    stats = page.execute_async_script(STATS)
    bits = session.broadcaster.rtc.report()["bits"]
    return {"s": time.perf_counter() - began, "bits": max(bits.values(), default=0), **stats}


def watch(
    opener: Callable[[], Stream], sound: I16, link: Link, seconds: float, *, narrows: bool
) -> dict[str, Any]:
    """Watch a speaking avatar over a link; returns its figures."""
    looks: list[dict[str, Any]] = []
    with namespace(link.names[0]):
        server = served(opener, host=ADDRESSES[0])
        address, session = server.__enter__()
    try:
        began = time.perf_counter()
        with speaking(session.live, sound), namespace(link.names[1]), watching(address) as page:
            opened_s = time.perf_counter() - began
            time.sleep(OPENS_S)
            began, narrowed = time.perf_counter(), None
            before = session.live.health()
            while (now := time.perf_counter() - began) < seconds:
                looks.append(looked(page, session, began))
                if narrows and narrowed is None and now > seconds / 3:
                    narrowed = now
                    link.narrow(sent_kbit(looks) / 2)
                time.sleep(LOOK_S)
            after = session.live.health()
    finally:
        server.__exit__(None, None, None)
    found = {"opened_s": round(opened_s, 1)} | figures(looks)
    found["made"] = after.slots - before.slots - (after.dropped - before.dropped)
    return found | (after_narrowing(looks, narrowed) if narrowed is not None else {})


def sent_kbit(looks: list[dict[str, Any]]) -> float:
    """Return the kilobits a second of pictures and sound that came, heads of RTP included."""

    def came(look: dict[str, Any]) -> float:
        return sum(
            look[kind]["bytesReceived"] + look[kind]["headerBytesReceived"] for kind in ("audio", "video")
        )

    first, last = looks[0], looks[-1]
    return (came(last) - came(first)) / (last["s"] - first["s"]) / 125


def apart_ms(look: dict[str, Any]) -> float | None:
    """Return sound minus picture, ms, as the browser plays both; None where it does not say."""
    played = [look[kind].get("estimatedPlayoutTimestamp") for kind in ("audio", "video")]
    return None if None in played else float(played[1] - played[0])


def figures(looks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what changed between the first and the last look."""
    first, last = looks[0], looks[-1]

    def grown(kind: str, name: str) -> float:
        return float(last[kind].get(name, 0) - first[kind].get(name, 0))

    def held_ms(kind: str) -> float:
        emitted = grown(kind, "jitterBufferEmittedCount")
        return round(1000 * grown(kind, "jitterBufferDelay") / max(1.0, emitted), 1)

    made_up = grown("audio", "concealedSamples") - grown("audio", "silentConcealedSamples")
    apart = [one for look in looks if (one := apart_ms(look)) is not None]
    bits = [look["bits"] for look in looks]
    return {
        "seconds": round(last["s"] - first["s"], 1),
        "shown": int(grown("video", "framesDecoded") - grown("video", "framesDropped")),
        "dropped_by_browser": int(grown("video", "framesDropped")),
        "freezes": int(grown("video", "freezeCount")),
        "frozen_s": round(grown("video", "totalFreezesDuration"), 2),
        "packets": int(grown("video", "packetsReceived")),
        "packets_lost": int(grown("video", "packetsLost")),
        "sent_again": int(grown("video", "retransmittedPacketsReceived")),
        "key_pictures_asked": int(grown("video", "pliCount") + grown("video", "firCount")),
        "sound_made_up": round(made_up / max(1.0, grown("audio", "totalSamplesReceived")), 4),
        "video_held_ms": held_ms("video"),
        "audio_held_ms": held_ms("audio"),
        "skew_p50_ms": round(float(np.median(apart)), 1) if apart else None,
        "skew_p95_ms": round(float(np.percentile(np.abs(apart), 95)), 1) if apart else None,
        "kbit": round(sent_kbit(looks)),
        "encoder_kbit": [round(one / 1000) for one in bits[:: max(1, len(bits) // 20)]],
    }


def after_narrowing(looks: list[dict[str, Any]], narrowed: float) -> dict[str, Any]:
    """Return when, in seconds after the link became narrow, the encoder was told less, and a picture was lost."""
    before = [look for look in looks if look["s"] <= narrowed]
    after = [look for look in looks if look["s"] > narrowed]

    def lost(look: dict[str, Any]) -> float:
        return float(look["video"].get("framesDropped", 0) + look["video"].get("pliCount", 0))

    lower = [look["s"] - narrowed for look in after if look["bits"] < 0.9 * before[-1]["bits"]]
    gone = [look["s"] - narrowed for look in after if lost(look) > lost(before[-1])]
    first, last = after[len(after) // 2], after[-1]
    frames = last["video"]["framesDecoded"] - first["video"]["framesDecoded"]
    return {
        "narrow_kbit": round(sent_kbit(before) / 2),
        "bits_down_after_s": round(lower[0], 1) if lower else None,
        "picture_lost_after_s": round(gone[0], 1) if gone else None,
        "settled_kbit": round(sent_kbit([first, last])),
        "settled_fps": round(frames / (last["s"] - first["s"]), 1),
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of bad networks."""
    add_source_options(parser, seconds=60.0)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--models", type=Path, default=None)


def main(options: argparse.Namespace) -> None:
    """Watch over every link, keep the rows."""
    options.threads = 1
    engine = le.load(preset=options.preset, models=options.models, threads=1)
    with tempfile.TemporaryDirectory() as name:
        source = make_source(options, Path(name))
        avatar, sound = avatar_of(engine, source), sound_of(source)

        def opener() -> Stream:
            return engine.stream(avatar, sample_rate=RATE, fps=25)

        for said, settings in LINKS.items():
            load = load_now()
            with Link(**settings) as link:
                found = watch(opener, sound, link, options.seconds, narrows=said == "half as wide")
            row = {"measured": "lossy", "link": said, **found, **facts_of(engine, avatar, source, options)}
            row["load"] = load
            print(json.dumps({key: value for key, value in row.items() if key != "machine"}), flush=True)
            rows.keep(options.results, "live", [row], KEY)
