"""Files with several tracks: the default one is taken, of pictures the largest, or the one that is asked for."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lipsync_edge.audio.reader import probe_sound, read_audio, read_sound
from lipsync_edge.errors import InputError
from lipsync_edge.video.probe import probe
from lipsync_edge.video.reader import VideoReader
from tests.clips import number, scene

Flags = av.stream.Disposition
DEFAULT, PLAIN = Flags.default, Flags(0)
FOR_THE_BLIND = Flags.visual_impaired


def write_tracks(
    path: Path,
    pictures: list[tuple[int, int, Flags]],
    sounds: list[tuple[float, Flags]],
) -> Path:
    """Twelve pictures a track, (width, height, flags), which count from 100 times the track; a tone of 0.48 s each."""
    with av.open(str(path), "w") as container:
        films, tones = [], []
        for width, height, flags in pictures:
            film = container.add_stream("libx264", rate=25, options={"crf": "8"})
            film.width, film.height, film.pix_fmt, film.disposition = width, height, "yuv420p", flags
            films.append(film)
        for _, flags in sounds:
            tone = container.add_stream("pcm_s16le", rate=16_000)
            tone.codec_context.layout, tone.disposition = "mono", flags
            tones.append(tone)
        for at, film in enumerate(films):
            for i in range(12):
                picture = av.VideoFrame.from_ndarray(
                    scene(film.width, film.height, 100 * (at + 1) + i), format="bgr24"
                )
                picture.pts, picture.time_base = i, Fraction(1, 25)
                container.mux(film.encode(picture))
            container.mux(film.encode(None))
        for (hertz, _), tone in zip(sounds, tones, strict=True):
            wave = np.sin(2 * np.pi * hertz * np.arange(7680) / 16_000) * 12_000
            frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
            container.mux(tone.encode(frame))
    return path


def hertz(wave: np.ndarray) -> float:
    return 0.0 if not np.abs(wave).max() else float(np.argmax(np.abs(np.fft.rfft(wave))) * 16_000 / len(wave))


@pytest.mark.parametrize(
    ("pictures", "taken"),
    [
        ([(160, 120, PLAIN), (160, 120, DEFAULT)], 2),
        ([(160, 120, DEFAULT), (320, 240, DEFAULT)], 2),
        ([(320, 240, DEFAULT), (160, 120, DEFAULT)], 1),
        ([(160, 120, PLAIN), (320, 240, PLAIN), (320, 240, PLAIN)], 2),
        ([(320, 240, PLAIN), (160, 120, DEFAULT)], 2),
    ],
)
def test_pictures(tmp_path: Path, pictures: list[tuple[int, int, Flags]], taken: int) -> None:
    path = write_tracks(tmp_path / "a.mkv", pictures, [])
    for track in (None, *range(1, len(pictures) + 1)):
        info = probe(path, track)
        assert (info.track, info.tracks) == (track or taken, len(pictures))
        assert (info.width, info.height) == pictures[info.track - 1][:2]
        video = VideoReader(path, track=track)
        expected = [100 * info.track + i for i in range(12)]
        assert [number(frame.image_bgr) for frame in video] == expected
        assert [number(frame.image_bgr) for frame in video.backward()] == expected[::-1]


@pytest.mark.parametrize(
    ("flags", "taken"),
    [
        ([PLAIN, DEFAULT], 2),
        ([DEFAULT, PLAIN], 1),
        ([PLAIN, PLAIN], 1),
        ([DEFAULT | FOR_THE_BLIND, DEFAULT], 2),
        ([FOR_THE_BLIND, PLAIN], 2),
    ],
)
def test_sounds(tmp_path: Path, flags: list[Flags], taken: int) -> None:
    path = write_tracks(tmp_path / "a.mkv", [(160, 120, DEFAULT)], [(500, flags[0]), (1000, flags[1])])
    assert hertz(read_audio(path)) == pytest.approx(500 * taken, abs=4)
    for track in (1, 2):
        info = probe_sound(path, track=track)
        assert (info.track, info.tracks) == (track, 2)
        wave = np.concatenate(list(read_sound(path, info)))[:, 0]
        assert hertz(wave) == pytest.approx(500 * track, abs=4)


def test_a_track_that_is_not_there(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "a.mkv", [(160, 120, DEFAULT)], [(500, DEFAULT)])
    with pytest.raises(InputError, match="video track from 1 to 1"):
        probe(path, 2)
    with pytest.raises(InputError, match="audio track from 1 to 1"):
        probe_sound(path, track=2)
