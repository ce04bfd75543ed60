"""The paper's Table 2 on the evaluation clips: `python -m benchmarks.table2 --clips DIR [--models DIR]`.

Every preset whose models are there makes each clip with its own sound (self), with the next clip's sound (cross), and
as a control with its own sound shuffled in pieces of 0.4 s (shuffled): the control must be worse on every sync figure,
or the metric is wrong. SyncNet, a scorer, is no row. Figures are means over clips; one that needs a model which is not
there is absent and listed under `missing`. Sync figures of `self` and `shuffled` compare with the clip itself, those of
`cross` with the clip whose voice is heard. Writes benchmarks/results/table2.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from lipsync_edge.arrays import F32
from lipsync_edge.errors import LipsyncError, ModelError
from lipsync_edge.eval.evaluate import EvalOptions, Evaluation, evaluate
from lipsync_edge.job import RunOptions
from lipsync_edge.loading import load
from lipsync_edge.sound import read_audio

RESULTS = Path(__file__).parent / "results" / "table2.json"
PRESETS = ("wav2lip", "wav2lip-sr", "wav2lip-hq", "lite", "hq")
UNCERTAIN = ("portrait_1080x1920",)  # whose sound may not be the speaker's own
BETTER_HIGH = ("lse_c", "opening_r")  # a control must be lower
BETTER_LOW = ("lse_d",)  # a control must be higher
RATE, PIECE = 16_000, 6_400


def shuffled(samples: F32, seed: int = 0) -> F32:
    """Return a sound, float32 (n,), 16 kHz, with its pieces of 0.4 s in another order; a piece never stays."""
    pieces = [samples[i : i + PIECE] for i in range(0, len(samples), PIECE)]
    if len(pieces) < 2:
        return samples[::-1].copy()
    order = np.random.default_rng(seed).permutation(len(pieces))
    moved = np.empty(len(pieces), int)
    moved[order] = np.roll(order, 1)  # one cycle: no piece keeps its place
    return np.concatenate([pieces[i] for i in moved])


def means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each figure over the clips that have it; figures that are infinite are left out."""
    names = sorted({name for row in rows for name in row})
    values = {name: [row[name] for row in rows if name in row and np.isfinite(row[name])] for name in names}
    return {name: round(float(np.mean(got)), 4) for name, got in values.items() if got}


def control_verdict(own: dict[str, float], control: dict[str, float]) -> dict[str, bool]:
    """Say of each sync figure that both have whether the control is worse."""
    both = [name for name in (*BETTER_HIGH, *BETTER_LOW) if name in own and name in control]
    return {name: (own[name] > control[name]) == (name in BETTER_HIGH) for name in both}


def one_preset(
    name: str, clips: list[Path], models: Path | None, folder: Path, seconds: float
) -> dict[str, Any]:
    """Make and judge every clip three ways with one preset."""
    engine = load(preset=name, models=models)
    found: dict[str, list[Evaluation]] = {"self": [], "cross": [], "shuffled": []}
    for clip, other in zip(clips, clips[1:] + clips[:1], strict=True):
        voice = read_audio(clip)[: round(seconds * RATE)]
        soundfile.write(str(folder / "own.wav"), voice, RATE)
        soundfile.write(str(folder / "shuffled.wav"), shuffled(voice), RATE)
        soundfile.write(str(folder / "other.wav"), read_audio(other)[: round(seconds * RATE)], RATE)
        ways = {"self": ("own", None), "cross": ("other", other), "shuffled": ("shuffled", None)}
        for way, (sound, speaker) in ways.items():
            out = folder / f"{way}.mkv"
            audio = folder / f"{sound}.wav"
            engine.run(clip, audio, out, options=RunOptions(end=seconds, loop="cut"))
            found[way].append(
                evaluate(
                    EvalOptions(
                        generated=out, reference=clip, speaker=speaker, models=models, seconds=seconds
                    )
                )
            )
            print(f"{name} {clip.name} {way}", flush=True)
    figures = {way: means([one.metrics for one in every]) for way, every in found.items()}
    lacking = {metric: why for one in found["self"] for metric, why in one.missing.items()}
    return {
        "preset": name,
        "clips": len(clips),
        **figures,
        "control_is_worse": control_verdict(figures["self"], figures["shuffled"]),
        "missing": {metric: why for metric, why in lacking.items() if metric not in figures["self"]},
    }


def main() -> None:
    """Fill the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS))
    parser.add_argument("--names", nargs="+", help="only these clips")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    clips = sorted(p for p in arguments.clips.iterdir() if p.suffix in (".mp4", ".mkv", ".mpg"))
    clips = [
        p for p in clips if p.stem not in UNCERTAIN and (not arguments.names or p.name in arguments.names)
    ]
    if len(clips) < 2:
        raise SystemExit(f"expected at least two clips in {arguments.clips}; got {len(clips)}")
    rows: list[dict[str, Any]] = []
    absent: dict[str, str] = {}
    for name in arguments.presets:
        with tempfile.TemporaryDirectory() as folder:
            try:
                rows.append(one_preset(name, clips, arguments.models, Path(folder), arguments.seconds))
            except ModelError as error:
                absent[name] = str(error)
            except LipsyncError as error:
                raise SystemExit(f"{name}: {error}") from error
    table = {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "clips": [clip.name for clip in clips],
        "seconds": arguments.seconds,
        "load": round(os.getloadavg()[0], 2),
        "rows": rows,
        "absent": absent,
    }
    arguments.out.write_text(json.dumps(table, indent=1) + "\n")
    wrong = [f"{row['preset']} {m}" for row in rows for m, ok in row["control_is_worse"].items() if not ok]
    print(f"{arguments.out.name}: {len(rows)} presets; absent: {', '.join(absent) or 'none'}")
    if wrong:
        raise SystemExit(f"the control is not worse: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
