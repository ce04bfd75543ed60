"""Requests that schemathesis makes of the server's description, against a server on a free port of this machine.

    pip install schemathesis
    python -m tests.hostile.with_schemathesis [--max-examples 100]

Its checks are on (answers that the description does not name, 5xx, methods that are not there, other kinds of content)
but one: bytes that fit a description are not always a WAV file or an SDP offer. The exit code is schemathesis's own;
arguments go to it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lipsync_edge.server.auth import Limits
from lipsync_edge.server.connections import protocol_of
from tests.server.fixture import served

ROOT = Path(__file__).parents[2]
LIMITS = Limits(sessions=4, viewers=4, upload_bytes=2_000_000, upload_s=5.0, stall_s=2.0, waiting=8)


def main(arguments: list[str], program: str = "schemathesis") -> int:
    """Serve, and let schemathesis ask."""
    with served(limits=LIMITS, http=protocol_of()) as server:
        words = [
            program,
            "--config-file",
            str(Path(__file__).with_name("schemathesis.toml")),
            "run",
            str(ROOT / "docs" / "openapi.json"),
            "--url",
            server.http,
        ]
        words += [
            "--checks",
            "all",
            "--exclude-checks",
            "positive_data_acceptance",
            "--request-timeout",
            "20",
            "--no-color",
            *arguments,
        ]
        hooks = {"SCHEMATHESIS_HOOKS": "tests.hostile.schema_bodies", "PYTHONPATH": str(ROOT)}
        return subprocess.run(words, check=False, env=os.environ | hooks, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ.get("SCHEMATHESIS", "schemathesis")))
