"""What model files there are, what is known of them, and whether they are whole."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lipsync_edge.errors import ModelError
from lipsync_edge.models.network import bundled_models, read_manifest, verify_model
from lipsync_edge.models.spec import load_spec


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One model file: its card's name and role, precision, size and folder."""

    name: str
    role: str
    precision: str
    size_bytes: int
    folder: Path


def model_folders(models: Path | None) -> list[Path]:
    """Return the user's folder, when given, and that of the bundled models."""
    if models is not None and not models.is_dir():
        raise ModelError(expected="a folder of models", got=f"nothing at {models}")
    return ([models] if models else []) + [bundled_models()]


def model_paths(models: Path | None) -> list[Path]:
    """Return every NAME.PRECISION.onnx of the folders, the user's first."""
    return [p for folder in model_folders(models) for p in sorted(folder.glob("*.*.onnx"))]


def list_models(models: Path | None = None) -> list[ModelFile]:
    """Describe every model file."""
    out = []
    for path in model_paths(models):
        name, precision = path.name.rsplit(".", 2)[:2]
        role = load_spec(name, path.parent).role
        out.append(ModelFile(name, role, precision, path.stat().st_size, path.parent))
    return out


def model_info(name: str, models: Path | None = None) -> dict[str, Any]:
    """Return a card and, for each of its files, what the manifest measured."""
    files: dict[str, Any] = {}
    for folder in reversed(model_folders(models)):
        if (folder / "manifest.json").is_file():
            files |= {k: v for k, v in read_manifest(folder).items() if k.rsplit(".", 2)[0] == name}
    return {"card": asdict(load_spec(name, models)), "files": files}


def verify_models(models: Path | None = None) -> list[str]:
    """Check sha256 and card digest of every file; return their names.

    Raises:
        ManifestError: a file differs from its manifest; the first one is named.
    """
    paths = model_paths(models)
    for path in paths:
        verify_model(path, load_spec(path.name.rsplit(".", 2)[0], path.parent))
    return [path.name for path in paths]
