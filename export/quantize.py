"""Float files → int8, fp16 and dynamic ones that are as good as their specs ask, or no file at all."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx

from lipsync_edge.errors import InputError, UsageError
from lipsync_edge.models.spec import ModelSpec, load_spec

from . import measure
from .catalogue import entry_of, feeds
from .errors import GateError
from .makers import MAKERS, gate_inputs
from .samples import Scene, scenes
from .store import publish, read_files, staging, tool_versions
from .validate import measured, summary


def quantize_folder(
    models: Path,
    *,
    calibrate: Sequence[Path] = (),
    only: Sequence[str] | None = None,
    precisions: Sequence[str] = ("int8", "fp16"),
    samples: int = 32,
) -> Iterator[str]:
    """Quantize every `NAME.fp32.onnx` of a folder and bring its manifest up to date; yields a line for each file.

    Files whose float original and spec did not change are left alone.

    Args:
        models: the folder.
        calibrate: folders of videos and pictures of faces; none: made-up ones.
        only: names to do; None: all.
        precisions: out of int8, fp16, dynamic.
        samples: how many inputs to calibrate and compare with.

    Raises:
        GateError: files that could not be made good enough, named after all the others are done.
    """
    failures: list[str] = []
    found: list[Scene] = []
    for name, path in _float_files(models, only).items():
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
        raise GateError(expected="every file as good as its spec asks", got="; ".join(failures), fix=fix)


def _float_files(models: Path, only: Sequence[str] | None) -> dict[str, Path]:
    """Return name → float file of those that were asked for.

    Raises:
        InputError: one that was asked for, or any at all, is not there.
    """
    paths = sorted(models.glob("*.fp32.onnx")) if models.is_dir() else []
    found = {path.name.removesuffix(".fp32.onnx"): path for path in paths}
    if not found or set(only or ()) - set(found):
        wanted = f"{', '.join(only or ['*'])} as .fp32.onnx in {models}"
        raise InputError(expected=wanted, got=", ".join(found) or "none", fix="lipsync-edge convert … first")
    return {name: path for name, path in found.items() if only is None or name in only}


def refresh(fp32: Path) -> list[str]:
    """Enter a float file into its manifest when it is new there or changed."""
    spec = load_spec(fp32.name.removesuffix(".fp32.onnx"), fp32.parent)
    entry = read_files(fp32.parent).get(fp32.name, {})
    if entry.get("sha256") == _sha256(fp32) and entry.get("card_digest") in (spec.digest(), "plain"):
        return []
    model = onnx.load(str(fp32))
    free = {"batch": 1, **entry_of(spec).counted}
    shapes = {one.name: [free[a] if isinstance(a, str) else a for a in one.axes] for one in spec.inputs}
    kept: dict[str, Any] = {
        key: entry[key]
        for key in ("trained", "error")
        if key in entry and entry.get("sha256") == _sha256(fp32)
    }
    fresh: dict[str, Any] = {
        "card": spec.name,
        "card_digest": spec.digest(),
        "precision": "fp32",
        "parameters": measure.parameters(model),
        "macs": measure.macs(model, shapes),
        "macs_at": shapes,
        "tools": tool_versions(),
        "licence": spec.licence,
        **kept,
    }
    with staging(fp32.parent) as stage:
        (stage / fp32.name).write_bytes(fp32.read_bytes())
        publish(stage, fp32.parent, {fp32.name: fresh})
    return [f"{fp32.name}: entered into the manifest"]


def _asked(spec: ModelSpec, precision: str) -> dict[str, Any]:
    """Return what the spec asks of a file: another answer means it must be made again."""
    least = spec.gate.fp16 if precision == "fp16" else spec.gate.int8
    return {"metric": spec.gate.metric, "least": least, "exclude": list(spec.quant.exclude)}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_current(fp32: Path, precision: str) -> bool:
    target = fp32.with_name(fp32.name.replace(".fp32.", f".{precision}."))
    entry = read_files(fp32.parent).get(target.name, {})
    spec = load_spec(fp32.name.removesuffix(".fp32.onnx"), fp32.parent)
    asked = entry.get("asked") == _asked(spec, precision)
    same = asked and entry.get("made_from") == _sha256(fp32) and entry.get("card_digest") == spec.digest()
    return same and target.is_file() and entry.get("sha256") == _sha256(target)


def quantize_file(fp32: Path, precision: str, found: Sequence[Scene]) -> str:
    """Write one smaller file beside a float one, with its manifest entry; returns a line about it.

    Raises:
        GateError: even the mildest form is worse than the spec allows; nothing is written.
    """
    spec = load_spec(fp32.name.removesuffix(".fp32.onnx"), fp32.parent)
    entry = read_files(fp32.parent).get(fp32.name, {})
    if entry.get("card_digest") == "plain":
        plain = f"{fp32.name}, converted with --plain"
        raise UsageError(
            expected="a model with its normalisation inside", got=plain, fix="convert without it"
        )
    inputs = list(feeds(spec, list(found), fp32))
    target = fp32.name.replace(".fp32.", f".{precision}.")
    with staging(fp32.parent) as stage, tempfile.TemporaryDirectory(dir=stage) as work, _quiet():
        made = MAKERS[precision](spec, fp32, inputs, Path(work))
        if not made.verdict.passed:
            least = getattr(spec.gate, precision, spec.gate.int8)
            wanted = f"{target} to keep {spec.gate.metric} at {least}"
            raise GateError(expected=wanted, got=made.verdict.text())
        onnx.save(made.model, str(stage / target))
        gated = gate_inputs(fp32, inputs)
        os.link(fp32, stage / fp32.name)  # what it is measured against lies beside it
        facts = {"measured": summary(measured(stage / target, spec, precision, gated)), **made.facts}
        (stage / fp32.name).unlink()
        error = {name: float(f"{value:.5g}") for name, value in made.verdict.figures.items()}
        fresh: dict[str, Any] = {
            "card": spec.name,
            "card_digest": spec.digest(),
            "precision": precision,
            **{key: entry[key] for key in ("parameters", "macs", "macs_at") if key in entry},
            "error": {**error, "against": "fp32", "inputs": len(gated)},
            "asked": _asked(spec, precision),
            "made_from": _sha256(fp32),
            "tools": tool_versions(),
            "licence": spec.licence,
            **facts,
        }
        path = publish(stage, fp32.parent, {target: fresh})[0]
    kept = f"; {len(made.facts['kept_float'])} nodes in float" if made.facts.get("kept_float") else ""
    return f"{target}: {made.verdict.text()}; {path.stat().st_size / 1e6:.2f} MB{kept}"


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
