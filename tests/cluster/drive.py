"""The command line with engines of numpy, as a process that tests may kill."""

from typing import Any

from lipsync_edge.batch import run as batch_run
from lipsync_edge.batch.run import BatchOptions
from tests.batch.fakes import load_slow


class OnNumpy(BatchOptions):
    """Workers load engines of numpy."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"load": load_slow} | options))


def main() -> None:
    """Run the command line."""
    from lipsync_edge.cli.main import main as command_line

    batch_run.BatchOptions = OnNumpy  # type: ignore[misc]
    command_line()


if __name__ == "__main__":
    main()
