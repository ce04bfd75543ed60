"""The bundled networks on a face and a voice: what changes in the picture, where, and what makes it change."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

import lipsync_edge as le
from lipsync_edge.audio.reader import read_audio
from lipsync_edge.demo import demo_files
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.still_image import read_image
from tests.clips import times_of, write_clip
from tests.video.test_writer import as_opencv_reads

SECONDS, FPS = 1.6, Fraction(30_000, 1001)
FRAMES = 48  # ceil(1.6 * 29.97)


@pytest.fixture(scope="module")
def engine() -> le.Engine:
    return le.load(preset="lite", device="cpu", threads=2)


@pytest.fixture(scope="module")
def films(engine: le.Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[np.ndarray]]:
    """Pictures of a head that moves gently: the source, and driven by speech, by later speech, by silence."""
    folder = tmp_path_factory.mktemp("films")
    still, speech = demo_files()
    picture = cv2.resize(read_image(still), (480, 480), interpolation=cv2.INTER_AREA)
    moved = []
    for i in range(FRAMES):
        turn = cv2.getRotationMatrix2D((240, 300), 2 * np.sin(i / 9), 1 + 0.01 * np.cos(i / 7))
        moved.append(cv2.warpAffine(picture, turn, (480, 480), borderMode=cv2.BORDER_REFLECT))
    face = write_clip(folder / "kopf ö.mp4", moved, fps=FPS)
    voice = read_audio(speech)
    length = round(SECONDS * 16_000)
    sounds = {
        "speech": voice[:length],
        "later": voice[length : 2 * length],
        "silence": np.zeros(length, np.float32),
    }
    films = {"source": [frame.image_bgr for frame in VideoReader(face)]}
    for name, samples in sounds.items():
        soundfile.write(str(folder / f"{name}.wav"), samples, 16_000)
        out = folder / f"{name}.mp4"
        result = engine.run(face, folder / f"{name}.wav", out, options=le.RunOptions(crf=0))
        assert (result.frames, result.frames_without_face) == (FRAMES, 0)
        assert times_of(out) == [i / FPS for i in range(FRAMES)]
        assert len(read_audio(out)) / 16_000 == pytest.approx(SECONDS, abs=0.07)
        films[name] = as_opencv_reads(out)[1]
        assert len(films[name]) == FRAMES
    return films


def mouths(engine: le.Engine, frames: list[np.ndarray]) -> list[tuple[float, float, float]]:
    """Centre and width of the mouth in each frame, by the detector's own corners."""
    found = []
    for boxes in (engine.detector([frame], 320)[0] for frame in frames):
        assert boxes.landmarks is not None
        left, right = boxes.landmarks[0][3:]
        found.append((*(left + right) / 2, float(np.linalg.norm(right - left))))
    return found


def test_only_the_lower_face_changes(engine: le.Engine, films: dict[str, list[np.ndarray]]) -> None:
    y, x = np.mgrid[0:480, 0:480]
    for (mx, my, width), before, after in zip(
        mouths(engine, films["source"]), films["source"], films["speech"], strict=True
    ):
        change = np.abs(before.astype(int) - after).max(axis=2)
        # from the nostrils down to the chin, and the cheeks beside the mouth
        near = ((x - mx) / (1.3 * width)) ** 2 + ((y - my - 0.2 * width) / (1.3 * width)) ** 2 < 1
        assert np.mean(change[~near] > 8) < 0.002
        assert change[near].max() > 8


def mouth_difference(
    engine: le.Engine, films: dict[str, list[np.ndarray]], one: str, other: str
) -> np.ndarray:
    """Mean difference of two films' mouths, frame by frame, in grey levels."""
    out = []
    for (mx, my, width), a, b in zip(mouths(engine, films["source"]), films[one], films[other], strict=True):
        part = np.s_[int(my - width / 2) : int(my + width / 2), int(mx - width / 2) : int(mx + width / 2)]
        out.append(np.abs(a[part].astype(int) - b[part]).mean())
    return np.array(out)


def test_the_mouth_follows_the_sound(engine: le.Engine, films: dict[str, list[np.ndarray]]) -> None:
    assert mouth_difference(engine, films, "speech", "later").mean() > 1.0, "another sound, other mouths"
    spoken = mouth_difference(engine, films, "speech", "silence")
    assert spoken.mean() > 1.0
    assert spoken.max() > 2 * max(spoken.min(), 0.3), "now open, now closed"


def test_nothing_flickers_in_silence(engine: le.Engine, films: dict[str, list[np.ndarray]]) -> None:
    quiet = mouth_difference(engine, films, "silence", "source")
    assert np.abs(np.diff(quiet)).max() < 2.0


def test_the_demo_still_speaks(engine: le.Engine, tmp_path: Path) -> None:
    face, speech = demo_files()
    result = engine.run(face, speech, tmp_path / "demo.mp4", options=le.RunOptions(end=0.6))
    assert (result.frames, result.frames_without_face) == (15, 0)
