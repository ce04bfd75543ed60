"""Ray Serve: a deployment that answers `/dub` and grows from no replica to as many as are needed."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from lipsync_edge.cluster.connection import ray_module
from lipsync_edge.cluster.placement import place
from lipsync_edge.errors import UsageError
from lipsync_edge.models.engine_options import EngineOptions

NAME = "dub"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingOptions:
    """How a deployment is made.

    Attributes:
        preset: see `lipsync_edge.load`; so are device, precision, threads and models.
        device: where the networks run.
        precision: of their files.
        threads: of one network call; None: as many as the replica's CPUs.
        models: folder of your own models, on every node.
        cpus: of a replica; None: by the engine.
        gpus: of a replica; None: by the engine.
        min_replicas: that always run; 0: none while nobody asks.
        max_replicas: that run at most.
        idle_s: seconds until a replica that nobody asks ends.
        waiting: requests that may wait; more are told to come back later (503).
        allow: beginnings of URLs that requests may name; with none, files must be uploaded.
        most_bytes: of one request.
    """

    preset: str = "lite"
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    models: str | None = None
    cpus: float | None = None
    gpus: float | None = None
    min_replicas: int = 0
    max_replicas: int = 4
    idle_s: float = 300.0
    waiting: int = 64
    allow: tuple[str, ...] = ()
    most_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if not 0 <= self.min_replicas <= max(1, self.max_replicas) or self.max_replicas < 1:
            raise UsageError(
                expected="0 <= min_replicas <= max_replicas, from 1",
                got=f"{self.min_replicas} and {self.max_replicas}",
            )

    def engine(self) -> EngineOptions:
        """Return the networks and where they run."""
        return EngineOptions(
            preset=self.preset,
            device=self.device,
            precision=self.precision,
            threads=self.threads,
            models=None if self.models is None else Path(self.models),
        )


def deployment(**options: Any) -> Any:
    """Return an application for `ray.serve.run(…, route_prefix="/dub")`.

    Args:
        **options: those of `ServingOptions`.

    Raises:
        UsageError: an option that there is not; DeviceError: Ray is not installed.
    """
    return _bound(ServingOptions(**_checked(options)))


def application(args: dict[str, Any]) -> Any:
    """Return the same for a configuration file of Ray Serve: `import_path: lipsync_edge.cluster:application`."""
    return deployment(**args)


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    known = [field.name for field in fields(ServingOptions)]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UsageError(expected=f"options out of {', '.join(known)}", got=", ".join(unknown))
    return {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}


def _bound(options: ServingOptions) -> Any:
    ray_module()
    from ray import serve

    from lipsync_edge.cluster.dub import DubSetup

    engine = options.engine()
    placement = place([engine], options.cpus, options.gpus)
    setup = DubSetup(
        engine=engine,
        folder=Path(tempfile.gettempdir()) / "lipsync-edge",
        allow=options.allow,
        most_bytes=options.most_bytes,
    )
    scaling = {
        "min_replicas": options.min_replicas,
        "initial_replicas": options.min_replicas,
        "max_replicas": options.max_replicas,
        "target_ongoing_requests": 1,
        "upscale_delay_s": 0,
        "downscale_delay_s": options.idle_s,
    }
    made = serve.deployment(
        name=NAME,
        autoscaling_config=scaling,
        max_ongoing_requests=2,  # the second one is received while the first is made
        max_queued_requests=options.waiting,
        ray_actor_options={"num_cpus": placement.cpus, "num_gpus": placement.gpus},
    )(Replica)
    return made.bind(setup, placement.threads)


class Replica:
    """One replica: the endpoint with its engine.

    Args:
        setup: of the endpoint.
        threads: of one network call where the setup does not say.
    """

    def __init__(self, setup: Any, threads: int) -> None:
        from dataclasses import replace

        from lipsync_edge.cluster.dub import Dub

        setup.folder.mkdir(parents=True, exist_ok=True)
        if setup.engine.threads is None:
            setup = replace(setup, engine=replace(setup.engine, threads=threads))
        self._dub = Dub(setup)

    async def __call__(self, request: Any) -> Any:
        """Answer a request."""
        return await self._dub(request)
