"""Run the live command on the fake avatar: python -m tests.live.process KEY=VALUE …, for tests that need a process."""

import sys
from pathlib import Path
from typing import Any

from lipsync_edge.live.options import LiveOptions
from lipsync_edge.live.run import run_live
from lipsync_edge.live.setup import log_to_stderr
from tests.live.fakes import RATE, open_stream

if __name__ == "__main__":
    settings: dict[str, Any] = dict(item.split("=", 1) for item in sys.argv[1:])
    settings["realtime"] = settings.get("realtime") == "1"
    settings["watchdog_s"] = float(settings.get("watchdog_s", 0))
    settings["rate"] = int(settings.get("rate", RATE))
    log_to_stderr()
    stream = open_stream(rate=settings["rate"])
    if Path(settings.get("hang", "-")).exists():
        stream.renderer.render = lambda *_: __import__("time").sleep(60)  # type: ignore[method-assign]
    settings.pop("hang", None)
    sys.exit(run_live(LiveOptions(**settings), stream, sys.stdin.buffer, sys.stdout.buffer))
