"""The networks in torch eager: the published architectures and our own, with made-up weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lipsync_edge.models.backend import Arrays
from lipsync_edge.models.spec import ModelSpec

PUBLISHED = ("wav2lip", "s3fd", "bisenet", "rrdbnet")
BUNDLED = ("edge_detect", "edge_segment", "edge_enhance", "edge_lips")


def torch_call(spec: ModelSpec, feeds: Arrays, threads: int) -> Callable[[], object]:
    """Return a call of the network in torch eager, untrained and not folded, on the same inputs."""
    import torch

    torch.set_num_threads(threads)
    module = _published(spec) if spec.name in PUBLISHED else _bundled(spec.name)
    module.eval()
    tensors = [torch.from_numpy(feeds[tensor_spec.name]) for tensor_spec in spec.inputs]

    def call() -> object:
        with torch.inference_mode():
            return module(*tensors)

    return call


def _published(spec: ModelSpec) -> Any:
    from export.graphs import GRAPHS
    from export.networks import NETWORKS

    return GRAPHS[spec.name](NETWORKS[spec.name]().eval(), spec)


def _bundled(name: str) -> Any:
    from export.train import edge_networks as edge
    from export.train.lips import Lips
    from export.train.lips_networks import Ear, Ears, Hand

    return {
        "edge_detect": lambda: edge.DetectGraph(edge.DetectNet()),
        "edge_segment": lambda: edge.SegmentGraph(edge.SegmentNet()),
        "edge_enhance": lambda: edge.EnhanceGraph(edge.EnhanceNet()),
        "edge_lips": lambda: Lips(Ears([Ear()]), Hand()),
    }[name]()
