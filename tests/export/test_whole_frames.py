"""`run --preset wav2lip-hq` against the published algorithm in torch, whole frames, before the encoder."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reference.pipeline import make_reference
from export import checkpoint
from export.samples import made_up_scene
from lipsync_edge.audio.alignment import pair
from lipsync_edge.audio.mel import mel_spectrogram
from lipsync_edge.engine import Engine, load
from lipsync_edge.face.tracker import Tracker, track
from lipsync_edge.models.preset import load_preset
from lipsync_edge.pipeline.job import track_options
from lipsync_edge.pipeline.run_options import RunOptions
from lipsync_edge.types import Frame

FPS = 25


def _sound(seconds: float) -> np.ndarray:
    t = np.arange(int(16000 * seconds)) / 16000
    noise = np.random.default_rng(0).normal(0, 0.02, len(t))
    return (0.3 * np.sin(2 * np.pi * 150 * t) * (1 + np.sin(2 * np.pi * 4 * t)) + noise).astype(np.float32)


def _ours(engine: Engine, frames: list[np.ndarray], sound: np.ndarray) -> list[np.ndarray]:
    """What the offline driver does between its decoder and its encoder."""
    tracker = Tracker(track_options(engine.preset, RunOptions()), engine.detector)
    decoded = (Frame(i, Fraction(i, FPS), frame) for i, frame in enumerate(frames))
    speaking = list(pair(track(decoded, tracker), iter([sound]), engine.renderer.listen(16_000)))
    assert all(frame.faces for frame in speaking)
    return [rendered.image_bgr for rendered in engine.render(speaking)]


def _reference(
    checkpoints: dict[str, Path], names: tuple[str, ...], frames: list[np.ndarray], sound: np.ndarray
) -> list[np.ndarray]:
    nets = {
        name: checkpoint.build(name, checkpoint.read_checkpoint(checkpoints[name]), name) for name in names
    }
    return make_reference(nets).render(frames, mel_spectrogram(sound), FPS)


@pytest.mark.parametrize(("preset", "count"), [("wav2lip", 8), ("wav2lip-hq", 2)])
def test_whole_frames(checkpoints: dict[str, Path], converted: Path, preset: str, count: int) -> None:
    """At most one grey level off in 99.9 % of pixels; the mouth did change; frames end where the sound ends."""
    frames = [made_up_scene(seed, 120, 160).frame_bgr for seed in range(count)]
    sound = _sound(1.0)
    engine = load(preset=preset, models=converted, device="cpu", precision="fp32")
    got = _ours(engine, frames, sound)
    names = tuple(name for name in load_preset(preset).networks if name)
    want = _reference(checkpoints, names, frames, sound)
    assert len(got) == len(want) == count
    for mine, theirs, source in zip(got, want, frames, strict=True):
        off = np.abs(mine.astype(int) - theirs.astype(int))
        assert (off <= 1).mean() >= 0.999, (preset, off.max(), (off > 1).mean())
        assert (theirs != source).any()


def test_video_ends_with_the_sound(checkpoints: dict[str, Path], converted: Path) -> None:
    """The published rule: the first window past the end is the last one."""
    frames = [made_up_scene(seed, 120, 160).frame_bgr for seed in range(8)]
    sound = _sound(0.3)
    preset = replace(load_preset("wav2lip"), batch=3)
    engine = load(preset=preset, models=converted, device="cpu", precision="fp32")
    got = _ours(engine, frames, sound)
    want = _reference(checkpoints, ("s3fd", "wav2lip"), frames, sound)
    assert 0 < len(got) == len(want) < 8
    assert all(
        (np.abs(a.astype(int) - b.astype(int)) <= 1).mean() >= 0.999 for a, b in zip(got, want, strict=True)
    )
