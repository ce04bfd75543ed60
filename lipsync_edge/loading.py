"""From a preset's name to a loaded engine: the only function that opens model files."""

from __future__ import annotations

from pathlib import Path

from lipsync_edge.engine import Engine
from lipsync_edge.errors import LipsyncError
from lipsync_edge.face.detector import Detector
from lipsync_edge.models import autotune
from lipsync_edge.models.network import Network, load_network
from lipsync_edge.models.preset import Preset, load_preset
from lipsync_edge.render.enhance import Enhancer
from lipsync_edge.render.lips import Lips
from lipsync_edge.render.segment import Segmenter


def load(
    *,
    preset: str | Preset = "lite",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    models: str | Path | None = None,
) -> Engine:
    """Load every network of a preset.

    With device "auto" and nothing but the package's own models, the configuration that `lipsync-edge bench` found to
    be the fastest on this machine is taken (`lipsync_edge.models.autotune`); `Engine.chosen` says so.

    Args:
        preset: a name of `lipsync_edge.models.preset.preset_names()`, or a `Preset` of your own.
        device: one of `lipsync_edge.models.backend.DEVICES`; only "auto" may fall back.
        precision: "auto", "fp32", "fp16" or "int8".
        threads: threads that one network call may use; None leaves it to the runtime.
        models: folder with your own converted models; the bundled ones need none.

    Raises:
        UsageError: unknown preset, device or precision.
        ModelError: a network is missing, damaged or not what its card says.
        DeviceError: a device that was asked for by name cannot run here.
    """
    wanted = load_preset(preset) if isinstance(preset, str) else preset
    folder = Path(models) if models is not None else None
    if device != "auto":
        return _open(wanted, device, precision, threads, folder, "as asked")
    best = autotune.fastest(wanted.name, precision) if isinstance(preset, str) and folder is None else None
    why = "auto: not measured here, lipsync-edge bench would"
    if best is not None:
        why = f"auto: the fastest of lipsync-edge bench here, {best.when}, {best.fps:.0f} fps"
        try:
            return _open(wanted, best.device, best.precision, threads, folder, why)
        except LipsyncError as error:
            why = f"auto: {best.device}, the fastest of lipsync-edge bench, does not open: {error.got}"
    return _open(wanted, device, precision, threads, folder, why)


def _open(
    preset: Preset, device: str, precision: str, threads: int | None, models: Path | None, why: str
) -> Engine:
    def network(name: str) -> Network:
        return load_network(name, models=models, device=device, precision=precision, threads=threads)

    return Engine(
        preset=preset,
        detector=Detector(network(preset.detect)),
        lips=Lips(network(preset.lips)),
        segmenter=Segmenter(network(preset.segment)) if preset.segment else None,
        enhancer=Enhancer(network(preset.enhance)) if preset.enhance else None,
        chosen=why,
    )
