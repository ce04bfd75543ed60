"""The networks in torch eager: the published architectures and our own, with made-up weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lipsync_edge.models.backend import Arrays
from lipsync_edge.models.spec import ModelCard

PUBLISHED = ("wav2lip", "s3fd", "bisenet", "rrdbnet")
BUNDLED = ("edge_detect", "edge_segment", "edge_enhance", "edge_lips")


def torch_call(card: ModelCard, feeds: Arrays, threads: int) -> Callable[[], object]:
    """Return a call of the network in torch eager, untrained and not folded, on the same inputs."""
    import torch

    torch.set_num_threads(threads)
    module = _published(card) if card.name in PUBLISHED else _bundled(card.name)
    module.eval()
    tensors = [torch.from_numpy(feeds[spec.name]) for spec in card.inputs]

    def call() -> object:
        with torch.inference_mode():
            return module(*tensors)

    return call


def _published(card: ModelCard) -> Any:
    from export.graphs import GRAPHS
    from export.networks import NETWORKS

    return GRAPHS[card.name](NETWORKS[card.name]().eval(), card)


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
