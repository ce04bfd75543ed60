"""A published network with somebody's weights → a clean ONNX file that was compared with torch."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.spec import ModelSpec, load_spec

from . import measure
from .catalogue import Published, Range, Sizes, entry_of, published
from .errors import GateError
from .graphs import EnhanceGraph, fold
from .store import publish, staging, tool_versions

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
        kinds: input name → dtype.
        ranges: input name → lowest and highest value of a float input; 0…1 where nothing is said.
        sizes: of the free axes: what is traced, then an awkward size.
        plain: the published float tensors instead of the spec's.
    """

    stem: str
    spec: ModelSpec
    reference: nn.Module
    graph: nn.Module
    inputs: Mapping[str, Sequence[int | str]]
    outputs: Mapping[str, Sequence[int | str]]
    kinds: Mapping[str, str]
    ranges: Mapping[str, Range]
    sizes: tuple[Sizes, Sizes]
    plain: bool = False


def jobs(network: str, net: nn.Module, *, plain: bool) -> list[Job]:
    """Return the files that one network becomes: one, or for syncnet_v2 two."""
    known = published(network)
    folded = fold(copy.deepcopy(net))
    if known.branches:
        return [
            _by_card(load_spec(f"{network}.{part}"), known, branch(net), branch(folded))
            for part, branch in known.branches.items()
        ]
    spec = load_spec(network)
    if known.graph is None:
        return [_by_card(spec, known, net, folded)]
    if plain and known.plain:
        ranges = {"image": known.plain.image_range, **known.ranges}
        kinds = dict.fromkeys(known.plain.inputs, "float32")
        ins, outs = known.plain.inputs, known.plain.outputs
        return [Job(network, spec, net, folded, ins, outs, kinds, ranges, known.sizes, plain=True)]
    return [_by_card(spec, known, known.graph(net, spec), known.graph(folded, spec))]


def _by_card(spec: ModelSpec, known: Published, reference: nn.Module, graph: nn.Module) -> Job:
    ins, outs = (
        {tensor_spec.name: tensor_spec.axes for tensor_spec in side} for side in (spec.inputs, spec.outputs)
    )
    kinds = {tensor_spec.name: tensor_spec.dtype for tensor_spec in spec.inputs}
    return Job(spec.name, spec, reference.eval(), graph.eval(), ins, outs, kinds, known.ranges, known.sizes)


def make_inputs(job: Job, free: Mapping[str, int], seed: int = 0) -> Arrays:
    """Return random inputs in the range each one has: bytes, pictures in 0…1, mels in [-4, 4]."""
    rng = np.random.default_rng(seed)
    feeds: Arrays = {}
    for name, axes in job.inputs.items():
        shape = tuple(free[a] if isinstance(a, str) else a for a in axes)
        if job.kinds[name] == "uint8":
            feeds[name] = rng.integers(0, 256, shape, dtype=np.uint8)
        else:
            low, high = job.ranges.get(name, (0.0, 1.0))
            feeds[name] = rng.uniform(low, high, shape).astype(np.float32)
    return feeds


def convert(network: str, net: nn.Module, out_dir: Path, *, plain: bool = False) -> list[Path]:
    """Write `NAME.fp32.onnx` and its manifest entry into `out_dir`, or nothing at all.

    Args:
        network: a name of `catalogue.published_names`.
        net: with its weights, from `checkpoint.build`.
        out_dir: made when it does not exist.
        plain: the published network's own float tensors instead of the spec's.

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
    feeds = make_inputs(job, {**job.sizes[0], "batch": 2})
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
        GateError: it is larger than the spec's `atol`.
    """
    backend = open_backend(path, device)
    worst = 0.0
    for seed, free in enumerate(job.sizes):
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
    free = {**job.sizes[0], **entry_of(job.spec).counted}
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
