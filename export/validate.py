"""The ladder every file climbs: manifest, names, axes, shapes, values; on ONNX Runtime and on OpenVINO."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnx

from lipsync_edge.errors import InputError
from lipsync_edge.models.backend import Backend, open_backend
from lipsync_edge.models.registry import read_manifest, verify_model
from lipsync_edge.models.spec import ModelSpec, TensorSpec, load_spec
from lipsync_edge.types import Arrays

from . import measure
from .catalogue import evaluate_gate, feeds
from .errors import GateError, OutputShapeError, TensorAxesError, TensorNamesError
from .gates import Verdict
from .samples import scenes

NOT_EVALUATED = "not evaluated: needs real faces, give --calibrate"
TYPES = {"float32": onnx.TensorProto.FLOAT, "uint8": onnx.TensorProto.UINT8}


def devices() -> tuple[str, ...]:
    """Return the CPU devices that are installed here."""
    return ("cpu", "openvino:CPU") if find_spec("openvino") else ("cpu",)


def validate_folder(models: Path, *, calibrate: Sequence[Path] = (), samples: int = 8) -> Iterator[str]:
    """Check every file that the folder's manifest names; yields a line for each file and device.

    Made-up faces show that a file runs, what shapes it gives and that its numbers are finite; how good it is on faces
    they do not show. A smaller file that misses its gate on them is therefore neither refused nor passed: its line
    says `NOT_EVALUATED`, and so does a last one for the folder.

    Args:
        models: the folder.
        calibrate: folders of videos and pictures of faces; none: made-up ones.
        samples: how many inputs to compare with fp32.

    Raises:
        ManifestError, TensorNamesError, TensorAxesError, OutputShapeError, GateError: the first rung that breaks.
    """
    entries = {
        name: entry for name, entry in read_manifest(models).items() if entry.get("card_digest") != "plain"
    }
    if not entries:
        raise InputError(expected=f"converted models in {models}", got="none in its manifest")
    found = scenes(calibrate, samples, models)
    open_questions = []
    for name, entry in entries.items():
        path = models / name
        spec = load_spec(entry["card"], models)
        verify_model(path, spec)
        check_graph(onnx.load(str(path), load_external_data=False), spec, name)
        inputs = list(feeds(spec, found, models / f"{entry['card']}.fp32.onnx"))
        for device, facts in compared(path, spec, entry["precision"], inputs).items():
            verdict: Verdict = facts["verdict"]
            evaluated = verdict.passed or bool(calibrate) or not excused(entry["precision"], verdict)
            if evaluated:
                refuse_worse(path.name, device, verdict)
            else:
                open_questions.append(f"{name} on {device}")
            on = "" if calibrate else " on made-up faces"
            note = "" if evaluated else f"; {NOT_EVALUATED}"
            yield f"{name} on {device}: {facts['ms']:.4g} ms, {verdict.text()}{on}{note}"
    if open_questions:
        yield f"{', '.join(open_questions)}: {NOT_EVALUATED}"


def excused(precision: str, verdict: Verdict) -> bool:
    """Whether made-up faces may be why a file missed its gate: fp32 and numbers that are not finite have no excuse."""
    return precision != "fp32" and math.isfinite(verdict.margin)


def refuse_worse(name: str, device: str, verdict: Verdict) -> None:
    """Raise GateError when a file missed its gate."""
    if not verdict.passed:
        raise GateError(expected=f"{name} on {device} as good as its spec asks", got=verdict.text())


def check_graph(model: onnx.ModelProto, spec: ModelSpec, source: str) -> None:
    """Compare a graph's inputs and outputs with the spec: names first, then types and axes."""
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    for values, specs in ((inputs, spec.inputs), (model.graph.output, spec.outputs)):
        have, want = {v.name for v in values}, {s.name for s in specs}
        if have - {s.name for s in spec.extras} != want:
            raise TensorNamesError(
                expected=f"{sorted(want)} in {source}", got=str(sorted(have)), fix="convert it again"
            )
    for value in inputs:
        tensor_spec = next(s for s in spec.inputs if s.name == value.name)
        dims = [d.dim_value if d.HasField("dim_value") else None for d in value.type.tensor_type.shape.dim]
        free = [None if isinstance(axis, str) else axis for axis in tensor_spec.axes]
        if dims != free or value.type.tensor_type.elem_type != TYPES[tensor_spec.dtype]:
            kind = onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)
            raise TensorAxesError(
                expected=f"{tensor_spec.name} of {source} as {tensor_spec.dtype} {tensor_spec.axes}",
                got=f"{kind} {dims}",
                fix="convert it again",
            )


def check_outputs(spec: ModelSpec, got: Arrays, batch: int, source: str) -> None:
    """Compare the arrays a file gave with the spec."""
    for tensor_spec in (*spec.outputs, *(one for one in spec.extras if one.name in got)):
        array = got[tensor_spec.name]
        axes = [batch if axis == "batch" else axis for axis in tensor_spec.axes]
        fits = array.ndim == len(axes) and all(
            isinstance(a, str) or a == n for a, n in zip(axes, array.shape, strict=True)
        )
        if not fits or array.dtype != tensor_spec.dtype:
            raise OutputShapeError(
                expected=f"{tensor_spec.name} of {source} as {tensor_spec.dtype} {axes}",
                got=f"{array.dtype} {array.shape}",
            )


def measured(
    path: Path, spec: ModelSpec, precision: str, inputs: Sequence[Arrays]
) -> dict[str, dict[str, Any]]:
    """Return what `compared` finds.

    Raises:
        OutputShapeError, GateError: what it gives is not what its spec says, or too far from fp32.
    """
    found = compared(path, spec, precision, inputs)
    for device, facts in found.items():
        refuse_worse(path.name, device, facts["verdict"])
    return found


def compared(
    path: Path, spec: ModelSpec, precision: str, inputs: Sequence[Arrays]
) -> dict[str, dict[str, Any]]:
    """Run a file on every CPU device: shapes at batch 1 and 2, values against fp32 on ONNX Runtime, time.

    Returns:
        device → {"ms": shortest at batch 1, "verdict": `Verdict`, passed or not}.

    Raises:
        OutputShapeError: what it gives is not what its spec says.
    """
    fp32 = path.with_name(path.name.replace(f".{precision}.", ".fp32."))
    want = run(open_backend(fp32, "cpu"), inputs)
    out = {}
    for device in devices():
        backend = open_backend(path, device)
        got = run(backend, inputs)
        check_outputs(spec, got[0], 1, path.name)
        check_outputs(spec, backend.run(_twice(spec.inputs, inputs[0])), 2, path.name)
        verdict = evaluate_gate(spec, precision, inputs, want, got)
        out[device] = {"ms": measure.best_ms(partial(backend.run, inputs[0])), "verdict": verdict}
    return out


def run(backend: Backend, inputs: Sequence[Arrays]) -> list[Arrays]:
    """Return a backend's outputs for each input."""
    return [backend.run(one) for one in inputs]


def _twice(specs: Sequence[TensorSpec], feed: Arrays) -> Arrays:
    return {tensor_spec.name: feed[tensor_spec.name].repeat(2, 0) for tensor_spec in specs}


def summary(results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what `measured` found, as the manifest keeps it."""
    table = {}
    for device, facts in results.items():
        verdict: Verdict = facts["verdict"]
        figures = {name: float(f"{value:.5g}") for name, value in verdict.figures.items()}
        table[device] = {"ms": float(f"{facts['ms']:.4g}"), **figures}
    return table
