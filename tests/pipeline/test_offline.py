"""Files in, a file out, on networks made of numpy: counts, times, what changes and what does not, and every failure."""

import os
import threading
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import soundfile

from lipsync_edge.audio import reader as sound
from lipsync_edge.audio.reader import read_audio
from lipsync_edge.errors import InputError, NoAudioError, NoFaceError, NoVideoError, OutputError, UsageError
from lipsync_edge.pipeline.run_options import RunOptions
from lipsync_edge.render.composers import WarpComposer
from lipsync_edge.render.lips import Lips
from lipsync_edge.video import loop, reader, writer
from lipsync_edge.video.output_file import OutputFile
from lipsync_edge.video.probe import probe
from lipsync_edge.video.reader import VideoReader
from tests.clips import number, scene, times_of, write_clip, write_sound, write_still
from tests.scripted import CORNER, SIDE, SIZE, FaceThere, make_engine
from tests.video.test_writer import as_opencv_reads


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    face = write_clip(tmp_path / "gesicht ä.b.mp4", 50, size=SIZE)
    return face, write_sound(tmp_path / "speech.wav", 1.3), tmp_path / "aus ü.mp4"


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30_000, 1001), Fraction(60)], ids=str)
@pytest.mark.parametrize("seconds", [0.04, 0.7, 1.0, 2.345])
def test_as_many_frames_as_the_sound_needs(tmp_path: Path, fps: Fraction, seconds: float) -> None:
    face = write_clip(tmp_path / "f.mp4", 30, size=SIZE, fps=fps)
    speech = write_sound(tmp_path / "s.wav", seconds)
    result = make_engine().run(face, speech, tmp_path / "o.mp4")
    wanted = ceil(Fraction(round(seconds * 16_000), 16_000) * fps)
    assert result.frames == wanted
    times, pictures = as_opencv_reads(tmp_path / "o.mp4")
    assert len(pictures) == wanted
    assert times_of(tmp_path / "o.mp4") == [i / fps for i in range(wanted)]
    assert len(read_audio(tmp_path / "o.mp4")) / 16_000 == pytest.approx(seconds, abs=0.07)


def test_only_the_mouth_changes_and_only_with_speech(files: tuple[Path, Path, Path]) -> None:
    face, speech, out = files
    make_engine().run(face, speech, out, options=RunOptions(crf=0))
    before, after = as_opencv_reads(face)[1][:33], as_opencv_reads(out)[1]
    assert len(after) == 33
    change = np.max(
        [np.abs(a.astype(int) - b).max(axis=2) for a, b in zip(after, before, strict=True)], axis=0
    )
    x, y = round(CORNER[0] + SIDE / 2), round(CORNER[1] + SIDE * 0.68)
    assert change[y - 8 : y + 8, x - 8 : x + 8].max() > 20
    change[y - 45 : y + 45, x - 55 : x + 55] = 0
    assert np.mean(change > 6) < 0.001
    side = round(SIDE)
    change[CORNER[1] - 2 : CORNER[1] + side + 2, CORNER[0] - 2 : CORNER[0] + side + 2] = 0
    assert change.max() == 0, "outside the face's crop not one bit"


