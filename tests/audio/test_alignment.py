"""Frame-rate arithmetic by hand, both tails, the speech gate, and a stream that equals the file."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipsync_edge.audio.alignment import (
    FeatureStream,
    frame_count,
    frame_time,
    pair,
)
from lipsync_edge.audio.front_end import FRONT_ENDS
from lipsync_edge.audio.mel import level_db, mel_spectrogram
from lipsync_edge.audio.vad import VadOptions, VoiceActivityDetector, fade_in
from lipsync_edge.models.spec import AudioWindow
from lipsync_edge.types import F32, Frame
from tests import fakes

PUBLISHED = AudioWindow(columns=16, offset=0, tail="last")
CENTRED = AudioWindow(columns=16, offset=-8, tail="pad")
MEL80 = FRONT_ENDS["mel80"]
NTSC = Fraction(30000, 1001)
RNG = np.random.default_rng(8)
SPEECH = (RNG.normal(0, 0.1, 40_000) * np.abs(np.sin(np.arange(40_000) / 900))).astype(np.float32)
BOX = np.array([1, 1, 3, 3], np.float32)
PICTURE = np.zeros((4, 4, 3), np.uint8)


def frames(times: list[Fraction]) -> list[Frame]:
    return [fakes.framed(i, PICTURE, time, BOX) for i, time in enumerate(times)]


def at_rate(fps: Fraction, count: int) -> list[Frame]:
    return frames([frame_time(i, fps) for i in range(count)])


def paired_frames(sound: F32, video: list[Frame], audio: AudioWindow) -> list[Frame]:
    return list(pair(video, [sound], FeatureStream(audio)))


@pytest.mark.parametrize(
    ("fps", "starts"),
    [  # 80 / fps columns a frame, cut off: worked by hand
        (Fraction(24), [0, 3, 6, 10, 13, 16, 20, 23, 26, 30]),
        (Fraction(25), [0, 3, 6, 9, 12, 16, 19, 22, 25, 28]),
        (NTSC, [0, 2, 5, 8, 10, 13, 16, 18, 21, 24]),
        (Fraction(30), [0, 2, 5, 8, 10, 13, 16, 18, 21, 24]),
        (Fraction(60), [0, 1, 2, 4, 5, 6, 8, 9, 10, 12]),
    ],
)
def test_window_starts_by_hand(fps: Fraction, starts: list[int]) -> None:
    assert [MEL80.column(frame_time(i, fps)) for i in range(10)] == starts


def test_2997_leaves_30_behind() -> None:
    """After 1000 frames the two rates lie 33 ms apart: nearly three columns."""
    assert MEL80.column(frame_time(999, Fraction(30))) == 2664
    assert MEL80.column(frame_time(999, NTSC)) == 2666


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), NTSC, Fraction(30), Fraction(50), Fraction(60)])
def test_the_published_float_arithmetic_agrees(fps: Fraction) -> None:
    step = 80.0 / float(fps)
    assert all(int(i * step) == MEL80.column(frame_time(i, fps)) for i in range(20_000))


def test_at_23976_the_published_float_falls_below_a_whole_column() -> None:
    fps = Fraction(24000, 1001)
    assert int(300 * (80.0 / float(fps))) == 1000
    assert MEL80.column(frame_time(300, fps)) == 1001


@pytest.mark.parametrize(
    ("seconds", "fps", "count"),
    [
        (Fraction(0), Fraction(25), 0),
        (Fraction(1, 16000), Fraction(25), 1),
        (Fraction(1), Fraction(25), 25),
        (Fraction(16001, 16000), Fraction(25), 26),
        (Fraction(10), NTSC, 300),  # 299.7
        (Fraction(600), NTSC, 17983),  # 17982.02
        (Fraction(5, 2), Fraction(24), 60),
        (Fraction(1), Fraction(60), 60),
    ],
)
def test_frame_counts_by_hand(seconds: Fraction, fps: Fraction, count: int) -> None:
    assert frame_count(seconds, fps) == count


@pytest.mark.parametrize("length", [0, 1, 79, 400, 640, 641, 3199, 3200, 16000, 16001, 39_999])
@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), NTSC, Fraction(60)])
def test_padded_tail_lasts_as_long_as_the_sound(fps: Fraction, length: int) -> None:
    paired = paired_frames(SPEECH[:length], at_rate(fps, 200), CENTRED)
    assert len(paired) == ceil(Fraction(length, 16000) * fps)
    padded = np.pad(mel_spectrogram(SPEECH[:length]), ((0, 0), (8, 300)), constant_values=-4.0)
    for frame in paired:  # offset −8 and 8 columns of padding: the window begins at int(80 t)
        start = int(80 * frame.time)
        assert np.array_equal(frame.faces[0].features, padded[:, start : start + 16])


@pytest.mark.parametrize("length", [3000, 3200, 16000, 16123, 40_000])
@pytest.mark.parametrize("fps", [24, 25, 30, 60])
def test_last_tail_is_the_published_loop(fps: int, length: int) -> None:
    mel = mel_spectrogram(SPEECH[:length])
    chunks, i = [], 0
    while True:  # the published rule, in its own words
        start = int(i * (80.0 / fps))
        if start + 16 > mel.shape[1]:
            chunks.append(mel[:, -16:])
            break
        chunks.append(mel[:, start : start + 16])
        i += 1
    paired = paired_frames(SPEECH[:length], at_rate(Fraction(fps), 400), PUBLISHED)
    assert len(paired) == len(chunks)
    assert all(
        np.array_equal(frame.faces[0].features, chunk) for frame, chunk in zip(paired, chunks, strict=True)
    )


def test_last_tail_of_a_sound_shorter_than_a_window_is_filled_with_silence() -> None:
    (frame,) = paired_frames(SPEECH[:1000], at_rate(Fraction(25), 9), PUBLISHED)
    assert (frame.faces[0].features[:, :10] == -4).all()
    assert np.array_equal(frame.faces[0].features[:, 10:], mel_spectrogram(SPEECH[:1000]))


def test_variable_frame_rate_follows_the_times() -> None:
    times = [
        Fraction(0),
        Fraction(1, 30),
        Fraction(1, 10),
        Fraction(1, 2),
        Fraction(501, 1000),
        Fraction(9, 10),
    ]
    paired = paired_frames(SPEECH[:16000], frames(times), CENTRED)
    mel = np.pad(mel_spectrogram(SPEECH[:16000]), ((0, 0), (8, 8)), constant_values=-4.0)
    assert [frame.time for frame in paired] == times
    for frame, start in zip(paired, [0, 2, 8, 40, 40, 72], strict=True):
        assert np.array_equal(frame.faces[0].features, mel[:, start : start + 16])


def test_sound_is_read_no_further_than_needed() -> None:
    read = []

    def pieces() -> object:
        for i in range(0, 16000, 100):
            read.append(i)
            yield SPEECH[i : i + 100]

    paired = pair(at_rate(Fraction(25), 25), pieces(), FeatureStream(PUBLISHED))  # type: ignore[arg-type]
    next(paired)
    assert len(read) * 100 == MEL80.samples_needed(Fraction(0), PUBLISHED) == 3400  # 212.5 ms
    next(paired)
    assert len(read) * 100 == MEL80.samples_needed(Fraction(1, 25), PUBLISHED) == 4000


@pytest.mark.parametrize("audio", [PUBLISHED, CENTRED, AudioWindow(columns=5, offset=-2, tail="pad")])
def test_a_frame_is_ready_when_its_samples_are_in_and_not_before(audio: AudioWindow) -> None:
    sync, pushed = FeatureStream(audio), 0
    for i in range(8):
        time = frame_time(i, Fraction(25))
        needed = max(MEL80.samples_needed(time, audio), int(time * 16000) + 1)
        if needed > pushed + 1:
            sync.push(SPEECH[pushed : needed - 1])
            pushed = needed - 1
            assert sync.state(time) == "wait"
        sync.push(SPEECH[pushed : max(pushed, needed)])
        pushed = max(pushed, needed)
        assert sync.state(time) == "ready"
        sync.window(time)
    assert sync.lookahead == Fraction(audio.columns + audio.offset + 1, 80)
    assert sync.lookahead == MEL80.lookahead(audio)


def test_wav2lips_window_looks_ahead_as_far_as_the_design_says() -> None:
    assert MEL80.lookahead(AudioWindow()) * 1000 == Fraction("212.5")
    assert MEL80.lookahead(AudioWindow(24, -12, "pad")) * 1000 == Fraction("162.5")
    assert MEL80.lookahead(AudioWindow(24, -40, "pad")) == 0


@settings(deadline=None, max_examples=40)
@given(
    sizes=st.lists(st.integers(0, 5000), max_size=30),
    rate=st.sampled_from([8000, 16000, 44100]),
    audio=st.sampled_from([PUBLISHED, CENTRED]),
    blend=st.booleans(),
)
def test_any_chunks_give_the_ticks_of_the_whole(
    sizes: list[int], rate: int, audio: AudioWindow, blend: bool
) -> None:
    def run(pieces: list[F32]) -> list[Frame]:
        sync = FeatureStream(audio, rate=rate, vad=VadOptions(), blend=blend)
        return list(pair(at_rate(NTSC, 500), pieces, sync))

    edges = np.minimum(np.cumsum([0, *sizes]), len(SPEECH)).tolist()
    pieces = [SPEECH[a:b] for a, b in zip(edges, [*edges[1:], len(SPEECH)], strict=True)]
    cut, whole = run(pieces), run([SPEECH])
    assert len(cut) == len(whole) > 0
    for a, b in zip(cut, whole, strict=True):
        assert (a.index, a.time, a.faces[0].gain) == (b.index, b.time, b.faces[0].gain)
        assert np.array_equal(a.faces[0].features, b.faces[0].features)


def test_memory_does_not_grow_with_the_sound() -> None:
    sync = FeatureStream(CENTRED)
    for i in range(1500):
        sync.push(SPEECH[:640])
        if sync.state(frame_time(max(0, i - 5), Fraction(25))) == "ready":
            sync.window(frame_time(max(0, i - 5), Fraction(25)))
    assert sync._columns.shape[1] < 150


def test_reset_begins_anew_and_asking_too_early_is_an_error() -> None:
    sync = FeatureStream(CENTRED)
    sync.push(SPEECH)
    first = sync.window(Fraction(1)).features
    sync.reset()
    assert sync.duration == 0
    with pytest.raises(ValueError, match="not ready"):
        sync.window(Fraction(1))
    sync.push(SPEECH)
    assert np.array_equal(sync.window(Fraction(1)).features, first)


def speech_between_silences(floor: float) -> F32:
    """One second of noise at `floor`, one of speech, two of noise."""
    sound = RNG.normal(0, 1, 64_000).astype(np.float32) * np.float32(floor)
    sound[16_000:32_000] += SPEECH[:16_000]
    return sound


@pytest.mark.parametrize("floor", [0.0, 1e-5, 3e-4])
def test_the_gate_opens_for_speech_and_closes_in_silence(floor: float) -> None:
    options = VadOptions()
    shut = 50 + round(25 * (options.hangover_s + options.fade_s)) + 2
    sync = FeatureStream(CENTRED, vad=options, blend=True)
    paired = list(pair(at_rate(Fraction(25), 100), [speech_between_silences(floor)], sync))
    gains = np.array([frame.faces[0].gain for frame in paired])
    assert (gains[:22] == 0).all()
    assert (gains[26:50] == 1).all()
    assert (gains[52:shut] > 0).any()
    assert (gains[shut:] == 0).all()
    assert np.abs(np.diff(gains)).max() <= 4 / 6.4  # a frame is four columns at most, a fade 6.4
    assert all((frame.faces[0].features == -4).all() for frame in paired[shut + 2 :])
    assert np.isfinite(np.stack([frame.faces[0].features for frame in paired])).all()


def test_without_blending_the_mel_stays_as_it_is() -> None:
    sound = speech_between_silences(1e-3)
    plain = list(pair(at_rate(Fraction(25), 100), [sound], FeatureStream(CENTRED)))
    gated = list(pair(at_rate(Fraction(25), 100), [sound], FeatureStream(CENTRED, vad=VadOptions())))
    assert all(
        np.array_equal(a.faces[0].features, b.faces[0].features) for a, b in zip(plain, gated, strict=True)
    )
    assert {frame.faces[0].gain for frame in plain} == {1.0}


def test_a_short_pause_does_not_close_the_gate() -> None:
    sound = np.tile(SPEECH[:16_000], 2)
    sound[8000:9600] = 0  # 100 ms
    assert VoiceActivityDetector(MEL80).push(mel_spectrogram(sound))[20:].min() == 1.0


def test_steady_loud_sound_stays_open() -> None:
    sound = RNG.normal(0, 0.1, 16_000 * 40).astype(np.float32)
    assert VoiceActivityDetector(MEL80).push(mel_spectrogram(sound))[5:].min() == 1.0


def test_levels_and_fades_by_hand() -> None:
    mel = np.stack([np.full(80, -4.0), np.full(80, 0.0), np.full(80, 4.0)], axis=1).astype(np.float32)
    assert level_db(mel) == pytest.approx([-100, -50, 0], abs=1e-4)
    assert fade_in(np.array([0, 0, 1], np.float32), 4.0) == 0.5
    assert fade_in(np.array([0.25, 0, 0], np.float32), 4.0) == 0.25
    assert fade_in(np.array([0, 0, 0, 0, 0, 1], np.float32), 4.0) == 0.0
