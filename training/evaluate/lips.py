"""Figures of the bundled lips on people who were never trained on, presets lite and hq, controls beside.

    python -m training evaluate.lips

Per clip, into benchmarks/results/lips_figures.json: (a) the mouth made anew from another moment of the same clip,
beside copying that moment and beside a wrong voice; (b) the offset that our sync expert finds on dubbed faces, beside
moved and wrong voices; (c) sharpness; (d) identity; (e) flicker. The worst clips are named. About five minutes on
one core; needs the sync expert of `training.sync_expert.train`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lipsync_edge.audio.mel import mel_spectrogram
from lipsync_edge.engine import Engine, load
from training.cli import WORK, command, parse
from training.data.sounds import read_sound
from training.evaluate.dubbing import FACES, VOICES, there_and_back
from training.evaluate.dubs import dub, flicker_row, identity_row, sharpness_row, sync_row
from training.evaluate.own_mouth import own_row, read_talking
from training.evaluate.sync_expert import NO_OWN_SOUND, OffsetEstimator

PRESETS = ("lite", "hq")
PICTURED = 2  # voices of each face on which pictures are measured; offsets are measured on all
Row = dict[str, Any]


def own_figures(engine: Engine, corpus: Path, labels: Path, seconds: float, count: int) -> list[Row]:
    """Return (a), one row a clip."""
    paths = sorted(p for p in (corpus / "eval").iterdir() if NO_OWN_SOUND not in p.name and p.suffix != ".md")
    sounds = [read_sound(path)[: int((seconds + 1) * 16_000)] for path in paths]
    rows = []
    for k, path in enumerate(paths):
        clip = read_talking(engine, path, labels, seconds)
        long_enough = [s for s in sounds[k + 1 :] + sounds[:k] if len(s) >= len(clip.frames) / 30 * 16_000]
        row = own_row(engine, clip, (long_enough or sounds[k - 1 :])[0], count)
        if row is not None:
            rows.append(row)
            print(*row.values(), flush=True)
    return rows


def dub_figures(engine: Engine, estimator: OffsetEstimator, corpus: Path, seconds: float) -> list[Row]:
    """Return (b) to (e), one row for each face and voice."""
    voices = {name: read_sound(corpus / "eval" / name)[: int(seconds * 16_000)] for name in VOICES}
    mels = {name: mel_spectrogram(samples) for name, samples in voices.items()}
    faces = {name: there_and_back(engine, corpus / "eval" / name, seconds) for name in FACES}
    rows = []
    for number, (face, frames) in enumerate(faces.items()):
        others = [name for name in VOICES if name != face]
        stranger = faces[FACES[(number + 1) % len(FACES)]][0]
        for k, voice in enumerate(others):
            result = dub(engine, frames, voices[voice])
            wrong = mels[others[(k + 3) % len(others)]]
            row: Row = {"face": face, "voice": voice, **sync_row(estimator, result, mels[voice], wrong)}
            if k % (len(others) // PICTURED) == 0:
                pictures = (
                    sharpness_row(result) | identity_row(engine, result, stranger) | flicker_row(result)
                )
                row |= {key: round(value, 4) for key, value in pictures.items()}
            rows.append(row)
            print(*row.values(), flush=True)
    return rows


def mean(rows: list[Row], key: str) -> float:
    """Return the mean of a column over the rows that have it."""
    return round(float(np.nanmean([row[key] for row in rows if key in row])), 4)


def share(rows: list[Row], key: str) -> float:
    """Return the share of rows whose offset is within one frame."""
    return round(float(np.mean([abs(row[key]) <= 1 for row in rows])), 3)


def summary(own: list[Row], dubs: list[Row]) -> Row:
    """Return the figures of the table and the worst of each."""
    pictured = [row for row in dubs if "sharpness" in row]
    columns = [key for key in own[0] if key.startswith(("psnr", "ssim"))]
    by_face, by_voice = (
        {
            name: share([r for r in dubs if r[who] == name], "offset")
            for name in dict.fromkeys(r[who] for r in dubs)
        }
        for who in ("face", "voice")
    )
    worst = {
        "psnr": min(own, key=lambda r: r["psnr_made"])["clip"],
        "least_gain_over_copy": min(own, key=lambda r: r["psnr_made"] - r["psnr_copy"])["clip"],
        "sharpness": min(pictured, key=lambda r: r["sharpness"])["face"],
        "texture": max(pictured, key=lambda r: r["texture"])["face"],
        "flicker": max(pictured, key=lambda r: r["flicker"] - r["flicker_source"])["face"],
        "offset_face": min(by_face, key=lambda k: by_face[k]),
        "offset_voice": min(by_voice, key=lambda k: by_voice[k]),
    }
    keys = ("sharpness", "sharpness_changed", "texture", "texture_second_later", "texture_stranger")
    return {
        **{key: mean(own, key) for key in columns},
        "offset_within_one": share(dubs, "offset"),
        "wrong_voice_within_one": share(dubs, "wrong_offset"),
        "moved_found_as_moved": mean(dubs, "found_when_moved"),
        "confidence": mean(dubs, "confidence"),
        "wrong_confidence": mean(dubs, "wrong_confidence"),
        **{key: mean(pictured, key) for key in (*keys, "flicker", "flicker_source")},
        "outside_mask": max(row["outside_mask"] for row in pictured),
        "beyond_mask": max(row["beyond_mask"] for row in pictured),
        "offset_by_face": by_face,
        "offset_by_voice": by_voice,
        "worst": worst,
    }


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(
        __name__, __doc__, "corpus", "labels", "models", out=Path("benchmarks/results/lips_figures.json")
    )
    parser.add_argument("--expert", type=Path, default=WORK / "sync")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS))
    parser.add_argument("--seconds", type=float, default=8.0, help="of each voice and clip, at most")
    parser.add_argument("--frames", type=int, default=20, help="targets of each clip")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    options = parse(arguments(), argv)
    estimator, result = OffsetEstimator(options.expert), {}
    for preset in options.presets:
        began = time.monotonic()
        engine = load(
            preset=preset, device="cpu", precision=options.precision, threads=1, models=options.models
        )
        own = own_figures(engine, options.corpus, options.labels, max(options.seconds, 3), options.frames)
        dubs = dub_figures(engine, estimator, options.corpus, options.seconds)
        figures = summary(own, dubs)
        result[preset] = {"seconds": options.seconds, "summary": figures, "own": own, "dubs": dubs}
        print(preset, f"{time.monotonic() - began:.0f} s", json.dumps(figures, indent=1), flush=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
