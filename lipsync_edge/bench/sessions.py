"""What a machine holds side by side: runs, speaking live sessions and idle ones, with frames a second and memory."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2

from lipsync_edge.audio.reader import read_audio
from lipsync_edge.audio.resample import to_int16
from lipsync_edge.bench.live_sessions import QUALITY, SessionsCost, cost_of, most_held
from lipsync_edge.bench.measure import make_clip
from lipsync_edge.bench.runs import RunsCost, side_by_side
from lipsync_edge.bench.worker import Job
from lipsync_edge.demo import demo_files
from lipsync_edge.engine import load_engine
from lipsync_edge.machine import this_machine
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.video.still_image import read_image

RATE, FPS = 16_000, 25
MOST_IDLE, MOST_SPEAKING = 128, 32
MORE = 1.05  # times the frames a second that further runs must give


def count_sessions(options: EngineOptions, seconds: float, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure runs side by side, then live sessions, of the package's own face in 1280x720.

    Args:
        options: of every engine.
        seconds: of each measurement, about.
        tell: called before each.

    Returns:
        `machine`; `runs`, rows of `RunsCost`; `speaking` and `idle`, each `held` and `too_many`, rows of
        `SessionsCost` or None; `best_runs`, how many runs to start.
    """
    machine = this_machine()
    face, audio = demo_files()
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(read_image(face), Path(folder) / "face.mp4")
        job = Job(
            preset=str(options.preset),
            device=options.device,
            precision=options.precision,
            threads=options.threads,
            models=str(options.models) if options.models else None,
            face=str(clip),
            audio=str(audio),
            seconds=seconds,
            began=time.time(),
        )
        counts = sorted({1, 2, machine.cores, machine.cores + 1})
        runs = side_by_side(job, counts, machine.cores, tell)
        stream = _stream(options, clip)
    sound = to_int16(read_audio(audio, RATE))
    found: dict[str, Any] = {
        "machine": asdict(machine),
        "preset": job.preset,
        "runs": [asdict(one) for one in runs],
        "best_runs": best_of(runs),
    }
    for state, said, most in (("speaking", sound, MOST_SPEAKING), ("idle", None, MOST_IDLE)):

        def measure(count: int, state: str = state, said: Any = said) -> SessionsCost:
            tell(f"{count} {state}")
            return cost_of(count, stream, said, seconds)

        held, over = most_held(measure, most)
        found[state] = {"held": held and asdict(held), "too_many": over and asdict(over)}
    return found


def _stream(options: EngineOptions, clip: Path) -> Stream:
    """Open a stream whose idle pictures were all made once, as those of a kiosk are after a while."""
    cv2.setNumThreads(1)
    engine = load_engine(EngineOptions(**{**_fields(options), "threads": 1}))
    avatar = engine.prepare(clip)
    stream = engine.stream(avatar, sample_rate=RATE, fps=FPS)
    for frame in stream.idle(4 * len(avatar)):
        frame.picture.jpeg(QUALITY)
    return stream


def _fields(options: EngineOptions) -> dict[str, Any]:
    names = ("preset", "device", "precision", "models")
    return {name: getattr(options, name) for name in names}


def best_of(runs: list[RunsCost]) -> int:
    """Return the fewest runs beyond which more give nothing worth having."""
    most = max(one.fps for one in runs)
    return min(one.runs for one in runs if one.fps * MORE >= most)


def text(found: dict[str, Any]) -> str:
    """Return what the terminal shows."""
    machine = found["machine"]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, load {machine['load']}, {found['preset']}, 1280x720"
    ]
    for one in found["runs"]:
        memory = "" if one["mb_each"] is None else f", {one['mb_each']:.0f} MB each"
        lines.append(f"{one['runs']} × run: {one['fps']:.1f} fps in all{memory}")
    lines.append(f"most frames a second for their memory: {found['best_runs']} at once")
    for state in ("speaking", "idle"):
        held, over = found[state]["held"], found[state]["too_many"]
        said = "not one" if held is None else _said(held)
        more = "" if over is None else f"; {over['sessions']} lose {over['lost']:.0%} of their pictures"
        lines.append(f"live sessions, {state}: {said}{more}")
    return "\n".join(lines)


def _said(held: dict[str, Any]) -> str:
    return (
        f"{held['sessions']} at {FPS} fps, {held['busy_cores']:.1f} cores busy, {held['mb_each']:.0f} MB and "
        f"{held['mbit_s_each']:.0f} Mbit/s each"
    )
