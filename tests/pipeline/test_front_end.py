"""Lips with a front end of their own: a table entry and a card, and files, streams and live sessions work on it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync_edge.audio.front_end import FRONT_ENDS
from lipsync_edge.audio.reader import read_audio
from lipsync_edge.engine import Engine
from lipsync_edge.errors import ModelError
from lipsync_edge.live import LiveSession, SessionOptions
from lipsync_edge.models.preset import Preset
from lipsync_edge.pipeline.run_options import RunOptions
from lipsync_edge.render.lips import AudioEncoder, Lips
from lipsync_edge.render.segment import Segmenter
from lipsync_edge.types import F32
from tests import fakes, levels
from tests.clips import scene, write_clip, write_sound
from tests.live.test_session import Kept
from tests.scripted import SIZE, FaceThere
from tests.video.test_writer import as_opencv_reads

SOUND_RATE = 22_050


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FRONT_ENDS, "levels", levels.LEVELS)


def make_engine(encoder: AudioEncoder | None = None) -> Engine:
    return fakes.engine_of(
        preset=Preset(name="t", description="", detect="d", lips="l", detect_every=1),
        detector=FaceThere(),
        lips=Lips(levels.level_lips()),
        segmenter=Segmenter(fakes.regions_segmenter()),
        encoder=encoder,
    )


def heard(engine: Engine) -> list[F32]:
    """Every window that the lips were called with, in order; silence is left out."""
    calls = engine.renderer.lips.network.backend.calls  # type: ignore[attr-defined]
    windows = [window for call in calls for window in call["levels"]]
    return [window for window in windows if (window != -1).any()]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    face = write_clip(tmp_path / "f.mp4", [scene(*SIZE, index=i) for i in range(50)])
    return face, write_sound(tmp_path / "s.wav", 1.5, rate=SOUND_RATE)


def pieces(sound: F32) -> Iterator[F32]:
    rest, sizes = sound, np.random.default_rng(3).integers(1, 3000, 1000)
    for size in sizes:
        yield rest[:size]
        rest = rest[size:]
        if not len(rest):
            return


def test_a_stream_hears_what_a_run_hears_bit_for_bit(files: tuple[Path, Path], tmp_path: Path) -> None:
    face, speech = files
    offline, streaming, live = make_engine(), make_engine(), make_engine()
    result = offline.run(face, speech, tmp_path / "o.mp4", options=RunOptions(crf=0))
    assert result.frames == 38
    assert len(heard(offline)) > 30
    assert heard(offline)[0].shape == (levels.BANDS, levels.WINDOW.columns)

    sound = read_audio(speech, SOUND_RATE)
    with streaming.stream(streaming.prepare(face), sample_rate=SOUND_RATE) as stream:
        frames = [frame for piece in pieces(sound) for frame in stream.push(piece)]
        frames += stream.flush()
    assert len(frames) == result.frames

    sink, options = Kept(), SessionOptions(rate=SOUND_RATE, realtime=False)
    session = LiveSession(live.stream(live.prepare(face), sample_rate=SOUND_RATE), sink, options)
    session.say(sound)
    session.finish()
    session.run()
    said = [slot for slot in sink.slots if slot.state in ("speech", "silence")]
    assert len(said) == result.frames
    for other in (heard(streaming), heard(live)):
        assert len(other) == len(heard(offline))
        assert all(np.array_equal(a, b) for a, b in zip(other, heard(offline), strict=True))
    assert all(np.array_equal(a.image_bgr, b.image_bgr) for a, b in zip(said, frames, strict=True))


def test_the_mouth_opens_with_the_sound(files: tuple[Path, Path], tmp_path: Path) -> None:
    face, speech = files
    make_engine().run(face, speech, tmp_path / "o.mp4", options=RunOptions(crf=0))
    before, after = as_opencv_reads(face)[1], as_opencv_reads(tmp_path / "o.mp4")[1]
    change = [int(np.abs(a.astype(int) - b).max()) for a, b in zip(after, before, strict=False)]
    assert max(change[:10]) > 30


def test_a_frame_leaves_as_soon_as_its_window_is_complete(files: tuple[Path, Path]) -> None:
    engine = make_engine()
    ahead = levels.LEVELS.lookahead(levels.WINDOW)
    assert ahead == Fraction((levels.WINDOW.columns + levels.WINDOW.offset) * levels.HOP, levels.RATE)
    sound = read_audio(files[1], levels.RATE)
    with engine.stream(engine.prepare(files[0]), sample_rate=levels.RATE) as stream:
        assert stream.lookahead_ms == ahead * 1000
        needed = levels.LEVELS.samples_needed(Fraction(0), levels.WINDOW)
        assert not list(stream.push(sound[: needed - 1]))
        assert len(list(stream.push(sound[needed - 1 : needed]))) == 1


def test_an_encoder_that_hears_otherwise_is_refused_when_the_engine_is_made() -> None:
    with pytest.raises(ModelError, match=r"hears what fake_level_lips hears.*front_end='levels'.*fake_voice"):
        make_engine(AudioEncoder(fakes.loudness_encoder()))
