"""Writing results: beside the folder first, then renamed in, the manifest with them; a failure leaves nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lipsync_edge.errors import ManifestError, OutputError
from lipsync_edge.json_reader import parse_json

MANIFEST = "manifest.json"
TOOLS = ("torch", "onnx", "onnxruntime", "openvino")


@contextmanager
def staging(out_dir: Path) -> Iterator[Path]:
    """Give an empty folder on the same disk as `out_dir`; it is gone afterwards, whatever happened."""
    base = out_dir
    while not base.exists():
        base = base.parent
    if not base.is_dir():
        raise OutputError(
            expected="a folder to write to", got=f"a file at {base}", fix="choose another -o DIR"
        )
    try:
        folder = Path(tempfile.mkdtemp(prefix=".lipsync-export-", dir=base))
    except OSError as error:
        raise OutputError(expected=f"a folder that can be written under {base}", got=str(error)) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(stage: Path, out_dir: Path, entries: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    """Move finished files into `out_dir` and enter them in its manifest; returns their new paths.

    Args:
        stage: the folder of `staging`.
        out_dir: made when it does not exist.
        entries: file name → manifest entry without sha256 and bytes, which are measured here.
    """
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        files = {name: dict(entry) for name, entry in read_files(out_dir).items()}
        for name, entry in entries.items():
            raw = (stage / name).read_bytes()
            files[name] = {**entry, "sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
        whole = {"format": 1, "files": dict(sorted(files.items()))}
        (stage / MANIFEST).write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", "utf-8")
        for name in [p.name for p in stage.iterdir() if p.is_file() and p.name != MANIFEST]:
            (stage / name).replace(out_dir / name)
        (stage / MANIFEST).replace(out_dir / MANIFEST)
    except OSError as error:
        raise OutputError(expected=f"room to write in {out_dir}", got=str(error)) from error
    return [out_dir / name for name in entries]


def read_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the manifest's table of files; empty when there is no manifest yet."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        files = parse_json(path.read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifestError(
            expected=f"a manifest in {path}",
            got=f"{type(error).__name__}: {error}",
            fix="move it away and convert again",
        ) from error
    if not isinstance(files, dict):
        raise ManifestError(expected=f"a table of files in {path}", got=type(files).__name__)
    return files


def tool_versions() -> dict[str, str]:
    """Return name → version of the tools that make and check the files."""
    found = {}
    for name in TOOLS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
