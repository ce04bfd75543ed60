"""From options to a loaded engine: the only functions that open model files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lipsync_edge.engine import Engine
from lipsync_edge.errors import LipsyncError
from lipsync_edge.face.detector import Detector
from lipsync_edge.models import autotune
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.models.network import Network, load_network
from lipsync_edge.models.preset import Preset
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
        device: a name of `lipsync_edge.models.devices.DEVICES`, or "auto", which alone may fall back.
        precision: "auto", "fp32", "fp16" or "int8".
        threads: threads that one network call may use; None leaves it to the runtime.
        models: folder with your own converted models; the bundled ones need none.

    Raises:
        UsageError: unknown preset, device or precision.
        ModelError: a network is missing, damaged or not what its card says.
        DeviceError: a device that was asked for by name cannot run here.
    """
    folder = Path(models) if models is not None else None
    return load_engine(
        EngineOptions(preset=preset, device=device, precision=precision, threads=threads, models=folder)
    )


def load_engine(options: EngineOptions) -> Engine:
    """Load every network of a preset; see `load`."""
    if options.device != "auto":
        return _open(options, "as asked")
    why = "auto: not measured here, lipsync-edge bench would"
    best = autotune.fastest_for(options)
    if best is not None:
        why = f"auto: the fastest of lipsync-edge bench here, {best.when}, {best.fps:.0f} fps"
        try:
            return _open(replace(options, device=best.device, precision=best.precision), why)
        except LipsyncError as error:
            why = f"auto: {best.device}, the fastest of lipsync-edge bench, does not open: {error.got}"
    return _open(options, why)


def _open(options: EngineOptions, why: str) -> Engine:
    def network(name: str) -> Network:
        return load_network(
            name,
            models=options.models,
            device=options.device,
            precision=options.precision,
            threads=options.threads,
        )

    preset = options.read_preset()
    return Engine(
        preset=preset,
        detector=Detector(network(preset.detect)),
        lips=Lips(network(preset.lips)),
        segmenter=Segmenter(network(preset.segment)) if preset.segment else None,
        enhancer=Enhancer(network(preset.enhance)) if preset.enhance else None,
        chosen=why,
    )
