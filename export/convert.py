"""A published network with somebody's weights → a clean ONNX file that was compared with torch."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from export import measure
from export.errors import GateError
from export.graphs import GRAPHS, EnhanceGraph, fold
from export.networks.syncnet_v2 import AudioBranch, LipBranch, SyncNetV2
from export.store import publish, staging, tool_versions
from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.spec import ModelSpec, load_spec

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Job:
    """One ONNX file to be made.

    Attributes:
        stem: file name without precision.
        spec: what the graph is checked against.
        reference: the network as published, for comparison.
        graph: the same, folded, for export.
        inputs: input name → axes, ints or names.
        outputs: output name → axes.
        plain: the published float tensors instead of the card's.
    """

    stem: str
    spec: ModelSpec
    reference: nn.Module
    graph: nn.Module
    inputs: Mapping[str, Sequence[int | str]]
    outputs: Mapping[str, Sequence[int | str]]
    plain: bool = False
    kinds: Mapping[str, str] = field(default_factory=dict)


NCHW = ("batch", 3, "height", "width")
PLAIN: dict[str, tuple[dict[str, Sequence[int | str]], dict[str, Sequence[int | str]]]] = {
    "wav2lip": ({"mel": ("batch", 1, 80, 16), "face": ("batch", 6, 96, 96)}, {"out": ("batch", 3, 96, 96)}),
    "s3fd": (
        {"image": NCHW},
        {f"head{i}": ("batch", 4 if i % 2 else 2, f"height{i // 2}", f"width{i // 2}") for i in range(12)},
    ),
    "bisenet": ({"image": NCHW}, {"logits": ("batch", 19, "height", "width")}),
    "rrdbnet": ({"image": NCHW}, {"out": ("batch", 3, "height_out", "width_out")}),
}
SIZES = {  # of the free axes: what is traced, then an awkward size; both are compared
    "s3fd": ({"batch": 1, "height": 128, "width": 160}, {"batch": 2, "height": 97, "width": 131}),
    "rrdbnet": ({"batch": 1, "height": 16, "width": 24}, {"batch": 2, "height": 11, "width": 14}),
    "bisenet": ({"batch": 1, "height": 512, "width": 512}, {"batch": 2, "height": 96, "width": 64}),
}
COUNTED = {
    "s3fd": {"batch": 1, "height": 360, "width": 640},
    "rrdbnet": {"batch": 1, "height": 96, "width": 96},
}
FIXED = ({"batch": 1}, {"batch": 3})


def jobs(network: str, net: nn.Module, *, plain: bool) -> list[Job]:
    """Return the files that one network becomes: one, or for syncnet_v2 two."""
    if isinstance(net, SyncNetV2):
        whole = fold(copy.deepcopy(net))
        assert isinstance(whole, SyncNetV2)
        branches = {
            "audio": (AudioBranch(net), AudioBranch(whole)),
            "lip": (LipBranch(net), LipBranch(whole)),
        }
        return [_by_card(load_spec(f"{network}.{part}"), *pair) for part, pair in branches.items()]
    spec = load_spec(network)
    folded = fold(copy.deepcopy(net))
    if network not in GRAPHS:
        return [_by_card(spec, net, folded)]
    if plain:
        ins, outs = PLAIN[network]
        return [Job(network, spec, net, folded, ins, outs, plain=True, kinds=dict.fromkeys(ins, "float32"))]
    graph = GRAPHS[network]
    return [_by_card(spec, graph(net, spec), graph(folded, spec))]


def _by_card(spec: ModelSpec, reference: nn.Module, graph: nn.Module) -> Job:
    ins, outs = (
        {tensor_spec.name: tensor_spec.axes for tensor_spec in side} for side in (spec.inputs, spec.outputs)
    )
    kinds = {tensor_spec.name: tensor_spec.dtype for tensor_spec in spec.inputs}
    return Job(spec.name, spec, reference.eval(), graph.eval(), ins, outs, kinds=kinds)


def sizes(job: Job) -> tuple[dict[str, int], dict[str, int]]:
    """Return two sets of sizes for the free axes; see `SIZES`."""
    return SIZES.get(job.stem, FIXED)


def make_inputs(job: Job, free: Mapping[str, int], seed: int = 0) -> Arrays:
    """Return random inputs in the range each one has: bytes, pictures in 0…1, mels in [-4, 4]."""
    rng = np.random.default_rng(seed)
    feeds: Arrays = {}
    for name, axes in job.inputs.items():
        shape = tuple(free[a] if isinstance(a, str) else a for a in axes)
        if job.kinds[name] == "uint8":
            feeds[name] = rng.integers(0, 256, shape, dtype=np.uint8)
        else:
            low, high = _range(job, name)
            feeds[name] = rng.uniform(low, high, shape).astype(np.float32)
    return feeds


def _range(job: Job, name: str) -> tuple[float, float]:
    ranges = {"mel": (-4.0, 4.0), "mfcc": (-20.0, 20.0), "lip": (0.0, 255.0)}
    if job.plain and job.stem == "s3fd":
        return -120.0, 140.0
    if job.plain and job.stem == "bisenet":
        return -2.0, 2.0
    return ranges.get(name, (0.0, 1.0))


def convert(network: str, net: nn.Module, out_dir: Path, *, plain: bool = False) -> list[Path]:
    """Write `NAME.fp32.onnx` and its manifest entry into `out_dir`, or nothing at all.

    Args:
        network: a name of `export.networks.NETWORKS`.
        net: with its weights, from `export.checkpoint.build`.
        out_dir: made when it does not exist.
        plain: the published network's own float tensors instead of the card's.

    Raises:
        GateError: the ONNX file does not compute what torch does.
    """
    with staging(out_dir) as stage:
        entries = {}
        for job in jobs(network, net, plain=plain):
            name = f"{job.stem}.fp32.onnx"
            write_graph(job, stage / name)
            error = compare(job, stage / name)
            entries[name] = describe(job, stage / name, error)
        return publish(stage, out_dir, entries)


def write_graph(job: Job, path: Path) -> None:
    """Trace, export and clean one graph."""
    feeds = make_inputs(job, {**sizes(job)[0], "batch": 2})
    names = {**job.inputs, **job.outputs}
    dynamic = {name: {i: a for i, a in enumerate(axes) if isinstance(a, str)} for name, axes in names.items()}
    with warnings.catch_warnings():  # the exporter warns of itself and of every trace of a fixed shape
        warnings.simplefilter("ignore")
        torch.onnx.export(
            job.graph,
            tuple(torch.from_numpy(feed) for feed in feeds.values()),
            str(path),
            input_names=list(job.inputs),
            output_names=list(job.outputs),
            dynamic_axes=dynamic,
            opset_version=job.spec.opset,
            dynamo=False,
        )
    model = clean(onnx.load(str(path)))
    model.graph.name = job.stem
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def clean(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove what a runtime does not need: notes, source lines, unused initializers."""
    model.producer_name, model.producer_version, model.doc_string = "lipsync-edge", "", ""
    del model.metadata_props[:]
    used = {name for node in model.graph.node for name in node.input} | {o.name for o in model.graph.output}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    return model


