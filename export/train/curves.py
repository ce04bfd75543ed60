"""Draw the logs of training runs as curves.

python -m export.train.curves .train/detect .train/segment -o curves.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def read_log(folder: Path) -> dict[str, list[float]]:
    """Read `log.jsonl`; a step that falls back (a new cycle) goes on where the last one ended."""
    columns: dict[str, list[float]] = {}
    offset = last = 0.0
    for line in (folder / "log.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["step"] < last:
            offset += last
        last = row["step"]
        row["step"] += offset
        for key, value in row.items():
            columns.setdefault(key, []).append(value)
    return columns


def main(argv: list[str] | None = None) -> None:
    """Draw from the command line."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args(argv)
    figure, panels = plt.subplots(1, len(args.folders), figsize=(4.5 * len(args.folders), 3.2), squeeze=False)
    for panel, folder in zip(panels[0], args.folders, strict=True):
        log = read_log(folder)
        for key, values in log.items():
            if key not in ("step", "seconds", "rate"):
                panel.plot(log["step"], values, label=key, linewidth=1)
        panel.set(title=folder.name, xlabel="step", yscale="log")
        panel.legend(fontsize=7)
    figure.tight_layout()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out, dpi=100)


if __name__ == "__main__":
    main()
