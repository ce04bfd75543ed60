"""What a job's result depends on, as one digest: the content of its inputs, its options, the model files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from lipsync_edge.batch.job import BatchJob, Wishes
from lipsync_edge.digests import digest_of
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.models.registry import find_model, read_manifest


def job_digest(job: BatchJob, wishes: Wishes, content: Callable[[str], str]) -> str:
    """Return the digest of a job; two of the same give the same result.

    Args:
        job: with its files as they are named where `content` looks.
        wishes: what its options ask for.
        content: a file's name → digest of its content.
    """
    files = {name: content(name) for name in job.files}

    def without_places(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): without_places(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [without_places(one) for one in value]
        return files.get(str(value), str(value))

    return digest_of(
        {
            "version": version("lipsync-edge"),
            "out": job.out,
            "face": files[job.face],
            "audio": files.get(job.audio, ""),
            "options": without_places(asdict(wishes.options)),
            "preset": str(wishes.engine.preset),
            "device": wishes.engine.device,
            "models": models_of(wishes.engine),
        }
    )


@lru_cache(maxsize=32)
def models_of(engine: EngineOptions) -> tuple[tuple[str, str], ...]:
    """Return the files that options ask for and their sha256, as the manifests beside them say.

    Raises:
        ModelError: one is not there.
    """
    found = []
    for name in engine.read_preset().networks:
        path = find_model(name, models=engine.models, device=engine.device, precision=engine.precision)
        entry = read_manifest(path.parent).get(path.name)
        found.append((path.name, str(entry.get("sha256")) if isinstance(entry, dict) else ""))
    return tuple(found)
