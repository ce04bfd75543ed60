"""Card + backend → a shape-checked, batched call, the same for all networks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.errors import ManifestError, ModelError, UsageError
from lipsync_edge.models.backend import Arrays, Backend, open_backend
from lipsync_edge.models.spec import ModelSpec, TensorSpec, load_spec

PRECISIONS = ("auto", "fp32", "fp16", "int8")
AUTO_ORDER = {"cuda": ("fp16", "fp32", "int8"), "tensorrt": ("fp16", "fp32", "int8")}


class Network:
    """A callable network: keyword arrays in, a dict of arrays out, both checked against the card."""

    def __init__(self, spec: ModelSpec, backend: Backend, precision: str = "fp32", sha256: str = "") -> None:
        self.spec = spec
        self.backend = backend
        self.precision = precision
        self.sha256 = sha256  # of the model file; empty for a network that came from none
        wanted = (
            {tensor_spec.name for tensor_spec in spec.inputs},
            {tensor_spec.name for tensor_spec in spec.outputs},
        )
        if (set(backend.inputs), set(backend.outputs)) != wanted:
            raise ModelError(
                expected=f"inputs {sorted(wanted[0])} and outputs {sorted(wanted[1])} (card {spec.name})",
                got=f"inputs {sorted(backend.inputs)} and outputs {sorted(backend.outputs)}",
                fix="convert the model again with lipsync-edge convert",
            )

    @property
    def device(self) -> str:
        """Where the graph really runs, e.g. "cpu" or "openvino:CPU"."""
        return self.backend.device

    def __call__(self, **feeds: npt.NDArray[Any]) -> Arrays:
        """Run the graph.

        Args:
            **feeds: one array for every input of the card, by name; any batch size from 1.

        Returns:
            One array for every output of the card.

        Raises:
            ValueError: an array is missing, or has another shape or dtype than the card says.
        """
        free: dict[str, int] = {}
        for tensor_spec in self.spec.inputs:
            if tensor_spec.name not in feeds:
                raise ValueError(f"{self.spec.name}: input {tensor_spec.name!r} is missing")
            _match(self.spec.name, tensor_spec, feeds[tensor_spec.name], free)
        return self.backend.run({name: np.ascontiguousarray(value) for name, value in feeds.items()})


def _match(spec: str, tensor_spec: TensorSpec, array: npt.NDArray[Any], free: dict[str, int]) -> None:
    ok = array.dtype == np.dtype(tensor_spec.dtype) and array.ndim == len(tensor_spec.axes)
    ok = ok and all(
        have == (free.setdefault(want, have) if isinstance(want, str) else want)
        for want, have in zip(tensor_spec.axes, array.shape, strict=True)
    )
    if not ok:
        raise ValueError(
            f"{spec}: input {tensor_spec.name} must be {tensor_spec.dtype} {tensor_spec.axes}, "
            f"got {array.dtype} {array.shape}"
        )


def bundled_models() -> Path:
    """Return the folder of the models that ship with the package (wheel or checkout)."""
    package = Path(__file__).parents[1]
    inside = package / "models_onnx"
    return inside if inside.is_dir() else package.parent / "models_onnx"


def load_network(
    name: str,
    *,
    models: Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
) -> Network:
    """Load `NAME.PRECISION.onnx` with its card, after checking both against the folder's manifest.

    Args:
        name: the card's name.
        models: folder of the user's models; the bundled ones are found without it.
        device: see `open_backend`.
        precision: "fp32", "fp16", "int8", or "auto": the fastest that is there (int8 first on a CPU, fp16
            first on CUDA).
        threads: threads one call may use.

    Raises:
        ModelError: no such file, or it is not what the card says.
        ManifestError: the file or its card changed since the manifest was written.
        DeviceError: the device cannot run here.
    """
    if precision not in PRECISIONS:
        raise UsageError(expected=f"a precision out of {', '.join(PRECISIONS)}", got=repr(precision))
    path = find_model(name, models=models, device=device, precision=precision)
    spec = load_spec(name, path.parent)
    sha256 = verify_model(path, spec)
    found = path.name.split(".")[-2]
    return Network(spec, open_backend(path, device, threads), found, sha256)


def find_model(name: str, *, models: Path | None, device: str = "auto", precision: str = "auto") -> Path:
    """Return the file of a network; ModelError lists where it was looked for."""
    folders = ([models] if models else []) + [bundled_models()]
    order = AUTO_ORDER.get(device, ("int8", "fp32", "fp16")) if precision == "auto" else (precision,)
    for folder in folders:
        for kind in order:
            path = folder / f"{name}.{kind}.onnx"
            if path.is_file():
                return path
    raise ModelError(
        expected=" or ".join(f"{name}.{kind}.onnx" for kind in order),
        got="no such file in " + " or ".join(str(folder) for folder in folders),
        fix=f"convert your checkpoint: lipsync-edge convert {name} CHECKPOINT -o DIR, then --models DIR",
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the `files` table of the folder's manifest.json: file name → measured facts."""
    path = folder / "manifest.json"
    try:
        files = json.loads(path.read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifestError(
            expected=f"a manifest.json in {folder}",
            got=f"{type(error).__name__}: {error}",
            fix="convert the models again",
        ) from error
    if not isinstance(files, dict):
        raise ManifestError(expected=f"a table of files in {path}", got=type(files).__name__)
    return files


def verify_model(path: Path, spec: ModelSpec) -> str:
    """Compare a model file with its manifest entry, sha256 and card digest; return the sha256."""
    entry = read_manifest(path.parent).get(path.name)
    if not isinstance(entry, dict):
        raise ManifestError(
            expected=f"an entry for {path.name} in manifest.json", got="none", fix="convert it again"
        )
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    for what, recorded, real in (
        ("sha256", entry.get("sha256"), sha256),
        ("card digest", entry.get("card_digest"), spec.digest()),
    ):
        if recorded != real:
            raise ManifestError(
                expected=f"{what} {str(recorded)[:12]} for {path.name}",
                got=real[:12],
                fix="the file or its card changed since it was made: convert or download it again",
            )
    return sha256
