"""Small tables of the site that are made of the code: extras, presets, networks, exit codes, figures, modules."""

from __future__ import annotations

import ast
import json
import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from browser_table import browser_tables
from kinds_of_rows import tables_by_kind
from speed_tables import grid

from lipsync_edge.toml_reader import read_toml

__all__ = ["TABLES", "grid"]

PURPOSES = {
    "cpu": "ONNX Runtime on the processor; what most machines need",
    "gpu": "ONNX Runtime with CUDA and TensorRT, instead of `cpu`",
    "openvino": "OpenVINO: Intel processors, graphics and NPUs",
    "serve": "`lipsync-edge serve`: the page and its API",
    "webrtc": "`lipsync-edge serve`: players by WebRTC, a microphone in the page",
    "studio": "`lipsync-edge studio`: the page for people who do not type commands",
    "livekit": "an avatar in LiveKit Agents",
    "pipecat": "an avatar in Pipecat",
    "virtualcam": "`lipsync-edge live --out virtualcam`",
    "mic": "`lipsync-edge live --audio mic`",
    "cluster": "`lipsync-edge batch --ray`: many machines, and storages behind URLs",
    "export": "convert, adopt, quantize and validate your own checkpoints; brings PyTorch",
    "eval": "the sync figures of `lipsync-edge eval`, and its report as a picture",
    "train": "voices made for training the audio encoder",
    "bench": "plots of `lipsync-edge bench`",
    "docs": "building these pages",
    "dev": "tests, lint and types",
}
"""What an extra of `pyproject.toml` is for."""


def extras_table(root: Path) -> str:
    """One row an extra: what it is for and what it installs."""
    project = read_toml(root / "pyproject.toml")["project"]
    rows = [
        [f"`{name}`", PURPOSES.get(name, "-"), ", ".join(f"`{_name(one)}`" for one in packages)]
        for name, packages in project["optional-dependencies"].items()
    ]
    return grid(["extra", "for", "installs"], rows)


def presets_table(root: Path) -> str:
    """One row a preset: its networks and its own description; the bundled ones first."""
    bundled = {path.name.split(".")[0] for path in (root / "models_onnx").glob("*.onnx")}
    rows = []
    for path in sorted((root / "lipsync_edge").rglob("presets/*.toml")):
        preset = read_toml(path)
        networks = [
            preset[role] for role in ("detect", "identity", "lips", "enhance", "segment") if preset.get(role)
        ]
        own = [name for name in networks if name not in bundled]
        rows.append(
            (bool(own), len(networks), [f"`{path.stem}`", preset["description"], ", ".join(own) or "none"])
        )
    return grid(["preset", "what it is", "networks you convert yourself"], [row for *_, row in sorted(rows)])


def exit_codes_table(root: Path) -> str:
    """One row an exit code: the errors that end with it."""
    from lipsync_edge import errors

    by_code: dict[int, list[type[errors.LipsyncError]]] = {}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.LipsyncError):
            by_code.setdefault(kind.exit_code, []).append(kind)
    rows = [["0", "done", "-"]]
    for code, kinds in sorted(by_code.items()):
        meaning = (kinds[0].__doc__ or "").splitlines()[0].rstrip(".:")
        rows.append([str(code), meaning, ", ".join(f"`{kind.__name__}`" for kind in kinds)])
    return grid(
        ["exit code", "meaning", "raised in Python as"], [*rows, ["130", "interrupted by Ctrl-C", "-"]]
    )


def bundled_table(root: Path) -> str:
    """One row a bundled network: its card's first sentence."""
    rows = []
    for card in sorted((root / "models_onnx").glob("*.md")):
        paragraph = next(line for line in card.read_text("utf-8").splitlines()[1:] if line.strip())
        rows.append([f"[{card.stem}]({card.name})", paragraph.split(". ")[0].rstrip(".")])
    return grid(["network", "what it does"], rows)


def figures_table(root: Path) -> str:
    """One row a figure of `eval`: what it is."""
    import lipsync_edge.eval as room

    for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        definitions = getattr(import_module(found.name), "DEFINITIONS", None)
        if definitions is not None:
            return grid(["figure", "meaning"], [[one.label, one.meaning] for one in definitions.values()])
    raise LookupError("no module of lipsync_edge.eval has DEFINITIONS")


