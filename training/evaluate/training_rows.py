"""Count what was trained on and for how long, for the model cards.

    python -m training evaluate.training_rows --lips .train/lips [--before DIR …]

Reads the labels, the corpus's own list of sources and the logs of the trainings, also of those that taught the lips or
that they began from (`--before`); writes benchmarks/results/training.json.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.cli import WORK, command, parse
from training.data.voices import load_voices

Row = dict[str, Any]
LOGGED = 100  # steps between two lines of a log


def log_row(folder: Path) -> Row:
    """Return steps and minutes of a training folder, all its cycles together, and the last losses.

    A cycle begins where the steps begin anew; where they only fall back, a run went on from its last checkpoint.
    """
    steps, seconds = [0], [0.0]
    row: Row = {"step": 0, "seconds": 0.0}
    for line in (folder / "log.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["step"] < steps[-1] and row["step"] <= LOGGED:
            steps.append(0)
            seconds.append(0.0)
        steps[-1], seconds[-1] = row["step"], row["seconds"]
    losses = {key: round(value, 5) for key, value in row.items() if key not in ("step", "seconds", "rate")}
    return {
        "steps": sum(steps),
        "minutes": round(sum(seconds) / 60, 1),
        "cycles": len(steps),
        "losses": losses,
    }


def lips_folders(lips: Path, before: Sequence[Path]) -> dict[str, Path]:
    """Name every training of the two halves: `audio encoder`, `audio encoder before 1` and so on."""
    named = {"audio encoder": lips / "audio_encoder", "mouth renderer": lips / "mouth_renderer"}
    count: Counter[str] = Counter()
    for folder in before:
        part = "mouth renderer" if folder.name.startswith("mouth_renderer") else "audio encoder"
        count[part] += 1
        named[f"{part} before {count[part]}"] = folder
    return named


def clips_row(labels: Path) -> Row:
    """Return people, clips, frames and minutes of the training clips."""
    with np.load(labels / "train.npz") as data:
        clip, time, paths = data["clip"], data["time"], [str(p) for p in data["paths"]]
        found = int((data["score"] > 0.9).sum())
    people = Counter(path.split("/")[1] for path in paths)
    seconds = sum(float(time[clip == i].max()) + 0.04 for i in range(len(paths)))
    return {
        "people": len(people),
        "clips": len(paths),
        "frames": found,
        "minutes": round(seconds / 60, 1),
        "clips_by_person": dict(people.most_common()),
    }


def stills_row(corpus: Path, labels: Path) -> Row:
    """Return how many stills there are under which licence, and in how many a face was labelled."""
    with (corpus / "faces" / "SOURCES.tsv").open(newline="") as file:
        by = Counter(row["licence"] for row in csv.DictReader(file, delimiter="\t"))
    with np.load(labels / "faces.npz") as data:
        found = int((data["score"] > 0.9).sum())
    return {"stills": by.total(), "labelled": found, "by_licence": dict(by.most_common())}


def voices_row(folder: Path) -> Row:
    """Return how many other voices say the sentences of the clips."""
    counts = [len(load_voices(path)) for path in sorted(folder.rglob("*.npz"))]
    return {"clips": len(counts), "voices": sum(counts)}


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(
        __name__, __doc__, "corpus", "labels", "voices", out=Path("benchmarks/results/training.json")
    )
    parser.add_argument(
        "--trained", type=Path, default=WORK, help="detect/, segment/, landmarks/, enhance/, identity/, sync/"
    )
    parser.add_argument("--lips", type=Path, default=WORK / "lips", help="audio_encoder/ and mouth_renderer/")
    parser.add_argument(
        "--before",
        type=Path,
        nargs="*",
        default=[],
        help="folders of weights that taught, or that it began from",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Count from the command line."""
    options = parse(arguments(), argv)
    folders = {
        "edge_detect": {"detect": options.trained / "detect"},
        "edge_segment": {"segment": options.trained / "segment"},
        "edge_landmarks": {"landmarks": options.trained / "landmarks"},
        "edge_lips": lips_folders(options.lips, options.before),
        "edge_enhance": {"enhance": options.trained / "enhance"},
        "edge_identity": {"identity": options.trained / "identity"},
        "sync_expert": {"sync_expert": options.trained / "sync"},
    }
    result = {
        "clips": clips_row(options.labels),
        "stills": stills_row(options.corpus, options.labels),
        "other_voices": voices_row(options.voices),
        "runs": {
            name: {
                part: log_row(folder) for part, folder in parts.items() if (folder / "log.jsonl").is_file()
            }
            for name, parts in folders.items()
        },
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["runs"]))
