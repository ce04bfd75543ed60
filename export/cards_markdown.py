"""Model cards in Markdown, made of the spec, the manifest, the measured rows and the words of model_cards.toml."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipsync_edge.figures import markdown_table as table
from lipsync_edge.models.spec import ModelSpec, TensorSpec, load_spec
from lipsync_edge.toml_reader import read_toml

from .cards_figures import FIGURES

ROOT = Path(__file__).parents[1]
WORDS = Path(__file__).with_name("model_cards.toml")
RESULTS = ROOT / "benchmarks" / "results"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Everything a card is made of.

    Attributes:
        words: of model_cards.toml.
        files: the manifest's entries by file name.
        results: the folder of measured rows.
    """

    words: Row
    files: dict[str, Row]
    results: Path

    def rows(self, name: str) -> Any:
        """Return what benchmarks/results/NAME.json holds, or None where nothing was measured."""
        path = self.results / f"{name}.json"
        return json.loads(path.read_text("utf-8")) if path.is_file() else None


def write_cards(models: Path, results: Path = RESULTS) -> Iterator[str]:
    """Write NAME.md beside the models of a folder, for every network that has words; yields a line for each."""
    for name, text in render_cards(models, results).items():
        path = models / f"{name}.md"
        path.write_text(text, "utf-8")
        yield f"{name}: {path}"


def render_cards(models: Path, results: Path = RESULTS) -> dict[str, str]:
    """Return name → text of the card of each network of a folder."""
    words = read_toml(WORDS)
    manifest = json.loads((models / "manifest.json").read_text("utf-8"))
    known = Known(words, manifest["files"], results)
    names = sorted({entry["card"] for entry in known.files.values()} & set(words))
    return {name: render(load_spec(name), known) for name in names}


def render(spec: ModelSpec, known: Known) -> str:
    """Return one card."""
    words, common = known.words[spec.name], known.words["common"]
    files = {name: entry for name, entry in known.files.items() if entry["card"] == spec.name}
    parts = [
        f"# {spec.name}\n\n{words['what']} {sentence(spec.notes)}",
        "Made by `python -m export cards models_onnx` from the card, the manifest and the measured rows; not by hand.",
        f"## The network\n\n{words['architecture']}\n\n{shapes(spec)}\n\n{sizes(files)}\n\n{precisions(files)}",
        f"## Data and licence\n\n{data(spec, known)}",
        f"## Training\n\n{words['augmentation']}\n\n{training(spec.name, known)}",
        f"## Figures\n\n{FIGURES[spec.name](known.rows)}",
        f"## Limits\n\n{words['limits']}",
        f"## Intended use\n\n{common['use']}",
        f"## Misuse\n\n{common['misuse']}",
    ]
    return "\n\n".join(parts) + "\n"


def sentence(text: str) -> str:
    """Return the text with a capital and a full stop."""
    return text and text[0].upper() + text[1:].rstrip(".") + "."


def shapes(spec: ModelSpec) -> str:
    """Return inputs and outputs."""
    rows = [
        (way, t)
        for way, specs in (("in", spec.inputs), ("out", spec.outputs), ("out", spec.extras))
        for t in specs
    ]
    return table(["", "name", "type", "shape"], [[way, t.name, t.dtype, shape_of(t)] for way, t in rows])


def shape_of(tensor: TensorSpec) -> str:
    """Return the axes as one word."""
    return " × ".join(str(axis) for axis in tensor.axes)


def sizes(files: dict[str, Row]) -> str:
    """Return the files with their sizes and the work they do."""
    rows = []
    for name, entry in sorted(files.items()):
        at = ", ".join(f"{key} {'×'.join(map(str, shape))}" for key, shape in entry["macs_at"].items())
        megabytes, macs = entry["bytes"] / 1e6, entry["macs"] / 1e6
        rows.append(
            [
                f"`{name}`",
                f"{megabytes:.2f}",
                f"{entry['parameters']:,}",
                f"{macs:.0f} ({at})",
                f"`{entry['sha256'][:12]}…`",
            ]
        )
    return table(["file", "MB", "parameters", "million multiply-adds", "sha256"], rows)


def precisions(files: dict[str, Row]) -> str:
    """Return how near the smaller files are to the float one, as the export gates measured it."""
    lines = []
    for entry in files.values():
        if "asked" not in entry:
            continue
        metric, least = entry["asked"]["metric"], entry["asked"]["least"]
        got, inputs = entry["error"].get(metric), entry["error"].get("inputs")
        lines.append(
            f"{entry['precision']} against fp32: {metric} {got} over {inputs} inputs (the gate asks for {least})."
        )
    return " ".join(lines)


def data(spec: ModelSpec, known: Known) -> str:
    """Return what was learnt from, how much of it, and under which licence."""
    common, counted = known.words["common"], known.rows("training")
    out = [
        common["clips"],
        common["stills"],
        known.words[spec.name]["chosen"],
        common["teacher"],
        f"Origin: {sentence(spec.origin)}",
        f"Licence: {sentence(spec.licence)}",
    ]
    if counted:
        clips, stills = counted["clips"], counted["stills"]
        out[0] += (
            f" {clips['people']} people, {clips['clips']} clips, {clips['minutes']} minutes, {clips['frames']} labelled"
            f" frames; clips by person: {', '.join(f'{k} {v}' for k, v in clips['clips_by_person'].items())}."
        )
        by = "; ".join(f"{count} {licence}" for licence, count in stills["by_licence"].items())
        out[1] += f" {stills['stills']} stills, a face was labelled in {stills['labelled']}: {by}."
        if spec.name == "edge_lips":
            out[0] += f" Other voices made for them: {counted['other_voices']['voices']}."
    return "\n\n".join(out)


def training(name: str, known: Known) -> str:
    """Return the commands and how long they ran."""
    lines = "\n".join(known.words[name]["commands"])
    counted = known.rows("training")
    runs = counted["runs"].get(name, {}) if counted else {}
    body = [
        [part, str(run["steps"]), f"{run['minutes']:.0f}", str(run["cycles"]),
         ", ".join(f"{key} {value:.3g}" for key, value in run["losses"].items())]
        for part, run in runs.items()
    ]  # fmt: skip
    head = ["part", "steps", "minutes on one shared core", "cycles", "last losses, weighted"]
    return f"```\n{lines}\n```\n\n{table(head, body)}" if body else f"```\n{lines}\n```"
