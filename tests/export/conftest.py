"""Checkpoints and converted models, built once a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from export.__main__ import main
from tests.golden.checkpoints import NAMES, write_checkpoint

Convert = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def _one_torch_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name → .pth file of the seed dev-1, in its published container."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return {name: write_checkpoint(name, folder / f"{name}.pth") for name in NAMES}


@pytest.fixture(scope="session")
def plain(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all six networks converted with --plain."""
    folder = tmp_path_factory.mktemp("plain")
    for name, path in checkpoints.items():
        assert main(["convert", name, str(path), "-o", str(folder), "--plain"]) == 0
    return folder


@pytest.fixture(scope="session")
def converted(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four networks of wav2lip-hq, converted as the runtime wants them."""
    folder = tmp_path_factory.mktemp("converted")
    for name in ("wav2lip", "s3fd", "bisenet", "rrdbnet"):
        assert main(["convert", "auto", str(checkpoints[name]), "-o", str(folder)]) == 0
    return folder
