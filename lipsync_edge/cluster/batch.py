"""The jobs of a batch on a Ray cluster: the same manifest, results file and resuming as on one machine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lipsync_edge.batch.driver import State
from lipsync_edge.batch.job import BatchJob, Parse, is_url
from lipsync_edge.batch.maker import MakerSetup
from lipsync_edge.batch.pool import Pool
from lipsync_edge.batch.run import BatchOptions, BatchReport, check_folder, make_all
from lipsync_edge.batch.worker_count import WorkerCount
from lipsync_edge.cluster.connection import joined
from lipsync_edge.cluster.placement import place
from lipsync_edge.cluster.ray_pool import ROOM_S, RayPool
from lipsync_edge.cluster.storage import UrlStorage

ON_NODE = Path(tempfile.gettempdir()) / "lipsync-edge"  # of each node: downloads and the cache of faces


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """Where and how jobs are spread.

    Attributes:
        address: see `lipsync_edge.cluster.connection.joined`.
        out: URL of the results, or a folder that every node sees.
        cpus: of each worker; None: by the engines that the jobs ask for.
        gpus: of each worker; None: likewise.
        room_s: seconds to wait for a first worker.
    """

    address: str
    out: str
    cpus: float | None = None
    gpus: float | None = None
    room_s: float = ROOM_S


def run_on_cluster(
    jobs: Sequence[BatchJob],
    parse: Parse,
    options: BatchOptions,
    cluster: ClusterOptions,
    *,
    watch: Callable[[State], None] = lambda state: None,
) -> BatchReport:
    """Make the jobs that are not there yet on a cluster; see `lipsync_edge.batch.run.run_batch`.

    `options.out` is the folder of the results file on this machine.

    Raises:
        DeviceError: no cluster, or no room on it.
        InputError, OutputError: inputs or the place of results cannot be reached.
    """
    storage = UrlStorage(cluster.out, ON_NODE / "downloads")
    check_folder(options.out, [] if is_url(cluster.out) else jobs)
    with joined(cluster.address) as ray:
        storage.check(iter([jobs[0].face, *([jobs[0].audio] if jobs[0].audio else [])]))
        on_node = replace(options, cache=options.cache or ON_NODE / "faces")

        def open_pool(setup: MakerSetup, waiting: Sequence[BatchJob]) -> tuple[Pool, WorkerCount]:
            placement = place({parse(job.options).engine for job in waiting}, cluster.cpus, cluster.gpus)
            nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            fitting = max(1, placement.fits(nodes))
            count = options.workers or fitting
            count = count if options.split else min(count, len(waiting))
            why = f"{placement.cpus:g} CPUs and {placement.gpus:g} GPUs each, {len(nodes)} nodes"
            theirs = replace(setup, threads=placement.threads)
            return RayPool(ray, count, theirs, placement, cluster.room_s), WorkerCount(count, why)

        return make_all(jobs, parse, on_node, storage, open_pool, watch)
