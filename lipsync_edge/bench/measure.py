"""Which configurations there are, and each of them measured."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lipsync_edge.bench.worker import Job
from lipsync_edge.errors import ModelError
from lipsync_edge.models.device_probe import probe_devices
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.models.preset import load_preset, preset_names
from lipsync_edge.models.registry import find_model
from lipsync_edge.types import U8

WIDTH, HEIGHT, FPS = 1280, 720, Fraction(25)
CLIP_S = 2.0
MOST_S = 600.0  # one configuration
PRECISIONS = ("int8", "fp16", "fp32")  # in the order in which they are measured
# what `bench --quick` is told
QUICK: dict[str, Any] = {"precisions": ("int8",), "seconds": 2.0, "budget_s": 10.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured.

    Attributes:
        presets: names; empty for every preset whose models are there.
        devices: names; empty for every device that really runs here.
        precisions: those to try.
        seconds: length of the made video.
        budget_s: no configuration is begun after so many seconds; None for all of them.
        threads: of one network call, or None.
        models: the user's models.
    """

    presets: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    precisions: tuple[str, ...] = PRECISIONS
    seconds: float = 10.0
    budget_s: float | None = None
    threads: int | None = None
    models: Path | None = None

    def __post_init__(self) -> None:
        """Refuse names that do not exist, before the first is measured."""
        for preset in self.presets:
            load_preset(preset)
        for device in self.devices:
            EngineOptions(device=device)
        for precision in self.precisions:
            EngineOptions(precision=precision)


def configurations(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Give preset, device and precision of everything whose files are there, the bundled presets first."""
    devices = plan.devices or tuple(one.name for one in probe_devices() if one.works)
    presets = plan.presets or tuple(
        sorted(preset_names(), key=lambda name: (name not in ("lite", "hq"), name != "lite"))
    )
    for preset in presets:
        for precision in plan.precisions:
            if not all(_there(name, precision, plan.models) for name in load_preset(preset).networks):
                continue
            for device in devices:
                yield preset, device, precision


def in_order(plan: Plan) -> list[tuple[str, str, str]]:
    """Return the configurations as they are measured: by preset, but where time may run out all presets a device."""
    found = list(configurations(plan))
    if plan.budget_s is None:
        return found
    devices = list(dict.fromkeys(device for _, device, _ in found))
    return sorted(found, key=lambda one: devices.index(one[1]))


def _there(name: str, precision: str, models: Path | None) -> bool:
    try:
        find_model(name, models=models, precision=precision)
    except ModelError:
        return False
    return True


def run_plan(plan: Plan, face: Path, audio: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure everything; return `rows`, and the `failed` and `skipped` configurations with the reason."""
    began = time.monotonic()
    rows: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    skipped: list[str] = []
    for preset, device, precision in in_order(plan):
        name = f"{preset} {device} {precision}"
        if plan.budget_s is not None and rows and time.monotonic() - began > plan.budget_s:
            skipped.append(name)
            continue
        tell(name)
        job = Job(
            preset=preset,
            device=device,
            precision=precision,
            threads=plan.threads,
            models=str(plan.models) if plan.models else None,
            face=str(face),
            audio=str(audio),
            seconds=plan.seconds,
            began=time.time(),
        )
        row = in_process(job)
        if "error" in row:
            failed.append({"configuration": name, "why": row["error"]})
        else:
            rows.append(row | {"asked_device": device})
    return {"rows": rows, "failed": failed, "skipped": skipped}


def in_process(job: Job) -> dict[str, Any]:
    """Measure one configuration in a fresh process: cold start and memory are its own, a crash is a row."""
    command = [sys.executable, "-m", "lipsync_edge.bench.worker", json.dumps(asdict(job))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_S, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"took longer than {MOST_S:.0f} s"}
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [""]
        return {"error": f"ended with code {done.returncode}: {last[0]}"}
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def make_clip(picture_bgr: U8, out: Path) -> Path:
    """Write a 1280x720 clip, 25 fps, in which a face's picture, uint8 (H, W, 3), moves, turns and grows a little."""
    from lipsync_edge.video.writer import VideoFormat, VideoWriter

    height, width = picture_bgr.shape[:2]
    back = np.asarray(
        cv2.GaussianBlur(cv2.resize(picture_bgr, (WIDTH // 8, HEIGHT // 8)), (0, 0), 4), np.uint8
    )
    wall = cv2.resize(back, (WIDTH, HEIGHT))
    with VideoWriter(out, VideoFormat(width=WIDTH, height=HEIGHT, fps=FPS, time_base=1 / FPS)) as writer:
        for i in range(round(CLIP_S * FPS)):
            t = 2 * np.pi * i / float(CLIP_S * FPS)
            scale = HEIGHT / height * (1 + 0.03 * np.sin(t))
            matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 3 * np.sin(t), scale)
            matrix[:, 2] += (WIDTH / 2 - width / 2 + 25 * np.sin(2 * t), HEIGHT / 2 - height / 2)
            frame = wall.copy()
            cv2.warpAffine(picture_bgr, matrix, (WIDTH, HEIGHT), dst=frame, borderMode=cv2.BORDER_TRANSPARENT)
            writer.write(np.asarray(frame, np.uint8), i / FPS)
    return out
