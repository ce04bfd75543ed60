"""From a preset's name to a loaded engine: the only function that opens model files."""

from __future__ import annotations

from pathlib import Path

from lipsync_edge.detect import Detector
from lipsync_edge.engine import Engine
from lipsync_edge.enhance import Enhancer
from lipsync_edge.lips import Lips
from lipsync_edge.network import Network, load_network
from lipsync_edge.preset import Preset, load_preset
from lipsync_edge.segment import Segmenter


def load(
    *,
    preset: str | Preset = "lite",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    models: str | Path | None = None,
) -> Engine:
    """Load every network of a preset.

    Args:
        preset: a name of `lipsync_edge.preset.preset_names()`, or a `Preset` of your own.
        device: one of `lipsync_edge.backend.DEVICES`; only "auto" may fall back.
        precision: "auto", "fp32", "fp16" or "int8".
        threads: threads that one network call may use; None leaves it to the runtime.
        models: folder with your own converted models; the bundled ones need none.

    Raises:
        UsageError: unknown preset, device or precision.
        ModelError: a network is missing, damaged or not what its card says.
        DeviceError: a device that was asked for by name cannot run here.
    """
    chosen = load_preset(preset) if isinstance(preset, str) else preset
    folder = Path(models) if models is not None else None

    def network(name: str) -> Network:
        return load_network(name, models=folder, device=device, precision=precision, threads=threads)

    return Engine(
        preset=chosen,
        detector=Detector(network(chosen.detect)),
        lips=Lips(network(chosen.lips)),
        segmenter=Segmenter(network(chosen.segment)) if chosen.segment else None,
        enhancer=Enhancer(network(chosen.enhance)) if chosen.enhance else None,
    )
