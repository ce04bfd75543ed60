"""A folder with a face and some voices."""

import shutil
from pathlib import Path

import pytest

from tests.clips import write_clip, write_sound
from tests.scripted import SIZE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Has face.mp4 (10 frames), other.mp4, speech.wav (0.3 s), and copies of it that `Moody` engines mind."""
    place = tmp_path / "in"
    place.mkdir()
    write_clip(place / "face.mp4", 10, size=SIZE)
    write_clip(place / "other.mp4", 9, size=SIZE)
    write_sound(place / "speech.wav", 0.3)
    for name in ("kill", "exit", "once", "bug", "full"):
        shutil.copy(place / "speech.wav", place / f"{name}.wav")
    return place
