"""The paper's Table 2 on the evaluation clips: `python -m benchmarks table2 --corpus DIR [--models DIR]`.

Clips are those of DIR/eval; of each the stretch in which most is said is taken. Every preset whose models are there
makes it with

- its own sound (`self`) and, as a control, its own sound shuffled in pieces of 0.4 s (`shuffled`);
- the next clip's sound (`cross`) and that sound shuffled (`cross_shuffled`);
- the next clip's sound on a still, its first frame (`still`), and that sound shuffled (`still_shuffled`).

A control must be worse on every sync figure, or the metric is wrong: it is judged against the sound and the speaker as
they really were. In `self` the source's own mouth is the speaker's, so that what shows through of it helps, in the
control as well; in `cross` it is somebody else's (`source_r` says how much of it is left); a still has no motion of
its own. SyncNet, a scorer, is no row. Figures are means over clips; one that needs a model which is not there is
absent and listed under `missing`. Rows: table2.json.

`--untrained DIR` (of `python -m benchmarks reference untrained`) lets presets whose trained networks are not there run
for a moment on made-up numbers: how long it takes, and that it runs. Their pictures are judged by nobody.
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import rows as kept
from benchmarks.process import load_now
from benchmarks.table2.clips import LEAST_SPEECH, Stretch, shuffled, stretch, write_sound
from benchmarks.table2.untrained import MADE_UP, plumbing
from lipsync_edge.engine import Engine, load
from lipsync_edge.errors import ModelError, NoFaceError
from lipsync_edge.eval.evaluate import EvalOptions, Evaluation, evaluate
from lipsync_edge.pipeline.run_options import RunOptions

PRESETS = ("wav2lip", "wav2lip-sr", "wav2lip-hq", "lite", "hq")
UNCERTAIN = ("portrait_1080x1920",)  # whose sound may not be the speaker's own
BETTER_HIGH = ("lse_c", "opening_r")  # a control must be lower
BETTER_LOW = ("lse_d",)  # a control must be higher
CONTROLS = {"self": "shuffled", "cross": "cross_shuffled", "still": "still_shuffled"}
WAYS = tuple(way for pair in CONTROLS.items() for way in pair)
OF_EACH = ("opening_r", "source_r", "chance_r", "voice_r", "lse_d", "lse_c")


def means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each figure over the clips that have it; figures that are infinite are left out."""
    names = sorted({name for row in rows for name in row})
    values = {name: [row[name] for row in rows if name in row and np.isfinite(row[name])] for name in names}
    return {name: round(float(np.mean(got)), 4) for name, got in values.items() if got}


def control_verdict(own: dict[str, float], control: dict[str, float]) -> dict[str, bool]:
    """Say of each sync figure that both have whether the control is worse."""
    both = [name for name in (*BETTER_HIGH, *BETTER_LOW) if name in own and name in control]
    return {name: (own[name] > control[name]) == (name in BETTER_HIGH) for name in both}


def one_way(
    engine: Engine, way: str, part: Stretch, other: Stretch, folder: Path, options: argparse.Namespace
) -> Evaluation:
    """Make one stretch in one way and judge it."""
    still, speaker = way.startswith("still"), part if CONTROLS["self"] == way or way == "self" else other
    heard = shuffled(speaker.voice) if way.endswith("shuffled") else speaker.voice
    sound, true = write_sound(heard, folder / "heard.wav"), write_sound(speaker.voice, folder / "true.wav")
    made = folder / "made.mkv"
    what = RunOptions(end=len(part.voice) / 16_000, loop="cut")
    engine.run(part.still if still else part.video, sound, made, options=what)
    return evaluate(
        EvalOptions(
            generated=made,
            reference=None if still else part.video,
            speaker=None if speaker is part else speaker.video,
            audio=true,
            models=options.models,
            seconds=options.seconds,
            every=options.every,
        )
    )


