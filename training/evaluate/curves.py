"""Draw the logs of training runs as curves.

python -m export.train.curves .train/detect .train/segment -o curves.png
python -m export.train.curves .train/lips/ear .train/lips/hand --titles "the ear" "the hand" -o curves.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

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


def main(argv: list[str] | None = None) -> None:
    """Draw from the command line."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--titles", nargs="*", default=[], help="of the folders; their names without")
    args = parser.parse_args(argv)
    down = -(-len(args.folders) // ACROSS)
    across = min(len(args.folders), ACROSS)
    figure, panels = plt.subplots(down, across, figsize=(6.0 * across, 3.4 * down), squeeze=False)
    colours = plt.get_cmap("tab20").colors  # type: ignore[attr-defined]
    titles = args.titles or [folder.name for folder in args.folders]
    for panel, folder, title in zip(panels.flat, args.folders, titles, strict=False):
        log = read_log(folder)
        panel.set_prop_cycle(color=colours)
        for key, values in log.items():
            if key not in ("step", "seconds", "rate"):
                panel.plot(log["step"][-len(values) :], values, label=key, linewidth=1)
        panel.set(title=title, xlabel="step", yscale="log")
        panel.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    figure.tight_layout()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out, dpi=100)


if __name__ == "__main__":
    main()
