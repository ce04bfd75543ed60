"""An ONNX file of Wav2Lip that somebody already has → ours: inputs found by shape, checked, wrapped, with its spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from lipsync_edge.models.backend import open_backend
from lipsync_edge.models.spec import SPECS, ModelSpec, load_spec

from . import measure
from .convert import clean
from .errors import ExternalDataError, GraphError, NotFiniteError, UnreadableCheckpointError
from .store import publish, staging, tool_versions

EDGE = 96
LEAST_OPSET = 11
SHOWN = 5


def adopt(path: Path, network: str, out_dir: Path) -> list[Path]:
    """Write `NAME.fp32.onnx`, its spec and its manifest entry into `out_dir`, or nothing at all.

    Args:
        path: an ONNX file that takes mel (B, 1, 80, 16) and face (B, 6, 96, 96), float32, and gives (B, 3, 96, 96).
        network: "wav2lip".
        out_dir: made when it does not exist.

    Raises:
        UnreadableCheckpointError, ExternalDataError, GraphError, NotFiniteError: see `errors`.
    """
    spec = load_spec(network)
    model = read_graph(path)
    mel, face, out = find_tensors(model, path.name)
    wrapped = wrap(free_batch(model), mel, face, out, spec)
    with staging(out_dir) as stage:
        name = f"{network}.fp32.onnx"
        onnx.save(wrapped, str(stage / name))
        error = _check(model, stage / name, (mel, face, out), path.name)
        (stage / f"{network}.toml").write_bytes((SPECS / f"{network}.toml").read_bytes())
        entry = {
            "card": spec.name,
            "card_digest": spec.digest(),
            "precision": "fp32",
            "parameters": measure.parameters(wrapped),
            "macs": measure.macs(wrapped, {"face": [1, EDGE, EDGE, 3], "mel": [1, 80, 16]}),
            "adopted": {"mel": mel, "face": face, "out": out},
            "error": {"original_max_of_range": float(f"{error:.3g}")},
            "tools": tool_versions(),
            "licence": spec.licence,
        }
        return publish(stage, out_dir, {name: entry})


def read_graph(path: Path) -> onnx.ModelProto:
    """Read and check a foreign ONNX file; nothing outside its folder is opened."""
    try:
        model = measure.load_graph(path)
        if not model.graph.node:
            raise ValueError("no graph in it")
    except Exception as error:  # protobuf's DecodeError has no common base with OSError or ValueError
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise UnreadableCheckpointError(expected=f"an ONNX model in {path.name}", got=reason) from None
    take_external(model, path)
    for tensor in model.graph.initializer:
        if tensor.data_type in measure.FLOATS and not np.isfinite(numpy_helper.to_array(tensor)).all():
            raise NotFiniteError(
                expected=f"finite weights in {path.name}", got=f"NaN or infinity in {tensor.name}"
            )
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise UnreadableCheckpointError(
            expected=f"a valid ONNX model in {path.name}", got=str(error)[:200]
        ) from None
    if next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0) < LEAST_OPSET:
        raise GraphError(
            expected=f"opset {LEAST_OPSET} or newer in {path.name}", got="an older one", fix="export it again"
        )
    return model


def take_external(model: onnx.ModelProto, path: Path) -> None:
    """Read tensors that live in other files, in place; only files of the model's own folder are opened.

    Raises:
        ExternalDataError: a tensor lives outside the folder, or its file is missing or too short.
    """
    folder = path.parent.resolve()
    outside = [t for t in _tensors(model.graph) if t.data_location == TensorProto.EXTERNAL or t.external_data]
    for tensor in outside:
        where = next((e.value for e in tensor.external_data if e.key == "location"), "")
        target = (folder / where).resolve()
        if not where or folder not in target.parents or not target.is_file():
            raise ExternalDataError(
                expected=f"the weights of {path.name} inside it or in its own folder",
                got=f"{tensor.name} in {where!r}",
                fix="save it as one file where it was made: onnx.save(onnx.load(FILE), NEW)",
            )
    try:
        for tensor in outside:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
            tensor.data_location = TensorProto.DEFAULT
            del tensor.external_data[:]
    except Exception as error:  # onnx raises ValueError, OSError or its own ValidationError here
        raise ExternalDataError(
            expected=f"whole weight files beside {path.name}", got=str(error)[:200]
        ) from None


def _tensors(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    found = [*graph.initializer, *(part for s in graph.sparse_initializer for part in (s.values, s.indices))]
    for attribute in (a for node in graph.node for a in node.attribute):
        found += [attribute.t] if attribute.HasField("t") else []
        found += attribute.tensors
        for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
            found += _tensors(inner)
    return found


def _axes(value: onnx.ValueInfoProto) -> list[int | str]:
    return [
        d.dim_value if d.HasField("dim_value") else d.dim_param or "?"
        for d in value.type.tensor_type.shape.dim
    ]


def find_tensors(model: onnx.ModelProto, source: str) -> tuple[str, str, str]:
    """Return the names of mel, face and output, told apart by their shapes."""
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]

    def one(values: list[onnx.ValueInfoProto], shape: tuple[int, ...]) -> list[str]:
        fits = [
            v
            for v in values
            if len(a := _axes(v)) == 4 and all(w in (h, None) for w, h in zip(shape, a[1:], strict=True))
        ]
        return [v.name for v in fits if v.type.tensor_type.elem_type == TensorProto.FLOAT]

    mel, face = one(inputs, (1, 80, 16)), one(inputs, (6, EDGE, EDGE))
    outs = list(model.graph.output)
    out = one(outs, (3, EDGE, EDGE)) or [v.name for v in outs if len(outs) == 1]
    if len(inputs) != 2 or len(mel) != 1 or len(face) != 1 or len(out) != 1:
        have = ", ".join(f"{v.name} {_axes(v)}" for v in [*inputs, *outs][:SHOWN])
        raise GraphError(
            expected=f"inputs (B, 1, 80, 16) and (B, 6, 96, 96) and one output (B, 3, 96, 96) in {source}",
            got=have,
            fix="only Wav2Lip's own 96-pixel generator can be adopted",
        )
    return mel[0], face[0], out[0]


def free_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose inputs and outputs have a free first axis; stale inner shapes are dropped."""
    free = onnx.ModelProto()
    free.CopyFrom(model)
    constants = {tensor.name for tensor in free.graph.initializer}
    kept = [value for value in free.graph.input if value.name not in constants]
    del free.graph.input[:]
    free.graph.input.extend(kept)
    for value in [*free.graph.input, *free.graph.output]:
        dims = value.type.tensor_type.shape.dim
        if dims:
            dims[0].dim_param = "batch"
    del free.graph.value_info[:]
    return clean(free)


