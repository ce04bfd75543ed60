"""Measure `lipsync-edge run` as a person meets it: a process, from its start to the finished file.

    python benchmarks/bench_run.py [--corpus DIR] [--seconds 60] [--preset lite] [--threads N] [-- MORE OPTIONS OF run]

Without --face and --audio it makes its own 1280x720 clip at 25 fps out of an evaluation clip of the corpus (the
speaker in the middle, the sides filled with a blurred copy) and drives it with another person's voice, so that the
video is played back and forth. Adds one JSON row to benchmarks/results/run.json.

`fps` is output frames over wall-clock seconds, start of Python and loading of the models included; `fps_run` is what
the program says of itself, without its start. On a machine that does other work both are too low: `load` is its load
average at the start, and `cpu_ms` the processor time (all threads) of one frame, which other work changes less; `cores`
over it is the rate that an idle machine could reach at best.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile

from lipsync_edge.audio.reader import read_audio
from lipsync_edge.types import U8
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.writer import VideoFormat, VideoWriter

RESULTS = Path(__file__).parent / "results" / "run.json"
CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
CLIP, VOICE = "talk_b.mp4", "interview_a.mp4"  # evaluation clips
WIDTH, HEIGHT, FPS = 1280, 720, Fraction(25)
RUN = "from lipsync_edge.cli.main import main; main()"


def widescreen(picture: U8) -> U8:
    """Put a picture, uint8 (H, W, 3), into the middle of a 1280x720 frame, its own blurred copy at the sides."""
    scale = HEIGHT / picture.shape[0]
    inner = cv2.resize(picture, (round(picture.shape[1] * scale), HEIGHT), interpolation=cv2.INTER_CUBIC)
    outer = cv2.GaussianBlur(cv2.resize(picture, (WIDTH // 8, HEIGHT // 8)), (0, 0), 3)
    frame = cv2.resize(outer, (WIDTH, HEIGHT))
    left = (WIDTH - inner.shape[1]) // 2
    frame[:, left : left + inner.shape[1]] = inner
    return np.asarray(frame, np.uint8)


def make_face(source: Path, out: Path) -> Path:
    """Write the 1280x720 clip, as long as its source."""
    what = VideoFormat(width=WIDTH, height=HEIGHT, fps=FPS, time_base=1 / FPS)
    with VideoWriter(out, what) as writer:
        for i, frame in enumerate(VideoReader(source)):
            writer.write(widescreen(frame.image_bgr), i / FPS)
    return out


def make_speech(source: Path, out: Path, seconds: float) -> Path:
    """Write a voice, repeated until it is `seconds` long, 16 kHz."""
    voice = read_audio(source)
    soundfile.write(str(out), np.resize(voice, round(seconds * 16_000)), 16_000)
    return out


def measure(command: list[str], report: Path) -> dict[str, Any]:
    """Run a process and return its wall-clock and processor seconds, its peak memory and its own report."""
    began = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the run ended with code {process.returncode}")
    return {
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,  # kilobytes on Linux
        "report": json.loads(report.read_text()),
    }


def row_of(measured: dict[str, Any], arguments: argparse.Namespace, load: float) -> dict[str, Any]:
    """Join what was measured into one flat row."""
    report = measured["report"]
    frames = report["frames"]
    return {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "preset": report["preset"],
        "options": arguments.options,
        "face": arguments.face.name if arguments.face else f"{arguments.clip} in {WIDTH}x{HEIGHT}",
        "size": f"{report['width']}x{report['height']}",
        "frames": frames,
        "frames_without_face": report["frames_without_face"],
        "fps": round(frames / measured["wall_s"], 2),
        "fps_run": round(frames / report["elapsed_s"], 2),
        "cpu_ms": round(1000 * measured["cpu_s"] / frames, 2),
        "peak_mb": round(measured["peak_mb"], 1),
        "stage_ms": {
            stage: round(1000 * seconds / frames, 2) for stage, seconds in report["stage_s"].items()
        },
        "devices": report["devices"],
        "precisions": report["precisions"],
        "cores": len(os.sched_getaffinity(0)),
        "load": round(load, 2),
        "note": arguments.note,
    }


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--clip", default=CLIP, help="evaluation clip that the face is made of")
    parser.add_argument("--voice", default=VOICE, help="evaluation clip that speaks")
    parser.add_argument("--face", type=Path, help="your own video instead")
    parser.add_argument("--audio", type=Path, help="your own speech instead")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--preset", default="lite")
    parser.add_argument(
        "--note", default="", help="what a reader should know, e.g. that the process had priority"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("options", nargs="*", help="more options of `run`, after --")
    return parser.parse_args()


def main() -> None:
    """Make the clip, run, measure, add a row."""
    arguments = parse()
    clips = arguments.corpus / "eval"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        face = arguments.face or make_face(clips / arguments.clip, folder / "face.mp4")
        audio = arguments.audio or make_speech(
            clips / arguments.voice, folder / "voice.wav", arguments.seconds
        )
        report = folder / "report.json"
        command = [
            sys.executable,
            "-c",
            RUN,
            "run",
            str(face),
            str(audio),
            "-o",
            str(folder / "out.mp4"),
            "--quiet",
        ]
        command += ["--preset", arguments.preset, "--report", str(report), *arguments.options]
        load = os.getloadavg()[0]
        row = row_of(measure(command, report), arguments, load)
    print(json.dumps(row, indent=1))
    rows = json.loads(arguments.out.read_text()) if arguments.out.is_file() else []
    arguments.out.write_text(json.dumps([*rows, row], indent=1) + "\n")


if __name__ == "__main__":
    main()
