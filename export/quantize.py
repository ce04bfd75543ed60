"""Float files → int8, fp16 and dynamic ones that are as good as their cards ask, or no file at all.

When int8 misses its gate, the nodes that hurt most alone go back to float, as few as are needed (bisection over the
ranked list), and the manifest says which.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx

from export import measure, qdq
from export.convert import clean
from export.errors import GateError
from export.gates import Verdict, judge
from export.samples import Scene, feeds, scenes
from export.store import publish, read_files, staging, tool_versions
from export.validate import measured, summary
from lipsync_edge.backend import Arrays, open_backend
from lipsync_edge.card import ModelCard, load_card
from lipsync_edge.errors import InputError, UsageError

GROUPS = 32  # nodes are tried out in at most so many groups, neighbours together
RANKING_SCENES = 3
JUDGED = 12  # scenes that a file is judged on; the others only calibrate


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A smaller file and what was found out about it."""

    model: onnx.ModelProto
    verdict: Verdict
    facts: dict[str, Any] = field(default_factory=dict)


def quantize_folder(
    models: Path,
    *,
    calibrate: Path | None = None,
    only: Sequence[str] | None = None,
    precisions: Sequence[str] = ("int8", "fp16"),
    samples: int = 32,
) -> Iterator[str]:
    """Quantize every `NAME.fp32.onnx` of a folder and bring its manifest up to date; yields a line for each file.

    Files whose float original and card did not change are left alone.

    Args:
        models: the folder.
        calibrate: a folder of videos and pictures of faces; None: made-up ones.
        only: names to do; None: all.
        precisions: out of int8, fp16, dynamic.
        samples: how many inputs to calibrate and judge with.

    Raises:
        GateError: files that could not be made good enough, named after all the others are done.
    """
    paths = sorted(models.glob("*.fp32.onnx")) if models.is_dir() else []
    names = [p.name.removesuffix(".fp32.onnx") for p in paths]
    if not names or set(only or ()) - set(names):
        wanted = f"{', '.join(only or ['*'])} as .fp32.onnx in {models}"
        raise InputError(expected=wanted, got=", ".join(names) or "none", fix="python -m export convert … first")
    failures: list[str] = []
    found: list[Scene] = []
    for name, path in zip(names, paths, strict=True):
        if only is not None and name not in only:
            continue
        yield from refresh(path)
        for precision in precisions:
            if _is_current(path, precision):
                yield f"{name}.{precision}: unchanged"
                continue
            found = found or scenes(calibrate, samples, models)
            try:
                yield quantize_file(path, precision, found)
            except GateError as error:
                failures.append(f"{name}.{precision}.onnx with {error.got}")
    if failures:
        fix = "calibrate with more and fitting material (--calibrate DIR --samples N), or stay with fp32"
        raise GateError(expected="every file as good as its card asks", got="; ".join(failures), fix=fix)


def refresh(fp32: Path) -> list[str]:
    """Enter a float file into its manifest when it is new there or changed."""
    card = load_card(fp32.name.removesuffix(".fp32.onnx"), fp32.parent)
    entry = read_files(fp32.parent).get(fp32.name, {})
    if entry.get("sha256") == _sha256(fp32) and entry.get("card_digest") in (card.digest(), "plain"):
        return []
    model = onnx.load(str(fp32))
    shapes = {spec.name: [_counted(card, a) for a in spec.axes] for spec in card.inputs}
    kept = {key: entry[key] for key in ("trained", "error") if key in entry and entry.get("sha256") == _sha256(fp32)}
    fresh = {
        "card": card.name,
        "card_digest": card.digest(),
        "precision": "fp32",
        "parameters": measure.parameters(model),
        "macs": measure.macs(model, shapes),
        "macs_at": shapes,
        "tools": tool_versions(),
        "licence": card.licence,
        **kept,
    }
    with staging(fp32.parent) as stage:
        (stage / fp32.name).write_bytes(fp32.read_bytes())
        publish(stage, fp32.parent, {fp32.name: fresh})
    return [f"{fp32.name}: entered into the manifest"]


def _counted(card: ModelCard, axis: int | str) -> int:
    if isinstance(axis, int):
        return axis
    sizes = {"detect": {"height": 192, "width": 320}, "enhance": {"height": 64, "width": 80}}
    if not card.name.startswith("edge_"):
        sizes = {"detect": {"height": 360, "width": 640}, "enhance": {"height": 96, "width": 96}}
    return sizes.get(card.role, {}).get(axis, 1)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_current(fp32: Path, precision: str) -> bool:
    target = fp32.with_name(fp32.name.replace(".fp32.", f".{precision}."))
    entry = read_files(fp32.parent).get(target.name, {})
    card = load_card(fp32.name.removesuffix(".fp32.onnx"), fp32.parent)
    same = entry.get("made_from") == _sha256(fp32) and entry.get("card_digest") == card.digest()
    return same and target.is_file() and entry.get("sha256") == _sha256(target)


