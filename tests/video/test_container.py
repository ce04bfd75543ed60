"""Files that name other files are not followed, unknown codecs are said, larger pictures midway are refused."""

from pathlib import Path

import pytest

from lipsync_edge.audio.reader import probe_sound
from lipsync_edge.errors import InputError, NoAudioError, NoVideoError
from lipsync_edge.video import container
from lipsync_edge.video.probe import probe
from lipsync_edge.video.reader import VideoReader
from tests.clips import write_clip, write_sound


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4", "joined.mp4", "film.mpd"])
def test_lists_of_other_files_are_not_followed(tmp_path: Path, name: str) -> None:
    write_clip(tmp_path / "secret.ts", 3)
    texts = {
        "joined.mp4": "ffconcat version 1.0\nfile secret.ts\n",
        "film.mpd": '<?xml version="1.0"?><MPD><Period/></MPD>\n',
    }
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n"
    (tmp_path / name).write_text(texts.get(name, hls))
    with pytest.raises(InputError, match="a list of other files, which is not followed"):
        probe(tmp_path / name)
    with pytest.raises(InputError):
        probe_sound(tmp_path / name)


def test_pictures_and_sound_of_an_unknown_codec_are_said(tmp_path: Path) -> None:
    film = write_clip(tmp_path / "film.mp4", 3)
    film.write_bytes(film.read_bytes().replace(b"avc1\0\0", b"zzzz\0\0"))
    with pytest.raises(NoVideoError, match="unknown codec"):
        probe(film)
    sound = write_sound(tmp_path / "sound.wav", 0.2)
    data = bytearray(sound.read_bytes())
    data[20:22] = b"\xf0\xf0"  # the tag of its codec
    sound.write_bytes(data)
    with pytest.raises(NoAudioError, match="unknown codec"):
        probe_sound(sound)


def test_pictures_that_are_larger_than_films_may_be_are_refused_before_they_take_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [
        write_clip(tmp_path / f"{k}.ts", 6, size=size) for k, size in enumerate([(160, 120), (320, 240)])
    ]
    film = tmp_path / "film.ts"
    film.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert len(list(VideoReader(film))) == 12
    monkeypatch.setattr(container, "MOST_PIXELS", 200 * 200)
    with pytest.raises(InputError, match="320x240"):
        list(VideoReader(film))
    monkeypatch.setattr(container, "MOST_PIXELS", 100 * 100)
    with pytest.raises(InputError, match="160x120"):
        probe(film)