def one_preset(name: str, parts: list[Stretch], folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Make and judge every stretch in every way with one preset."""
    engine = load(preset=name, models=options.models)
    folder = folder / name
    folder.mkdir()
    found: dict[str, dict[str, Evaluation]] = {way: {} for way in WAYS}
    skipped: dict[str, str] = {}
    for part, other in zip(parts, parts[1:] + parts[:1], strict=True):
        for way in WAYS:
            try:
                found[way][part.name] = one_way(engine, way, part, other, folder, options)
            except NoFaceError as error:
                skipped[f"{part.name} {way}"] = str(error)
        print(f"{name} {part.name}", flush=True)
    figures = {way: means([one.metrics for one in every.values()]) for way, every in found.items()}
    lacking = {m: why for one in found["cross"].values() for m, why in one.missing.items()}
    return {
        "preset": name,
        "clips": len(parts),
        **figures,
        "control_is_worse": {
            way: control_verdict(figures[way], figures[control]) for way, control in CONTROLS.items()
        },
        "each": {way: {clip: chosen(one) for clip, one in every.items()} for way, every in found.items()},
        "skipped": skipped,
        "missing": {metric: why for metric, why in lacking.items() if metric not in figures["cross"]},
    }


def chosen(one: Evaluation) -> dict[str, float]:
    """Return the sync figures of one clip."""
    return {name: round(one.metrics[name], 4) for name in OF_EACH if name in one.metrics}


def stretches(options: argparse.Namespace, folder: Path) -> tuple[list[Stretch], dict[str, str]]:
    """Cut the clips; returns those that can be used, and why others cannot."""
    folder_of_clips = options.corpus / "eval"
    clips = sorted(p for p in folder_of_clips.iterdir() if p.suffix in (".mp4", ".mkv", ".mpg"))
    clips = [p for p in clips if not options.names or p.name in options.names]
    left = {p.name: "the sound may not be the speaker's own" for p in clips if p.stem in UNCERTAIN}
    parts = [stretch(p, options.seconds, folder) for p in clips if p.stem not in UNCERTAIN]
    left |= {p.name: f"speech in {p.speech:.0%} of it" for p in parts if p.speech < LEAST_SPEECH}
    parts = [part for part in parts if part.speech >= LEAST_SPEECH]
    if len(parts) < 2:
        raise SystemExit(f"expected at least two clips with speech in {folder_of_clips}; got {len(parts)}")
    return parts, left


def judged(
    parts: list[Stretch], folder: Path, options: argparse.Namespace
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the rows, presets side by side in processes of their own, and which presets lack models and which."""
    rows: list[dict[str, Any]] = []
    absent: dict[str, str] = {}
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        waiting = {name: pool.submit(one_preset, name, parts, folder, options) for name in options.presets}
        for name, one in waiting.items():
            try:
                rows.append(one.result())
            except ModelError as error:
                absent[name] = f"needs {error.expected}"
    return rows, absent


def fill(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return the whole table."""
    origin, load_before = kept.stated(), load_now()
    parts, left = stretches(options, folder)
    rows, absent = judged(parts, folder, options)
    made_up = list(absent) if options.untrained else []
    untrained = [plumbing(name, parts[0], options.untrained, folder) for name in made_up]
    return {
        **origin,
        "clips": [part.name for part in parts],
        "from_second": {part.name: part.start for part in parts},
        "left_out": left,
        "seconds": options.seconds,
        "pictures_compared": f"every {options.every}. frame" if options.every > 1 else "every frame",
        "load": load_before,
        "rows": rows,
        "absent": absent,
        "untrained": untrained,
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the table."""
    parser.add_argument(
        "--corpus", type=Path, required=True, help="folder with eval/, two clips with speech or more"
    )
    parser.add_argument("--models", type=trained, help="your converted checkpoints")
    parser.add_argument("--untrained", type=Path, help="made-up numbers: speed and plumbing only")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS))
    parser.add_argument("--names", nargs="+", help="only these clips")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--every", type=int, default=5, help="compare pictures on every n-th frame")
    parser.add_argument("--jobs", type=int, default=2, help="presets at a time")


def trained(text: str) -> Path:
    """Return a folder of models; refuses made-up numbers."""
    if (Path(text) / MADE_UP).is_file():
        raise argparse.ArgumentTypeError(
            f"{text} holds made-up numbers, which are no result: give it as --untrained"
        )
    return Path(text)


def main(options: argparse.Namespace) -> None:
    """Fill the table; ends with an error when a control is not worse."""
    with tempfile.TemporaryDirectory() as folder:
        table = fill(options, Path(folder))
    path = kept.write(options.results, "table2", table)
    wrong = [
        f"{row['preset']} {way} {metric}"
        for row in table["rows"]
        for way, verdict in row["control_is_worse"].items()
        for metric, worse in verdict.items()
        if not worse
    ]
    print(f"{path.name}: {len(table['rows'])} presets; absent: {', '.join(table['absent']) or 'none'}")
    if wrong:
        raise SystemExit(f"the control is not worse: {', '.join(wrong)}")
