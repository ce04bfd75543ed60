"""Sound of any file: length, place in time, gaps, channels, and what cannot be read."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from lipsync_edge.audio.conversion import Conversion
from lipsync_edge.audio.reader import probe_sound, read_audio, read_mono, read_sound
from lipsync_edge.errors import InputError, NoAudioError
from tests.clips import onsets, write_clip, write_sound

CLICKS = [0.25, 0.5, 1.1]


def clicks(rate: int, seconds: float = 1.5) -> np.ndarray:
    """Silence with short bursts of a 2 kHz tone at CLICKS."""
    wave = np.zeros(round(seconds * rate), np.float32)
    burst = np.sin(2 * np.pi * 2000 * np.arange(round(0.01 * rate)) / rate).astype(np.float32)
    for at in CLICKS:
        wave[round(at * rate) : round(at * rate) + len(burst)] = 0.8 * burst
    return wave


def encode(
    path: Path, wave: np.ndarray, rate: int, codec: str, *, layout: str = "mono", first_pts: int = 0
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.codec_context.layout = layout
        channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
        packed = np.repeat(wave[:, None], channels, 1).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(packed), format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, first_pts, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("suffix", "codec", "rate"),
    [
        (".wav", "pcm_s16le", 16_000),
        (".wav", "pcm_f32le", 44_100),
        (".flac", "flac", 48_000),
        (".ogg", "libopus", 48_000),
        (".mp3", "libmp3lame", 44_100),
        (".m4a", "aac", 44_100),
        (".m4a", "aac", 16_000),
        (".opus", "libopus", 48_000),
        (".mkv", "aac", 22_050),
    ],
)
def test_every_kind_of_file_keeps_its_clicks_in_place(
    tmp_path: Path, suffix: str, codec: str, rate: int
) -> None:
    path = encode(tmp_path / f"a b.ü{suffix}", clicks(rate), rate, codec)
    wave = read_audio(path)
    assert wave.dtype == np.float32
    assert len(wave) / 16_000 == pytest.approx(1.5, abs=0.06)  # padding of the codec's last packet
    assert onsets(wave, 16_000) == pytest.approx(CLICKS, abs=0.004)


def test_uncompressed_length_is_exact(tmp_path: Path) -> None:
    assert len(read_audio(write_sound(tmp_path / "a.wav", 1.2345))) == round(1.2345 * 16_000)
    assert len(read_audio(write_sound(tmp_path / "a.flac", 0.5, rate=48_000))) == 8000
    assert len(read_audio(write_sound(tmp_path / "b.flac", 0.5, rate=48_000), rate=48_000)) == 24_000
    assert len(read_audio(tmp_path / "a.wav", rate=22_050)) == -(-19_752 * 22_050 // 16_000)


def test_an_open_file_is_read_as_the_one_kind_that_is_accepted(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "s.wav", channels=2)
    whole = np.concatenate(list(read_mono(io.BytesIO(path.read_bytes()), 48_000, container_format="wav")))
    assert np.array_equal(whole, read_audio(path, 48_000))
    with pytest.raises(InputError, match="wav in what was sent"):
        list(read_mono(io.BytesIO(b"#EXTM3U\nfile:///etc/passwd\n"), container_format="wav"))
    flac = write_sound(tmp_path / "s.flac").read_bytes()
    with pytest.raises(InputError, match="wav in what was sent"):
        list(read_mono(io.BytesIO(flac), container_format="wav"))


def test_stereo_stays_stereo_and_surround_is_mixed_to_it(tmp_path: Path) -> None:
    info = probe_sound(write_sound(tmp_path / "s.wav", channels=2))
    assert (info.channels, info.rate, info.duration) == (2, 16_000, 1)
    six = encode(tmp_path / "six.flac", clicks(48_000), 48_000, "flac", layout="5.1")
    assert probe_sound(six).channels == 2
    pieces = np.concatenate(list(read_sound(six, probe_sound(six))))
    assert pieces.shape == (72_000, 2)


def test_sound_that_begins_after_the_picture_keeps_its_place(tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    clip = write_clip(tmp_path / "v.mp4", 40)
    wave = clicks(16_000)
    with av.open(str(path), "w") as out, av.open(str(clip)) as video:
        pictures = out.add_stream_from_template(video.streams.video[0])
        sound = out.add_stream("pcm_s16le", rate=16_000)
        sound.codec_context.layout = "mono"
        for packet in video.demux(video.streams.video[0]):
            if packet.dts is not None:
                packet.stream = pictures
                out.mux(packet)
        for first, length in ((0, 11_200), (11_200, 12_800)):  # 0.3 s late, and 0.5 s missing after 0.7 s
            frame = av.AudioFrame.from_ndarray(
                (wave[None, first : first + length] * 32767).astype(np.int16), format="s16", layout="mono"
            )
            frame.sample_rate, frame.time_base = 16_000, Fraction(1, 16_000)
            frame.pts = first + 4800 + (8000 if first else 0)
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    expected = [CLICKS[0] + 0.3, CLICKS[1] + 0.3, CLICKS[2] + 0.8]
    assert onsets(read_audio(path), 16_000) == pytest.approx(expected, abs=0.004)


def test_a_part_of_a_sound(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", 2.0)
    info = probe_sound(path)
    whole = np.concatenate(list(read_sound(path, info)))
    part = np.concatenate(list(read_sound(path, info, Fraction(1, 2), Fraction(5, 4))))
    assert np.array_equal(part, whole[8000:20_000])


def test_broken_samples_become_silence(tmp_path: Path) -> None:
    wave = np.full(4000, 0.1, np.float32)
    wave[100], wave[200] = np.nan, np.inf
    soundfile.write(str(tmp_path / "nan.wav"), wave, 16_000, subtype="FLOAT")
    assert np.isfinite(read_audio(tmp_path / "nan.wav")).all()


@pytest.mark.parametrize(
    "content", [b"", b"hello, this is text\n" * 40, bytes(4000)], ids=["empty", "text", "zeros"]
)
def test_what_cannot_be_read_is_an_input_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_audio(path)
    assert "\n" not in str(caught.value)


def test_missing_folder_and_silent_film(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        probe_sound(tmp_path / "no.wav")
    with pytest.raises(InputError):
        probe_sound(tmp_path)
    with pytest.raises(NoAudioError):
        probe_sound(write_clip(tmp_path / "v.mp4", 3))


def test_header_without_a_sample(tmp_path: Path) -> None:
    soundfile.write(str(tmp_path / "none.wav"), np.zeros(0, np.float32), 16_000)
    with pytest.raises(InputError):
        read_audio(tmp_path / "none.wav")


def test_a_file_that_is_cut_off_gives_what_there_is(tmp_path: Path) -> None:
    whole = encode(tmp_path / "a.mp3", clicks(44_100), 44_100, "libmp3lame").read_bytes()
    (tmp_path / "cut.mp3").write_bytes(whole[: len(whole) // 2])
    assert 0.3 < len(read_audio(tmp_path / "cut.mp3")) / 16_000 < 1.2


def hz(wave: np.ndarray) -> float:
    """Loudest frequency of a mono sound of 16 kHz."""
    return float(np.argmax(np.abs(np.fft.rfft(wave))) * 16_000 / len(wave))


@pytest.mark.parametrize(
    ("codec", "container_format", "rates"),
    [
        ("libmp3lame", "mp3", (44_100, 22_050)),
        ("libmp3lame", "mp3", (16_000, 48_000)),
        ("aac", "adts", (44_100, 16_000)),
        ("flac", "ogg", (44_100, 22_050)),
        ("ac3", "ac3", (44_100, 48_000)),
    ],
)
@pytest.mark.parametrize("layouts", [("stereo", "mono"), ("mono", "stereo")], ids="-".join)
def test_both_parts_of_joined_files_are_heard(
    tmp_path: Path, codec: str, container_format: str, rates: tuple[int, int], layouts: tuple[str, str]
) -> None:
    joined = tmp_path / "joined"
    for rate, layout, tone in zip(rates, layouts, (440, 1200), strict=True):
        wave = np.sin(2 * np.pi * tone * np.arange(rate) / rate).astype(np.float32) * np.float32(0.5)
        part = encode(tmp_path / f"part.{container_format}", wave, rate, codec, layout=layout)
        with joined.open("ab") as file:
            file.write(part.read_bytes())
    wave = read_audio(joined)
    assert len(wave) / 16_000 == pytest.approx(2.0, abs=0.15)
    for second, tone in ((0, 440), (1, 1200)):
        part = wave[second * 16_000 + 3200 : second * 16_000 + 14_400]
        assert hz(part) == pytest.approx(tone, abs=3)
        assert np.sqrt(np.mean(part**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


def test_a_sample_format_that_changes_loses_nothing() -> None:
    wave = clicks(16_000)
    conversion, heard = Conversion(16_000, 1), []
    for kind, samples in (
        ("flt", wave[None, :8000]),
        ("s16", (wave[None, 8000:16_000] * 32768).astype(np.int16)),
        ("s32p", (wave[None, 16_000:].astype(np.float64) * 2**31).astype(np.int32)),
    ):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=kind, layout="mono")
        frame.sample_rate = 16_000
        heard += conversion.convert(frame)
    heard += conversion.convert(None)
    assert np.abs(np.concatenate(heard)[:, 0] - wave).max() < 1e-4


@pytest.mark.parametrize("channels", [3, 7, 9, 24, 64])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_32", "FLOAT"])
def test_every_channel_without_a_place_is_heard(tmp_path: Path, channels: int, subtype: str) -> None:
    path = tmp_path / "tracks.wav"
    for at in (0, channels - 1):
        wave = np.zeros((16_000, channels), np.float32)
        wave[:, at] = 0.9 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
        soundfile.write(str(path), wave, 16_000, subtype=subtype)
        heard = read_audio(path)
        assert len(heard) == 16_000
        assert np.abs(heard - wave[:, at] / channels).max() < (2e-2 if subtype == "PCM_U8" else 2e-4)
