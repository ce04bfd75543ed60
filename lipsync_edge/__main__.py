"""`python -m lipsync_edge` is the command line."""

from __future__ import annotations

from lipsync_edge.cli.main import main

if __name__ == "__main__":
    main()