def run_torch(job: Job, feeds: Arrays) -> Arrays:
    """Return the reference's outputs for the same inputs."""
    with torch.inference_mode():
        out = job.reference(*(torch.from_numpy(feeds[name]) for name in job.inputs))
    tensors = out if isinstance(out, tuple) else (out,)
    return {name: tensor.numpy() for name, tensor in zip(job.outputs, tensors, strict=True)}


def _spread(job: Job, feeds: Arrays) -> float | None:
    """Return the range that rounding errors go with, where it is not that of the output itself."""
    if not isinstance(job.reference, EnhanceGraph):
        return None
    with torch.inference_mode():
        whole = job.reference.unclamped(torch.from_numpy(feeds["image"]))
    return max(1.0, float(whole.max() - whole.min()))


def compare(job: Job, path: Path, device: str = "cpu") -> float:
    """Return the largest error of a file against torch, as a part of the output's range, over both sizes.

    Raises:
        GateError: it is larger than the card's `atol`.
    """
    backend = open_backend(path, device)
    worst = 0.0
    for seed, free in enumerate(sizes(job)):
        feeds = make_inputs(job, free, seed)
        want, got = run_torch(job, feeds), backend.run(feeds)
        for name in job.outputs:
            error = measure.relative_error(got[name], want[name], _spread(job, feeds))
            if want[name].dtype == np.uint8:  # labels: which part of them differs
                error = float(np.mean(got[name] != want[name]))
            worst = max(worst, error)
    if worst > job.spec.atol:
        raise GateError(
            expected=f"{path.name} within {job.spec.atol:g} of torch on {device}",
            got=f"{worst:.2g} of the output's range",
            fix="this is a bug of the exporter: please report it with the versions in manifest.json",
        )
    return worst


def describe(job: Job, path: Path, error: float) -> dict[str, Any]:
    """Return the manifest entry of a float file, but for sha256 and bytes."""
    model = onnx.load(str(path))
    free = COUNTED.get(job.stem, sizes(job)[0])
    shapes = {name: [free[a] if isinstance(a, str) else a for a in axes] for name, axes in job.inputs.items()}
    return {
        "card": job.spec.name,
        "card_digest": "plain" if job.plain else job.spec.digest(),
        "precision": "fp32",
        "parameters": measure.parameters(model),
        "macs": measure.macs(model, shapes),
        "macs_at": shapes,
        "error": {"torch_max_of_range": float(f"{error:.3g}")},
        "tools": tool_versions(),
        "licence": job.spec.licence,
    }
