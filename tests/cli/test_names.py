"""Names as files really have them: like protocols, with odd letters, as long as a file system takes them, longer."""

import os
from pathlib import Path

import pytest

import lipsync_edge as le
from lipsync_edge.video.reader import VideoReader
from tests.cli.conftest import Typed
from tests.clips import write_clip, write_sound
from tests.scripted import SIZE

LONGEST = 255  # bytes of a name, on nearly every file system
LIKE_PROTOCOLS = ("10:30", "http:x", "concat:a|b", "file:x", "a b%03d", "[b] 'q' \"d\"", "-dash")
TOO_LONG = {"name": "x" * 300, "path": "y/" * 3000 + "x"}

posix = pytest.mark.skipif(os.name != "posix", reason="names that Windows does not have")


def folder_of(tmp_path: Path, name: str) -> Path:
    """A folder called `name` with a face and a voice in it, called so, too."""
    folder = tmp_path / name
    folder.mkdir()
    write_clip(tmp_path / "f.mp4", 8, size=SIZE).rename(folder / f"{name}.mp4")
    write_sound(tmp_path / "s.wav", 0.3).rename(folder / f"{name}.wav")
    return folder


@posix
@pytest.mark.parametrize("name", LIKE_PROTOCOLS)
def test_a_name_like_a_protocol_is_a_file_like_any_other(
    typed: Typed, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path, name)
    for place, at in ((tmp_path, f"./{name}/" if name.startswith("-") else f"{name}/"), (folder, "")):
        monkeypatch.chdir(place)
        face, voice, out = f"{at}{name}.mp4", f"{at}{name}.wav", f"{at}{name}.out.mp4"
        words = [face, voice, "-o", out, "-q", "--play-audio", voice]
        if at == "" and name.startswith("-"):
            words = ["-o", out, "-q", "--", face, voice]
        assert typed("run", *words) == (0, "", "")
        assert len(list(VideoReader(Path(out)))) == 8
        Path(out).unlink()


@posix
def test_live_reads_and_writes_such_names(typed: Typed, tmp_path: Path) -> None:
    folder_of(tmp_path, "10:30")
    words = ["--avatar", "10:30/10:30.mp4", "--audio", "10:30/10:30.wav", "--out", "10:30/a:b.mp4"]
    assert typed("live", *words)[0] == 0
    assert len(list(VideoReader(tmp_path / "10:30" / "a:b.mp4"))) >= 8


@pytest.mark.parametrize("letter", ["n", "ä", "图", "🙂"])
def test_the_longest_names_that_there_are(typed: Typed, tmp_path: Path, letter: str) -> None:
    name = letter * ((LONGEST - 4) // len(letter.encode()))
    folder = tmp_path / "f"
    folder.mkdir()
    write_clip(tmp_path / "a.mp4", 8, size=SIZE).rename(folder / f"{name}.mp4")
    write_sound(tmp_path / "a.wav", 0.3).rename(folder / f"{name}.wav")
    out = tmp_path / f"{name}.mp4"
    assert (
        typed("run", f"f/{name}.mp4", f"f/{name}.wav", "-o", str(out), "--report", f"{name}.jso", "-q")[0]
        == 0
    )
    assert len(list(VideoReader(out))) == 8
    assert typed("prepare", f"f/{name}.mp4", "-o", str(tmp_path / name))[0] == 0
    assert len(le.load_avatar(tmp_path / name)) == 8
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"f", "face.mp4", "speech.wav", f"{name}.mp4", f"{name}.jso", name}


@pytest.mark.parametrize("kind", TOO_LONG)
@pytest.mark.parametrize(
    "words",
    [
        "run {}.mp4 speech.wav -o o.mp4",
        "run face.mp4 {}.wav -o o.mp4",
        "run face.mp4 speech.wav -o {}.mp4",
        "run face.mp4 speech.wav -o o.mp4 --play-audio {}.wav",
        "run face.mp4 speech.wav -o o.mp4 --face {}.jpg",
        "run face.mp4 speech.wav -o o.mp4 --report {}.json",
        "run face.mp4 speech.wav -o o.mp4 --config {}.toml",
        "prepare {}.mp4 -o a",
        "prepare face.mp4 -o {}",
        "live --avatar {} --audio speech.wav --out o.ts",
        "live --avatar face.mp4 --audio {}.wav --out o.ts",
        "live --avatar face.mp4 --audio speech.wav --out {}.ts",
        "live --avatar face.mp4 --audio speech.wav --out {}.raw",
        "live --config {}.toml",
        "eval {}.mp4",
        "eval face.mp4 -o {}.json",
        "eval face.mp4 --report {}.html",
        "eval face.mp4 --reference {}.mp4",
        "models list --models {}",
        "models verify --models {}",
    ],
)
def test_what_is_too_long_is_one_line_and_leaves_nothing(
    typed: Typed, tmp_path: Path, words: str, kind: str
) -> None:
    code, out, err = typed(*(word.replace("{}", TOO_LONG[kind]) for word in words.split()))
    assert code in (2, 3, 4, 5), err
    lines = [line for line in err.splitlines() if not line.startswith("{")]  # but for `live`'s log
    assert len(lines) == 1
    assert lines[0].startswith("lipsync-edge: expected ")
    assert out == ""
    assert {path.name for path in tmp_path.iterdir()} == {"face.mp4", "speech.wav"}


@posix
def test_a_link_stays_and_what_it_leads_to_is_written(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for name in ("o.mp4", "r.json", "a.avatar"):
        (tmp_path / name).symlink_to(tmp_path / "elsewhere" / name)
    assert typed("run", "face.mp4", "speech.wav", "-o", "o.mp4", "--report", "r.json", "-q") == (0, "", "")
    assert typed("prepare", "face.mp4", "-o", "a.avatar")[0] == 0
    assert {path.name for path in (tmp_path / "elsewhere").iterdir()} == {"o.mp4", "r.json", "a.avatar"}
    assert all((tmp_path / name).is_symlink() for name in ("o.mp4", "r.json", "a.avatar"))


def test_two_names_that_begin_alike_do_not_meet(tmp_path: Path) -> None:
    from lipsync_edge.atomic_write import beside

    made = {beside(tmp_path / ("same beginning " * 4 + end)).name for end in ("1.mp4", "2.mp4", "1.mkv")}
    assert len(made) == 3
