"""The deployment on a real Ray Serve: no replica while nobody asks, one that comes when somebody does."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lipsync_edge.demo import demo_files
from lipsync_edge.video.reader import VideoReader
from tests.cluster.conftest import ROOT, free_port

pytest.importorskip("ray.serve")
httpx = pytest.importorskip("httpx")
pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(os.name != "posix", reason="Ray's clusters for tests"),
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
    ),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import ray
    from ray import serve

    from lipsync_edge.cluster import deployment

    for name, value in {
        "PYTHONPATH": str(ROOT),
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
    }.items():
        monkeypatch.setenv(name, value)
    ray.init("local", num_cpus=4, include_dashboard=False, object_store_memory=100 << 20, log_to_driver=False)
    port = free_port()
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    made = deployment(device="cpu", cpus=1, max_replicas=1, idle_s=1.0)
    serve.run(made, route_prefix="/dub", name="dub")
    yield f"http://127.0.0.1:{port}/dub"
    serve.shutdown()
    ray.shutdown()


def replicas() -> int:
    from ray import serve

    (app,) = serve.status().applications.values()
    return sum(sum(one.replica_states.values()) for one in app.deployments.values())


def until(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_replica_comes_when_somebody_asks(served: str, tmp_path: Path) -> None:
    from ray import serve

    until(lambda: serve.status().applications["dub"].status == "RUNNING", 120)
    assert replicas() == 0
    face, speech = demo_files()
    with face.open("rb") as picture, speech.open("rb") as sound:
        answer = httpx.post(served, files={"face": picture, "audio": sound}, data={"end": "0.4"}, timeout=300)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    (tmp_path / "got.mp4").write_bytes(answer.content)
    assert len(list(VideoReader(tmp_path / "got.mp4"))) == 10
    assert httpx.post(served, content=b"x", timeout=60).status_code == 400
    until(lambda: replicas() == 0, 180)
