"""How much of a node one worker takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lipsync_edge.errors import UsageError
from lipsync_edge.models.engine_options import EngineOptions

USUAL_CPUS = 2.0  # decoding, networks and encoding of one job keep about as many busy
ON_GPU = ("cuda", "tensorrt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What Ray keeps free for one worker.

    Attributes:
        cpus: may be a part of one.
        gpus: may be a part of one.
    """

    cpus: float
    gpus: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what Ray would not understand."""
        if self.cpus < 0 or self.gpus < 0 or not (self.cpus or self.gpus):
            raise UsageError(
                expected="some part of a CPU or GPU for each worker", got=f"{self.cpus}, {self.gpus}"
            )

    @property
    def threads(self) -> int:
        """Threads of one network call."""
        return max(1, int(self.cpus))

    def fits(self, nodes: Iterable[Mapping[str, float]]) -> int:
        """Return how many workers nodes take, their resources given by Ray's names, CPU and GPU."""
        return sum(self._in(node) for node in nodes)

    def _in(self, node: Mapping[str, float]) -> int:
        counts = [
            int(node.get(name, 0.0) / wanted + 1e-6)
            for name, wanted in (("CPU", self.cpus), ("GPU", self.gpus))
            if wanted
        ]
        return min(counts)


def place(
    engines: Iterable[EngineOptions], cpus: float | None = None, gpus: float | None = None
) -> Placement:
    """Return what a worker for these engines needs, where it is not said.

    A device of `ON_GPU` takes a whole GPU; threads are CPUs.
    """
    known = list(engines)
    on_gpu = any(engine.device.split(":")[0] in ON_GPU for engine in known)
    threads = max((float(engine.threads) for engine in known if engine.threads), default=USUAL_CPUS)
    return Placement(
        cpus=threads if cpus is None else cpus, gpus=(1.0 if on_gpu else 0.0) if gpus is None else gpus
    )
