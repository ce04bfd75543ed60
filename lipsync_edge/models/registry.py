"""Registry of model files: finds them, lists them, tells what was measured of them, checks that they are whole."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lipsync_edge.errors import ManifestError, ModelError
from lipsync_edge.json_reader import parse_json
from lipsync_edge.models.devices import AUTO, precision_order
from lipsync_edge.models.spec import ModelSpec, load_spec


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One model file: its card's name and role, precision, size and folder."""

    name: str
    role: str
    precision: str
    size_bytes: int
    folder: Path


def bundled_models() -> Path:
    """Return the folder of the models that ship with the package (wheel or checkout)."""
    package = Path(__file__).parents[1]
    inside = package / "models_onnx"
    return inside if inside.is_dir() else package.parent / "models_onnx"


def model_folders(models: Path | None) -> list[Path]:
    """Return the user's folder, when given, and that of the bundled models."""
    return ([models] if models else []) + [bundled_models()]


def split_name(path: Path) -> tuple[str, str]:
    """Return card and precision of NAME.PRECISION.onnx, whose name may have dots; ManifestError for other names."""
    parts = path.name.rsplit(".", 2)
    if len(parts) != 3:
        raise ManifestError(expected="models called NAME.PRECISION.onnx", got=repr(path.name[:80]))
    return parts[0], parts[1]


def find_model(name: str, *, models: Path | None, device: str = AUTO, precision: str = AUTO) -> Path:
    """Return the file of a network; ModelError lists where it was looked for.

    Args:
        name: the card's name.
        models: folder of the user's models, which go before the bundled ones.
        device: decides which precision "auto" looks for first.
        precision: "fp32", "fp16", "int8" or "auto".
    """
    order = precision_order(device) if precision == AUTO else (precision,)
    folders = model_folders(models)
    for folder in folders:
        for kind in order:
            path = folder / f"{name}.{kind}.onnx"
            if path.is_file():
                return path
    raise ModelError(
        expected=" or ".join(f"{name}.{kind}.onnx" for kind in order),
        got="no such file in " + " or ".join(str(folder) for folder in folders),
        fix=f"convert your checkpoint: lipsync-edge convert {name} CHECKPOINT -o DIR, then --models DIR",
    )


def list_models(models: Path | None = None) -> list[ModelFile]:
    """Describe every model file, the user's first; ModelError when there is no such folder."""
    out = []
    for path in _files(models):
        name, precision = split_name(path)
        role = load_spec(name, path.parent).role
        out.append(ModelFile(name, role, precision, path.stat().st_size, path.parent))
    return out


def model_info(name: str, models: Path | None = None) -> dict[str, Any]:
    """Return a card and, for each of its files, what the manifest measured."""
    files: dict[str, Any] = {}
    for folder in reversed(_existing(models)):
        if (folder / "manifest.json").is_file():
            measured = read_manifest(folder).items()
            files |= {file: facts for file, facts in measured if split_name(Path(file))[0] == name}
    return {"card": asdict(load_spec(name, models)), "files": files}


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the `files` table of the folder's manifest.json: file name → measured facts."""
    path = folder / "manifest.json"
    try:
        files = parse_json(path.read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifestError(
            expected=f"a manifest.json in {folder}",
            got=f"{type(error).__name__}: {error}",
            fix="convert the models again",
        ) from error
    if not isinstance(files, dict):
        raise ManifestError(expected=f"a table of files in {path}", got=type(files).__name__)
    return files


def verify_model(path: Path, spec: ModelSpec) -> str:
    """Compare a model file with its manifest entry, sha256 and card digest; return the sha256."""
    entry = read_manifest(path.parent).get(path.name)
    if not isinstance(entry, dict):
        raise ManifestError(
            expected=f"an entry for {path.name} in manifest.json", got="none", fix="convert it again"
        )
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    for what, recorded, real in (
        ("sha256", entry.get("sha256"), sha256),
        ("card digest", entry.get("card_digest"), spec.digest()),
    ):
        if recorded != real:
            raise ManifestError(
                expected=f"{what} {str(recorded)[:12]} for {path.name}",
                got=real[:12],
                fix="the file or its card changed since it was made: convert or download it again",
            )
    return sha256


def verify_models(models: Path | None = None) -> list[str]:
    """Check sha256 and card digest of every file; return their names.

    Raises:
        ManifestError: a file differs from its manifest; the first one is named.
    """
    paths = _files(models)
    for path in paths:
        verify_model(path, load_spec(split_name(path)[0], path.parent))
    return [path.name for path in paths]


def _existing(models: Path | None) -> list[Path]:
    if models is not None and not models.is_dir():
        raise ModelError(expected="a folder of models", got=f"nothing at {models}")
    return model_folders(models)


def _files(models: Path | None) -> list[Path]:
    return [path for folder in _existing(models) for path in sorted(folder.glob("*.*.onnx"))]