def test_another_sound_gives_other_mouths(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    face, speech, out = files
    silence = tmp_path / "silence.flac"
    write_sound(silence.with_suffix(".wav"), 1.3)
    import soundfile

    soundfile.write(str(silence), np.zeros(20_800, np.float32), 16_000)
    make_engine().run(face, speech, out)
    make_engine().run(face, silence, tmp_path / "still.mp4")
    spoken, quiet = as_opencv_reads(out)[1], as_opencv_reads(tmp_path / "still.mp4")[1]
    untouched = [frame.image_bgr for frame in VideoReader(face)]
    x, y = round(CORNER[0] + SIDE / 2), round(CORNER[1] + SIDE * 0.68)
    mouth = np.s_[y - 8 : y + 8, x - 8 : x + 8]
    moved = [np.abs(a[mouth].astype(int) - b[mouth]).mean() for a, b in zip(spoken, untouched, strict=False)]
    still = [np.abs(a[mouth].astype(int) - b[mouth]).mean() for a, b in zip(quiet, untouched, strict=False)]
    assert max(moved) > 8
    assert max(still) < 4, "digital silence leaves the closed mouth alone"


def test_frames_without_a_face_pass_through_and_are_counted(files: tuple[Path, Path, Path]) -> None:
    face, speech, out = files
    engine = make_engine(blind=range(12, 50))
    result = engine.run(face, speech, out)
    assert result.frames == 33
    assert 10 <= result.frames_without_face <= 21


def test_not_one_face_is_an_error_and_leaves_nothing(files: tuple[Path, Path, Path]) -> None:
    face, speech, out = files
    names = sorted(path.name for path in out.parent.iterdir())
    with pytest.raises(NoFaceError):
        make_engine(blind=range(100)).run(face, speech, out)
    assert sorted(path.name for path in out.parent.iterdir()) == names


def test_rotated_video_comes_out_upright(tmp_path: Path) -> None:
    lying = [np.asarray(cv2.rotate(scene(*SIZE, i), cv2.ROTATE_90_CLOCKWISE), np.uint8) for i in range(10)]
    face = write_clip(tmp_path / "phone.mp4", lying, rotation=90)
    result = make_engine().run(face, write_sound(tmp_path / "s.wav", 0.4), tmp_path / "o.mp4")
    assert (result.width, result.height) == SIZE
    assert [number(picture) for picture in as_opencv_reads(tmp_path / "o.mp4")[1]] == list(range(10))


def test_varying_frame_times_are_kept(tmp_path: Path) -> None:
    pts = [0, 40, 55, 130, 131, 200, 333, 500, 620, 700]
    face = write_clip(tmp_path / "v.mkv", 10, size=SIZE, fps=30, pts=pts, time_base=Fraction(1, 1000))
    make_engine().run(face, write_sound(tmp_path / "s.wav", 0.6), tmp_path / "o.mp4")
    times = times_of(tmp_path / "o.mp4")
    assert [float(t) for t in times] == pytest.approx([p / 1000 for p in pts if p < 600], abs=0.001)


@pytest.mark.parametrize("suffix", [".webm", ".mkv", ".mov"])
def test_a_still_speaks_at_25_frames_a_second(tmp_path: Path, suffix: str) -> None:
    face = write_still(tmp_path / "portrait.png", scene(*SIZE))
    out = tmp_path / f"o{suffix}"
    result = make_engine().run(face, write_sound(tmp_path / "s.ogg", 0.5, rate=44_100, channels=2), out)
    assert (result.frames, result.fps) == (13, 25)
    assert len(as_opencv_reads(out)[1]) == 13


def test_loops(tmp_path: Path) -> None:
    face, speech = write_clip(tmp_path / "f.mp4", 6, size=SIZE), write_sound(tmp_path / "s.wav", 0.6)
    expected = {
        "pingpong": [0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4],
        "repeat": [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2],
        "hold": [0, 1, 2, 3, 4, 5] + [5] * 9,
        "cut": [0, 1, 2, 3, 4, 5],
    }
    for kind, order in expected.items():
        out = tmp_path / f"{kind}.mp4"
        make_engine().run(face, speech, out, options=RunOptions(loop=kind))  # type: ignore[arg-type]
        assert [number(picture) for picture in as_opencv_reads(out)[1]] == order
        assert len(read_audio(out)) / 16_000 == pytest.approx(len(order) / 25, abs=0.07)


def test_a_part_of_the_result(files: tuple[Path, Path, Path]) -> None:
    face, speech, out = files
    make_engine().run(face, speech, out, options=RunOptions(start=0.4, end=0.8))
    assert [number(picture) for picture in as_opencv_reads(out)[1]] == list(range(10, 20))
    with pytest.raises(InputError):
        make_engine().run(face, speech, out, options=RunOptions(start=5.0))


def test_a_film_whose_pictures_begin_late_keeps_them_with_its_own_sound(tmp_path: Path) -> None:
    film, late = tmp_path / "film.mkv", Fraction(1, 5)
    wave = np.zeros(24_000, np.float32)
    wave[12_000:12_400] = 0.8  # 0.75 s after the film begins, 0.55 s after its first picture
    clip = write_clip(tmp_path / "c.mp4", 30, size=SIZE)
    with av.open(str(film), "w") as out, av.open(str(clip)) as video:
        pictures = out.add_stream_from_template(video.streams.video[0])
        voice = out.add_stream("pcm_s16le", rate=16_000)
        voice.codec_context.layout = "mono"
        for packet in video.demux(video.streams.video[0]):
            if packet.dts is not None:
                packet.dts += round(late / packet.time_base)
                packet.pts += round(late / packet.time_base)
                packet.stream = pictures
                out.mux(packet)
        piece = av.AudioFrame.from_ndarray((wave[None] * 32767).astype(np.int16), format="s16", layout="mono")
        piece.sample_rate, piece.pts, piece.time_base = 16_000, 0, Fraction(1, 16_000)
        out.mux(voice.encode(piece))
        out.mux(voice.encode(None))

    def loud(path: Path) -> float:
        return int(np.argmax(np.abs(read_audio(path)) > 0.3)) / 16_000

    assert probe(film).begins == late
    make_engine().run(film, film, tmp_path / "own.mkv")
    assert loud(tmp_path / "own.mkv") == pytest.approx(0.55, abs=0.03)
    speech = tmp_path / "s.wav"
    soundfile.write(str(speech), wave, 16_000)
    make_engine().run(film, speech, tmp_path / "other.mkv")
    assert loud(tmp_path / "other.mkv") == pytest.approx(0.75, abs=0.03)


def test_another_sound_to_hear(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    face, speech, out = files
    music = write_sound(tmp_path / "music.flac", 3.0, rate=44_100, channels=2, seed=3)
    make_engine().run(face, speech, out, options=RunOptions(play_audio=music))
    assert sound.probe_sound(out).rate == 44_100
    assert len(read_audio(out)) / 16_000 == pytest.approx(1.32, abs=0.07)


def test_progress_and_report(files: tuple[Path, Path, Path]) -> None:
    seen: list[tuple[int, int | None]] = []
    result = make_engine().run(*files, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (33, 33)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert set(result.stage_s) >= {"decode", "track", "lips", "segment", "blend", "encode"}
    assert all(seconds >= 0 for seconds in result.stage_s.values())
    assert result.devices == {"detect": "fake", "lips": "fake", "segment": "fake"}
    assert result.elapsed_s > 0


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if "partial" in path.name or path.name.startswith("aus")]


def fail(*_: Any, **__: Any) -> Any:
    raise RuntimeError("this stage broke")


@pytest.mark.parametrize(
    "stage", ["decode", "backwards", "track", "sound", "heard", "lips", "blend", "encode", "mux"]
)
@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt], ids=["error", "interrupt"])
def test_a_failure_in_any_stage_ends_the_run_and_leaves_nothing(
    files: tuple[Path, Path, Path], stage: str, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    face, speech, out = files
    engine = make_engine()
    after = {"decode": 20, "track": 20, "sound": 1, "heard": 5, "encode": 15, "mux": 3}.get(stage, 3)
    calls = 0

    def late(real: Any) -> Any:
        def call(*args: Any, **names: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > after:
                raise kind("this stage broke")
            return real(*args, **names)

        return call

    if stage == "decode":
        monkeypatch.setattr(reader.VideoReader, "upright", late(reader.VideoReader.upright))
    elif stage == "backwards":
        face = write_clip(face.parent / "short.mp4", 5, size=SIZE)
        monkeypatch.setattr(reader.VideoReader, "_stretch", fail if kind is RuntimeError else late(fail))
        after = 0
    elif stage == "track":
        monkeypatch.setattr(FaceThere, "__call__", late(FaceThere.__call__))
    elif stage == "sound":
        monkeypatch.setattr(sound, "_pieces", broken_sound(kind))
    elif stage == "heard":
        monkeypatch.setattr(writer.VideoWriter, "write_sound", late(writer.VideoWriter.write_sound))
    elif stage == "lips":
        monkeypatch.setattr(Lips, "__call__", late(Lips.__call__))
    elif stage == "blend":
        monkeypatch.setattr(WarpComposer, "compose", late(WarpComposer.compose))
    elif stage == "encode":
        monkeypatch.setattr(writer.VideoWriter, "_write", late(writer.VideoWriter._write))
    else:
        monkeypatch.setattr(OutputFile, "mux", late(OutputFile.mux))
    threads = threading.active_count()
    outcome: list[BaseException | None] = []

    def attempt() -> None:
        try:
            engine.run(face, speech, out)
            outcome.append(None)
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "the run hangs"
    assert isinstance(outcome[0], (RuntimeError, kind)), outcome
    assert leftovers(out.parent) == []
    assert threading.active_count() <= threads


def broken_sound(kind: type[BaseException]) -> Any:
    def pieces(*_: Any) -> Any:
        yield np.zeros((4000, 1), np.float32)
        raise kind("this stage broke")

    return pieces


def test_an_interrupt_between_batches_leaves_nothing(files: tuple[Path, Path, Path]) -> None:
    face, speech, out = files
    out.write_bytes(b"older")

    def interrupt(done: int, total: int | None) -> None:
        if done > 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_engine().run(face, speech, out, progress=interrupt)
    assert out.read_bytes() == b"older"
    assert leftovers(out.parent) == [out.name]


def test_inputs_that_cannot_be_used(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    face, speech, out = files
    engine = make_engine()
    text = tmp_path / "text.mp4"
    text.write_text("no video at all")
    for bad_face in (text, tmp_path / "missing.mp4", tmp_path):
        with pytest.raises(InputError):
            engine.run(bad_face, speech, out)
    with pytest.raises(NoVideoError):
        engine.run(speech, speech, out)
    with pytest.raises(NoAudioError):
        engine.run(face, face, out)
    with pytest.raises(InputError):
        engine.run(face, text, out)
    with pytest.raises(UsageError):
        engine.run(face, speech, face)
    with pytest.raises(OutputError):
        engine.run(face, speech, tmp_path / "no folder" / "o.mp4")
    with pytest.raises(UsageError):
        engine.run(face, speech, tmp_path / "o.avi")
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(OutputError):
        make_engine().run(*files[:2], locked / "o.mp4")


def test_options_that_contradict() -> None:
    for wrong in ({"loop": "spin"}, {"start": -1.0}, {"start": 2.0, "end": 1.0}, {"crf": 99}):
        with pytest.raises(UsageError):
            RunOptions(**wrong)  # type: ignore[arg-type]
    assert replace(RunOptions(), crf=20).crf == 20


def test_memory_does_not_grow_with_the_length_of_the_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames alive at once, counted: the same for a short and a long run."""
    alive = most = 0
    real = loop.Frame

    class Counted(real):  # type: ignore[misc, valid-type]
        __slots__ = ()

        def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401
            nonlocal alive, most
            super().__init__(*args, **named)
            alive += 1
            most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    monkeypatch.setattr(reader, "Frame", Counted)
    monkeypatch.setattr(loop, "Frame", Counted)
    face = write_clip(tmp_path / "f.mp4", 10, size=(96, 96))
    peaks = []
    for seconds in (2.0, 12.0):
        most = 0
        with pytest.raises(NoFaceError):
            make_engine(blind=range(1024)).run(
                face, write_sound(tmp_path / "s.wav", seconds), tmp_path / "o.mp4"
            )
        peaks.append(most)
    assert peaks[1] <= peaks[0] + 10