def quantize_file(fp32: Path, precision: str, found: Sequence[Scene]) -> str:
    """Write one smaller file beside a float one, with its manifest entry; returns a line about it.

    Raises:
        GateError: even the mildest form is worse than the card allows; nothing is written.
    """
    card = load_card(fp32.name.removesuffix(".fp32.onnx"), fp32.parent)
    entry = read_files(fp32.parent).get(fp32.name, {})
    if entry.get("card_digest") == "plain":
        raise UsageError(
            expected="a model with its normalisation inside", got=f"{fp32.name}, converted with --plain", fix="convert without it"
        )
    inputs = list(feeds(card, list(found), fp32))
    target = fp32.name.replace(".fp32.", f".{precision}.")
    with staging(fp32.parent) as stage, tempfile.TemporaryDirectory(dir=stage) as work, _quiet():
        made = MAKERS[precision](card, fp32, inputs, Path(work))
        if not made.verdict.passed:
            raise GateError(
                expected=f"{target} to keep {card.gate.metric} at {getattr(card.gate, precision, card.gate.int8)}",
                got=made.verdict.text(),
            )
        onnx.save(made.model, str(stage / target))
        shared = {key: entry[key] for key in ("parameters", "macs", "macs_at") if key in entry}
        error = {name: float(f"{value:.5g}") for name, value in made.verdict.figures.items()}
        os.link(fp32, stage / fp32.name)
        facts = {"measured": summary(measured(stage / target, card, precision, inputs[:JUDGED])), **made.facts}
        (stage / fp32.name).unlink()
        fresh = {
            "card": card.name,
            "card_digest": card.digest(),
            "precision": precision,
            **shared,
            "error": {**error, "against": "fp32", "inputs": min(JUDGED, len(inputs))},
            "made_from": _sha256(fp32),
            "tools": tool_versions(),
            "licence": card.licence,
            **facts,
        }
        path = publish(stage, fp32.parent, {target: fresh})[0]
    return f"{target}: {made.verdict.text()}; {path.stat().st_size / 1e6:.2f} MB {made.facts or ''}".rstrip()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer's own warnings and log lines away; what matters of them is in the verdict."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(before)


def outputs(model: onnx.ModelProto | Path, inputs: Sequence[Arrays], work: Path, device: str = "cpu") -> list[Arrays]:
    """Return a graph's outputs for each input."""
    path = model if isinstance(model, Path) else work / "tried.onnx"
    if not isinstance(model, Path):
        onnx.save(model, str(path))
    backend = open_backend(path, device)
    return [backend.run(one) for one in inputs]


def make_int8(card: ModelCard, fp32: Path, inputs: Sequence[Arrays], work: Path) -> Made:
    """Static QDQ with as few nodes in float as the gate needs."""
    prepared = qdq.prepare(fp32, inputs, card.quant, work)
    judged = inputs[:: max(1, len(inputs) // JUDGED)][:JUDGED]
    want = outputs(fp32, judged, work)

    def attempt(keep: Sequence[str]) -> Made:
        model = qdq.quantized(prepared, keep)
        verdict = judge(card, "int8", judged, want, outputs(model, judged, work))
        facts = {"kept_float": list(keep), "largest_weight": qdq.largest_weight(model)}
        return Made(model, verdict, facts)

    made = attempt([])
    if made.verdict.passed:
        return made
    ranked, table = _ranked(card, prepared, judged[:RANKING_SCENES], want[:RANKING_SCENES], work)
    made = _fewest(ranked, attempt)
    return Made(made.model, made.verdict, {**made.facts, "sensitivity": table})


def _ranked(
    card: ModelCard, prepared: qdq.Prepared, judged: Sequence[Arrays], want: Sequence[Arrays], work: Path
) -> tuple[list[list[str]], list[dict[str, Any]]]:
    """Quantize one group of nodes at a time; the groups that lose most come first."""
    names = prepared.heavy()
    size = -(-len(names) // GROUPS)
    groups = [names[i : i + size] for i in range(0, len(names), size)]
    rows = []
    for group in groups:
        keep = [name for name in names if name not in set(group)]
        got = outputs(qdq.quantized(prepared, keep), judged, work)
        rows.append((judge(card, "int8", judged, want, got).margin, group))
    rows.sort(key=lambda row: row[0])
    table = [{"nodes": group, "margin": float(f"{margin:.4g}")} for margin, group in rows]
    return [group for _, group in rows], table


def _fewest(ranked: Sequence[Sequence[str]], attempt: Callable[[Sequence[str]], Made]) -> Made:
    """Return the attempt that keeps the fewest groups in float and passes; when none does, one that fails.

    The last group is never kept: a file without any int8 would be no int8 file.
    """

    def keep(count: int) -> list[str]:
        return [name for group in ranked[:count] for name in group]

    low, high = 0, len(ranked) - 1
    best = attempt(keep(high))
    if not best.verdict.passed:
        return best
    while high - low > 1:
        middle = (low + high) // 2
        made = attempt(keep(middle))
        if made.verdict.passed:
            high, best = middle, made
        else:
            low = middle
    return best


def make_fp16(card: ModelCard, fp32: Path, inputs: Sequence[Arrays], work: Path) -> Made:
    """Half precision inside, the card's own types at the edges."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    judged = inputs[:: max(1, len(inputs) // JUDGED)][:JUDGED]
    model = convert_float_to_float16(onnx.load(str(fp32)), keep_io_types=True)
    got = outputs(model, judged, work)
    return Made(clean(model), judge(card, "fp16", judged, outputs(fp32, judged, work), got))


def make_dynamic(card: ModelCard, fp32: Path, inputs: Sequence[Arrays], work: Path) -> Made:
    """int8 weights, ranges of activations measured at run time: no calibration, slower than static."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    judged = inputs[:: max(1, len(inputs) // JUDGED)][:JUDGED]
    path = work / "dynamic.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(onnx.load(str(fp32))), str(work / "shaped.onnx"))
    quantize_dynamic(
        work / "shaped.onnx", path, op_types_to_quantize=list(qdq.HEAVY), reduce_range=True, weight_type=QuantType.QInt8
    )
    model = clean(onnx.load(str(path)))
    return Made(model, judge(card, "dynamic", judged, outputs(fp32, judged, work), outputs(model, judged, work)))


MAKERS: dict[str, Callable[[ModelCard, Path, Sequence[Arrays], Path], Made]] = {
    "int8": make_int8,
    "fp16": make_fp16,
    "dynamic": make_dynamic,
}