def wrap(model: onnx.ModelProto, mel: str, face: str, out: str, spec: ModelSpec) -> onnx.ModelProto:
    """Return the graph with uint8 NHWC BGR in and float NHWC BGR out, as the spec says."""
    inner = compose.add_prefix(model, "net/")
    mask = (np.arange(EDGE) < EDGE // 2).astype(np.float32).reshape(1, 1, EDGE, 1)
    constants: dict[str, Any] = {
        "pre/scale": np.array(spec.normalise.scale, np.float32),
        "pre/upper": mask,
        "pre/shape": np.array([-1, 1, 80, 16], np.int64),
    }
    before = [
        helper.make_node("Transpose", ["face"], ["pre/nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["pre/nchw"], ["pre/float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["pre/float", "pre/scale"], ["pre/face"]),
        helper.make_node("Mul", ["pre/face", "pre/upper"], ["pre/masked"]),
        helper.make_node("Concat", ["pre/masked", "pre/face"], [f"net/{face}"], axis=1),
        helper.make_node("Reshape", ["mel", "pre/shape"], [f"net/{mel}"]),
    ]
    after = [helper.make_node("Transpose", [f"net/{out}"], ["image"], perm=[0, 2, 3, 1])]
    graph = helper.make_graph(
        [*before, *inner.graph.node, *after],
        spec.name,
        [
            helper.make_tensor_value_info("face", TensorProto.UINT8, ["batch", EDGE, EDGE, 3]),
            helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["batch", 80, 16]),
        ],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", EDGE, EDGE, 3])],
        [
            *inner.graph.initializer,
            *(numpy_helper.from_array(value, name) for name, value in constants.items()),
        ],
    )
    imports = [
        helper.make_opsetid("" if o.domain == "ai.onnx" else o.domain, o.version) for o in model.opset_import
    ]
    return clean(helper.make_model(graph, opset_imports=imports, ir_version=min(model.ir_version, 10)))


def _check(original: onnx.ModelProto, wrapped: Path, names: tuple[str, str, str], source: str) -> float:
    """Run both files on the same face, batch 2 if the original may; return the largest difference of the range."""
    path = wrapped.with_name("original.tmp.onnx")
    onnx.save(free_batch(original), str(path))
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (2, EDGE, EDGE, 3), dtype=np.uint8)
    mel = rng.uniform(-4, 4, (2, 80, 16)).astype(np.float32)
    crop = image.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    masked = crop.copy()
    masked[:, :, EDGE // 2 :] = 0
    try:
        want = open_backend(path, "cpu").run(
            {names[0]: mel[:, None], names[1]: np.concatenate([masked, crop], 1)}
        )
        got = open_backend(wrapped, "cpu").run({"face": image, "mel": mel})["image"]
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise GraphError(
            expected=f"a graph in {source} that runs with a batch of two",
            got=str(error).splitlines()[0][:200],
        ) from None
    finally:
        path.unlink(missing_ok=True)
    worst = measure.relative_error(got.transpose(0, 3, 1, 2), want[names[2]])
    if got.shape != image.shape or not worst <= 1e-4 or got.min() < -1e-3 or got.max() > 1 + 1e-3:
        raise GraphError(
            expected=f"pictures (2, {EDGE}, {EDGE}, 3) in 0…1 from {source}",
            got=f"{got.shape}, {got.min():.3g}…{got.max():.3g}, error {worst:.2g}",
        )
    return worst
