"""Servers that tests of the cluster need, as processes of their own on loopback."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BUCKET = "films"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def until_it_answers(port: int, process: "subprocess.Popen[bytes]", seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bool], str]]:
    """Starts S3 servers: one that lets everybody in, one that knows nobody; gives their address."""
    pytest.importorskip("moto")
    pytest.importorskip("s3fs")
    running: dict[bool, tuple[subprocess.Popen[bytes], str]] = {}

    def address(welcoming: bool) -> str:
        if welcoming not in running:
            port = free_port()
            environment = os.environ | ({} if welcoming else {"INITIAL_NO_AUTH_ACTION_COUNT": "0"})
            process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            running[welcoming] = (process, f"http://127.0.0.1:{port}")
            until_it_answers(port, process)
        return running[welcoming][1]

    yield address
    for process, _ in running.values():
        process.terminate()
        process.wait(30)


@pytest.fixture
def s3(s3_server: Callable[[bool], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A file system with an empty bucket; workers find it by the environment, too."""
    use_s3(s3_server(True), monkeypatch)
    files = fresh_s3()
    if files.exists(BUCKET):
        files.rm(BUCKET, recursive=True)
    files.mkdir(BUCKET)
    yield files
    fresh_s3()


def use_s3(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every process take an S3 server at an address."""
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    fresh_s3()


def fresh_s3() -> Any:
    """A file system that reads the environment anew."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    return s3fs.S3FileSystem()
