"""The command `devices`: translation only."""

from __future__ import annotations

from lipsync_edge.cli.console import print_json, reporting, say
from lipsync_edge.cli.options import Json

BUNDLED = ("lite", "hq")


def devices(as_json: Json = False) -> None:
    """List what each backend can really run here, what would add the rest, and what `--device auto` takes."""
    with reporting(as_json):
        from lipsync_edge.models import stage_times
        from lipsync_edge.models.autotune import fastest
        from lipsync_edge.models.device_probe import probe_devices
        from lipsync_edge.models.engine_options import EngineOptions

        found, auto = probe_devices(), {preset: fastest(preset) for preset in BUNDLED}
        stages = {preset: stage_times.chosen(EngineOptions(preset=preset)) for preset in BUNDLED}
        if as_json:
            print_json({"devices": found, "auto": auto, "stages": stages})
            return
        for one in found:
            line = f"{'yes' if one.works else 'no ':3}  {one.name:14} {one.detail}"
            say(line + (f"   → {one.fix}" if one.fix and not one.works else ""))
        for preset, best in auto.items():
            how = "not measured   → the first run measures, or lipsync-edge bench"
            if best is None and stages[preset]:
                how = ", ".join(
                    f"{name} {one.device} {one.precision}" for name, one in stages[preset].items()
                )
            if best is not None:
                how = f"{best.device} {best.precision}, {best.fps:.0f} fps on {best.when}"
            say(f"auto {preset:14} {how}")
