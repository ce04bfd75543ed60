"""Network callable: spec and backend joined into a shape-checked, batched call, the same for all networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lipsync_edge.choices import PRECISIONS
from lipsync_edge.errors import ModelError, UsageError
from lipsync_edge.models.backend import Backend, open_backend
from lipsync_edge.models.registry import find_model, split_name, verify_model
from lipsync_edge.models.spec import ModelSpec, TensorSpec, load_spec
from lipsync_edge.types import Arrays


class Network:
    """A callable network: keyword arrays in, a dict of arrays out, both checked against the card.

    Attributes:
        spec: the card.
        backend: runs the graph.
        precision: of the file.
        sha256: of the file; empty for a network that came from none.
        fed: how many examples went through it so far, all batches together.
    """

    def __init__(self, spec: ModelSpec, backend: Backend, precision: str = "fp32", sha256: str = "") -> None:
        self.spec = spec
        self.backend = backend
        self.precision = precision
        self.sha256 = sha256
        self.fed = 0
        wanted = (
            {tensor_spec.name for tensor_spec in spec.inputs},
            {tensor_spec.name for tensor_spec in spec.outputs},
        )
        extras = {tensor_spec.name for tensor_spec in spec.extras}
        if (set(backend.inputs), set(backend.outputs) - extras) != wanted:
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
            One array for every output of the card, and for those of its extras that the file has.

        Raises:
            ValueError: an array is missing, or has another shape or dtype than the card says.
        """
        free: dict[str, int] = {}
        for tensor_spec in self.spec.inputs:
            if tensor_spec.name not in feeds:
                raise ValueError(f"{self.spec.name}: input {tensor_spec.name!r} is missing")
            _match(self.spec.name, tensor_spec, feeds[tensor_spec.name], free)
        self.fed += len(next(iter(feeds.values()), ()))
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
    return Network(spec, open_backend(path, device, threads), split_name(path)[1], sha256)
