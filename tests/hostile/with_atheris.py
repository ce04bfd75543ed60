"""Search of one parser with `atheris`, where that is installed; `tests.hostile.explore` does without.

python -m tests.hostile.with_atheris NAME [libFuzzer's options, -max_total_time=60 for one]
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["lipsync_edge", "export"]):
    from tests.hostile.parsers import parsers


def main() -> None:
    """Search until a fault or the end; the process ends with it."""
    # both runtimes bring their own protobuf and OpenMP; neither is what is searched
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    folder = Path(tempfile.mkdtemp())
    (folder / "files").mkdir()
    parser = parsers(folder)[sys.argv[1]]
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(parser.seeds):
        (corpus / str(number)).write_bytes(seed)

    def one(data: bytes) -> None:
        try:
            parser.target(data)
        except parser.allowed:
            return

    atheris.Setup([sys.argv[0], str(corpus), *sys.argv[2:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
