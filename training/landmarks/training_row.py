"""Enter how long the landmark network was trained into the counted trainings, for its card.

python -m training.landmarks.training_row --folder RUN
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from export.train.training_rows import log_row


def main(argv: list[str] | None = None) -> None:
    """Replace the entry of this network alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/training.json"))
    args = parser.parse_args(argv)
    result = json.loads(args.out.read_text())
    result["runs"]["edge_landmarks"] = {"landmarks": log_row(args.folder)}
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["runs"]["edge_landmarks"]))


if __name__ == "__main__":
    main()
