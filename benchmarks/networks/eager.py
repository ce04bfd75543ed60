"""The networks in torch eager: the published architectures and our own, with made-up weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lipsync_edge.models.spec import ModelSpec
from lipsync_edge.types import Arrays

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
    from export.catalogue import published

    known = published(spec.name)
    assert known.graph is not None
    return known.graph(known.build().eval(), spec)


def _bundled(name: str) -> Any:
    from training.detector.network import DetectGraph, DetectNet
    from training.enhancer.network import EnhanceGraph, EnhanceNet
    from training.lips.assemble import Lips
    from training.lips.networks import AudioEncoder, AudioEncoders, MouthRenderer
    from training.segmenter.network import SegmentGraph, SegmentNet

    known: dict[str, Callable[[], Any]] = {
        "edge_detect": lambda: DetectGraph(DetectNet()),
        "edge_segment": lambda: SegmentGraph(SegmentNet()),
        "edge_enhance": lambda: EnhanceGraph(EnhanceNet()),
        "edge_lips": lambda: Lips(AudioEncoders([AudioEncoder()]), MouthRenderer()),
    }
    return known[name]()