def mark_cost_table(root: Path) -> str:
    """One row a size of film: what its marks take."""

    def make(rows: dict[str, Any]) -> str:
        lines = [
            [
                f"{row['bytes'] / 1e6:.0f} MB",
                f"{row['mark_cpu_s']:.2f} s",
                f"{row['copy_cpu_s']:.2f} s",
                f"{row['check_cpu_s']:.2f} s",
                f"{row['added_bytes'] / 1e3:.1f} kB",
                f"{row['memory_mb']:.0f} MB",
            ]
            for row in rows["mark"]
        ]
        heads = ["film", "marks", "a plain copy", "`mark check`", "the file grows by", "memory"]
        return grid(heads, lines) + "\n\nSeconds of one processor; `python -m benchmarks mark`."

    return tables_by_kind(root / "benchmarks" / "results", ["mark"], make)


def hostile_table(root: Path) -> str:
    """One row a part of what was tried with hostile inputs."""
    found = json.loads((root / "benchmarks" / "results" / "hostile.json").read_text("utf-8"))
    said = {
        "media": "damaged films, stills and sounds, through the command line",
        "bombs": "small files that claim to be huge",
        "parsers": "inputs that a search made for the parsers of the package",
        "kills": "runs killed at random moments",
    }
    lines = [
        [
            said[row["part"]],
            str(row["runs"]),
            str(sum(row["faults"].values()) if isinstance(row["faults"], dict) else row["faults"]),
            f"{row['slowest_cpu_s']:.1f} s" if "slowest_cpu_s" in row else "-",
            f"{row['peak_mb']} MB" if "peak_mb" in row else "-",
        ]
        for row in found
    ]
    heads = ["tried", "runs", "faults", "most processor time", "most memory"]
    return grid(heads, lines) + "\n\n`python -m benchmarks hostile` makes this table."


def watermarks_table(root: Path) -> str:
    """One row a watermark that was measured."""
    path = root / "benchmarks" / "results" / "watermark.json"
    attacks = {
        "h264_crf18": "as written",
        "h264_crf28": "CRF 28",
        "half": "half size",
        "screenshot": "screenshot",
    }
    lines = [
        [
            f"`{row['method']}`",
            *(f"{row['detected'][name]:.0%}" for name in attacks),
            f"{sum(row['false'].values())} of {len(row['false']) * row['clips']}",
            f"{row['loss_db']:.1f} dB",
            f"{row['seconds_a_frame']:.2f} s",
        ]
        for row in json.loads(path.read_text("utf-8"))
    ]
    heads = ["method", *(f"found: {said}" for said in attacks.values()), "false alarms", "costs", "a frame"]
    return grid(heads, lines)


def modules_table(root: Path) -> str:
    """A table for each folder of the package: its modules and the first lines of their docstrings."""
    package = root / "lipsync_edge"
    folders = [
        package,
        *sorted(path.parent for path in package.rglob("__init__.py") if path.parent != package),
    ]
    parts = []
    for folder in folders:
        name = folder.relative_to(package).as_posix()
        paths = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
        rows = [[f"`{path.stem}`", _first_line(path)] for path in paths]
        parts.append(
            f"### {'lipsync_edge' if name == '.' else name}\n\n{_first_line(folder / '__init__.py')}\n"
        )
        parts.append(grid(["module", "what it holds"], rows) + "\n" if rows else "")
    return "\n".join(parts)


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "-"
    return docstring.splitlines()[0]


def _name(requirement: str) -> str:
    """A requirement without its version and marker."""
    return requirement.split(";")[0].split(">")[0].split("<")[0].split("=")[0].strip()


TABLES: dict[str, Callable[[Path], str]] = {
    "extras": extras_table,
    "presets": presets_table,
    "exit_codes": exit_codes_table,
    "bundled": bundled_table,
    "figures": figures_table,
    "hostile": hostile_table,
    "mark_cost": mark_cost_table,
    "modules": modules_table,
    "watermarks": watermarks_table,
    "browser": browser_tables,
}
"""What may stand in a page as `<!-- generated: NAME -->`."""
