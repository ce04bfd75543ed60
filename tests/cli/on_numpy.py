"""The command line's main on networks made of numpy, for tests that need a process of their own."""

from lipsync_edge import engine
from lipsync_edge.cli.main import main
from tests.scripted import make_engine


def main_on_numpy() -> None:
    """Run the command line; no model file is opened."""
    engine.load_engine = lambda options: make_engine()
    main()
