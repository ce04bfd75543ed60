"""Batches on a real Ray cluster: several nodes, each a process of this machine."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lipsync_edge.batch.job import BatchJob, Option
from lipsync_edge.batch.results import read_results
from lipsync_edge.batch.run import BatchOptions, run_batch
from lipsync_edge.cluster.batch import ClusterOptions, run_on_cluster
from lipsync_edge.cluster.placement import Placement, place
from lipsync_edge.errors import DeviceError, LipsyncError, UsageError
from lipsync_edge.models.engine_options import EngineOptions
from tests.batch.conftest import folder as folder  # noqa: PLC0414
from tests.batch.fakes import job, load, parse
from tests.cluster.conftest import BUCKET, ROOT, free_port

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="Ray's clusters for tests"),
    # Ray leaves sockets and files to its end, and calls parts of others that are on their way out
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
    ),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nodes inherit: where the code is, no second thread pool a core."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")


@pytest.fixture
def cluster(environment: None) -> Iterator[Any]:
    """One node with one CPU; tests add others."""
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 << 20},
    )
    yield made
    made.shutdown()


def add_node(cluster: Any) -> Any:
    return cluster.add_node(num_cpus=1, object_store_memory=80 << 20)


def test_jobs_on_two_nodes_s3_and_a_worker_that_dies(s3: Any, cluster: Any, folder: Path) -> None:
    # s3 before the cluster: nodes read their credentials when they start
    add_node(cluster)
    for name in ("face.mp4", "speech.wav"):
        s3.put_file(str(folder / name), f"{BUCKET}/in/{name}")
    url = f"s3://{BUCKET}/in"
    jobs = [
        BatchJob(
            out=f"sub/{i}.mp4",
            row=i,
            face=f"{url}/face.mp4",
            audio=f"{url}/speech.wav",
            options=(Option("no-mark", ""),),
        )
        for i in (1, 2)
    ]
    jobs += [job(folder, "once.wav", out="once.mp4", row=3, no_mark="true"), job(folder, "kill.wav", row=4)]
    options = BatchOptions(out=folder.parent / "driver", load=load)
    on = ClusterOptions(address=cluster.address, out=f"s3://{BUCKET}/out", cpus=1)
    report = run_on_cluster(jobs, parse, options, on)
    assert report.workers.workers == 2
    assert [(one.job, one.exit_code) for one in report.failures] == [("kill4.mp4", 137)], [
        one.error for one in report.failures
    ]
    assert report.made == 3
    s3.invalidate_cache()
    found = sorted(name.removeprefix(f"{BUCKET}/") for name in s3.find(BUCKET))
    assert found == ["in/face.mp4", "in/speech.wav", "out/once.mp4", "out/sub/1.mp4", "out/sub/2.mp4"]
    plain = BatchOptions(out=folder.parent / "plain", workers=1, load=load)
    run_batch([job(folder, out="a.mp4", no_mark="true")], parse, plain)
    alone = (folder.parent / "plain" / "a.mp4").read_bytes()
    assert s3.cat_file(f"{BUCKET}/out/sub/1.mp4") == s3.cat_file(f"{BUCKET}/out/once.mp4") == alone
    assert read_results(folder.parent / "driver" / "results.jsonl")["once.mp4"].attempts == 2
    again = run_on_cluster(jobs[:3], parse, options, on)
    assert (again.already, again.made, again.failures) == (3, 0, ())
    s3.rm_file(f"{BUCKET}/out/sub/2.mp4")
    again = run_on_cluster(jobs[:3], parse, options, on)
    assert (again.already, again.made) == (2, 1)


def driver(folder: Path, address: str, out: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.cluster.drive", "batch", str(folder / "jobs.csv"), "-o", str(out)]
    return subprocess.Popen(
        [*command, "--ray", address, "--cpus", "1", "--retries", "5", "--workers", "3"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(results: Path) -> list[str]:
    lines = results.read_text().splitlines() if results.exists() else []
    return [one["job"] for one in map(json.loads, lines) if one["state"] == "done"]


def until_done(results: Path, count: int, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 240
    while len(done(results)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.nightly
def test_twenty_jobs_while_a_node_dies_and_the_driver_is_killed(cluster: Any, folder: Path) -> None:
    doomed = add_node(cluster)
    add_node(cluster)
    rows = "".join(f"face.mp4,speech.wav,{i}.mp4,yes\n" for i in range(20))
    (folder / "jobs.csv").write_text(f"face,audio,out,no-mark\n{rows}")
    out = folder.parent / "out"
    results = out / "results.jsonl"
    first = driver(folder, cluster.address, out)
    until_done(results, 4, first)
    cluster.remove_node(doomed, allow_graceful=False)
    until_done(results, 9, first)
    first.kill()
    first.communicate()
    finished = done(results)
    assert 9 <= len(finished) < 20
    second = driver(folder, cluster.address, out)
    said, err = second.communicate(timeout=300)
    assert second.returncode == 0, err
    assert f"{len(finished)} were already there" in said
    assert Counter(done(results)) == Counter(f"{i}.mp4" for i in range(20))
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*(f"{i}.mp4" for i in range(20)), "results.jsonl"]
    )
    plain = BatchOptions(out=folder.parent / "plain", workers=1, load=load)
    run_batch([job(folder, out="a.mp4", no_mark="true")], parse, plain)
    alone = (folder.parent / "plain" / "a.mp4").read_bytes()
    assert all((out / f"{i}.mp4").read_bytes() == alone for i in range(20))


@pytest.mark.parametrize(
    ("address", "kind", "said"),
    [
        ("127.0.0.1:1", DeviceError, "a Ray cluster at 127.0.0.1:1; got connection refused"),
        ("ray://127.0.0.1:1", DeviceError, "a Ray cluster at ray://127.0.0.1:1"),
        ("nowhere", UsageError, "HOST:PORT"),
        ("host:port", UsageError, "HOST:PORT"),
    ],
)
def test_a_cluster_that_cannot_be_reached(
    folder: Path, address: str, kind: type[LipsyncError], said: str
) -> None:
    options = BatchOptions(out=folder.parent / "out", load=load)
    with pytest.raises(kind) as caught:
        run_on_cluster(
            [job(folder)], parse, options, ClusterOptions(address=address, out=str(folder.parent / "out"))
        )
    assert said.lower() in str(caught.value).lower()


def test_what_answers_and_is_no_ray_is_not_waited_for_silently(folder: Path, environment: None) -> None:
    assert free_port() > 0
    options = BatchOptions(out=folder.parent / "out", load=load)
    with pytest.raises(DeviceError, match="Ray cluster at auto"):
        run_on_cluster(
            [job(folder)], parse, options, ClusterOptions(address="auto", out=str(folder.parent / "out"))
        )


def test_what_workers_take_of_a_node() -> None:
    assert place([EngineOptions()]) == Placement(cpus=2)
    assert place([EngineOptions(threads=4), EngineOptions()]) == Placement(cpus=4)
    assert place([EngineOptions(device="cuda")]) == Placement(cpus=2, gpus=1)
    assert place([EngineOptions(device="cuda")], cpus=1, gpus=0.5) == Placement(cpus=1, gpus=0.5)
    nodes = [{"CPU": 4.0}, {"CPU": 8.0, "GPU": 1.0}, {}]
    assert Placement(cpus=2).fits(nodes) == 6
    assert Placement(cpus=2, gpus=0.5).fits(nodes) == 2
    assert Placement(cpus=0.5).threads == 1
    with pytest.raises(UsageError):
        Placement(cpus=0)
