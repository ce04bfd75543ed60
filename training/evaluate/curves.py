"""Draw the logs of training runs as curves.

python -m training evaluate.curves .train/detect .train/segment -o curves.png
python -m training evaluate.curves .train/lips/audio_encoder .train/lips/mouth_renderer -o curves.png
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from training.cli import command, parse

LOGGED = 100  # steps between two lines of a log
ACROSS = 2  # panels beside one another


def read_log(folder: Path) -> dict[str, list[float]]:
    """Read `log.jsonl`: a new cycle goes on where the last one ended; what was done again after a stop counts once."""
    rows: list[dict[str, float]] = []
    offset = 0.0
    for line in (folder / "log.jsonl").read_text().splitlines():
        row = json.loads(line)
        if rows and row["step"] + offset <= rows[-1]["step"]:
            if row["step"] <= LOGGED:
                offset = rows[-1]["step"]
            rows = [one for one in rows if one["step"] < row["step"] + offset]
        rows.append({**row, "step": row["step"] + offset})
    return {key: [row[key] for row in rows if key in row] for key in rows[-1]}


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--titles", nargs="*", default=[], help="of the folders; their names without")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Draw from the command line."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    options = parse(arguments(), argv)
    down = -(-len(options.folders) // ACROSS)
    across = min(len(options.folders), ACROSS)
    figure, panels = plt.subplots(down, across, figsize=(6.0 * across, 3.4 * down), squeeze=False)
    colours = plt.get_cmap("tab20").colors  # type: ignore[attr-defined]
    titles = options.titles or [folder.name for folder in options.folders]
    for panel, folder, title in zip(panels.flat, options.folders, titles, strict=False):
        log = read_log(folder)
        panel.set_prop_cycle(color=colours)
        for key, values in log.items():
            if key not in ("step", "seconds", "rate"):
                panel.plot(log["step"][-len(values) :], values, label=key, linewidth=1)
        panel.set(title=title, xlabel="step", yscale="log")
        panel.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    figure.tight_layout()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out, dpi=100)
