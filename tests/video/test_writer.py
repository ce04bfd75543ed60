"""What is written: times, sizes, colours, sound in step with the picture, and nothing half."""

import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from lipsync_edge.atomic_write import beside
from lipsync_edge.audio.reader import probe_sound, read_audio
from lipsync_edge.errors import OutputError, UsageError
from lipsync_edge.types import Region
from lipsync_edge.video.color import ColorTags
from lipsync_edge.video.container import LARGE_THREADS, opened, video_stream
from lipsync_edge.video.probe import probe
from lipsync_edge.video.reader import VideoReader
from lipsync_edge.video.writer import VideoFormat, VideoWriter, check_output, exact_tick
from tests.clips import number, onsets, scene, times_of, write_clip


def picture_format(width: int = 160, height: int = 120, **changes: object) -> VideoFormat:
    usual = {"fps": Fraction(25), "time_base": Fraction(1, 25)}
    return VideoFormat(width=width, height=height, **(usual | changes))  # type: ignore[arg-type]


def write(path: Path, what: VideoFormat, times: list[Fraction]) -> Path:
    with VideoWriter(path, what) as writer:
        for i, time in enumerate(times):
            writer.write(scene(what.width, what.height, i), time)
    return path


def as_opencv_reads(path: Path) -> tuple[list[float], list[np.ndarray]]:
    """Times in seconds and pictures of a file, by a decoder that is not ours."""
    capture = cv2.VideoCapture(str(path))
    times, pictures = [], []
    while True:
        more, picture = capture.read()
        if not more:
            return times, pictures
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        pictures.append(picture)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30_000, 1001), Fraction(60)], ids=str)
def test_frames_come_back_with_their_times(tmp_path: Path, suffix: str, fps: Fraction) -> None:
    what = picture_format(fps=fps, time_base=Fraction(1, 1000))  # as of a Matroska source
    times = [i / fps for i in range(40)]
    path = write(tmp_path / f"a.b ö{suffix}", what, times)
    assert [frame.time for frame in VideoReader(path)] == times
    read, pictures = as_opencv_reads(path)
    assert read == pytest.approx([float(t) for t in times], abs=0.0011)
    assert [number(picture) for picture in pictures] == list(range(40))
    if suffix in (".mp4", ".mov"):  # Matroska and WebM count in milliseconds
        assert times_of(path) == times


def test_varying_times_come_back(tmp_path: Path) -> None:
    times = [Fraction(t, 1000) for t in (0, 40, 55, 130, 131, 200, 333, 1000)]
    path = write(tmp_path / "v.mp4", picture_format(time_base=Fraction(1, 1000)), times)
    assert times_of(path) == times


def test_ticks_are_exact_where_that_is_possible() -> None:
    assert exact_tick(Fraction(30_000, 1001), Fraction(1, 1000)) == Fraction(1, 30_000)
    assert exact_tick(Fraction(25), Fraction(1, 90_000)) == Fraction(1, 90_000)
    assert exact_tick(Fraction(999_983, 7), Fraction(1, 90_000)) == Fraction(1, 90_000)


@pytest.mark.parametrize("matrix", [1, 2, 5, 6], ids=["bt709", "untagged", "bt470bg", "smpte170m"])
@pytest.mark.parametrize("colours", [1, 2], ids=["limited", "full"])
def test_what_nobody_touched_stays_as_it_was(tmp_path: Path, matrix: int, colours: int) -> None:
    source = write_clip(tmp_path / "a.mp4", 3, size=(320, 240), matrix=matrix, colours=colours)
    info = probe(source)
    assert info.color.matrix == matrix
    what = picture_format(320, 240, color=info.color, crf=0)
    with VideoWriter(tmp_path / "b.mp4", what) as writer:
        for frame in VideoReader(source):
            writer.write(frame.image_bgr, frame.time)
    assert probe(tmp_path / "b.mp4").color == info.color
    before, after = planes(source), planes(tmp_path / "b.mp4")
    for one, other in zip(before, after, strict=True):
        difference = np.abs(one.astype(int) - other)
        if colours == 1:
            assert difference.mean() < 0.002, "but for the few colours that BGR cannot hold"
        else:  # eight bits of BGR are coarser than eight bits of full-range YUV
            assert difference.mean() < 0.6
            assert difference.max() <= 1


@pytest.mark.parametrize(
    "changed", [None, Region(31, 20, 120, 97), Region(0, 0, 320, 240), Region(-5, 201, 11, 250)], ids=str
)
@pytest.mark.parametrize("colours", [1, 2], ids=["limited", "full"])
def test_outside_the_changed_part_not_one_bit_changes(
    tmp_path: Path, colours: int, changed: Region | None
) -> None:
    source = write_clip(tmp_path / "a.mp4", 3, size=(320, 240), matrix=1, colours=colours)
    what = picture_format(320, 240, color=probe(source).color, crf=0)
    frames = [(255 - frame.image_bgr, frame) for frame in VideoReader(source)]
    with VideoWriter(tmp_path / "part.mp4", what) as part, VideoWriter(tmp_path / "all.mp4", what) as whole:
        for picture, frame in frames:
            assert frame.source is not None
            kept = frame.source.to_ndarray()
            part.write(picture, frame.time, frame.source, changed)
            assert np.array_equal(frame.source.to_ndarray(), kept), "the decoded picture is not written into"
            whole.write(picture, frame.time)
    before, after = planes(source), planes(tmp_path / "part.mp4")
    for one, other, anew, step in zip(before, after, planes(tmp_path / "all.mp4"), (1, 2, 2), strict=True):
        inside = np.zeros(one.shape, bool)
        if changed is not None:
            x1, y1 = max(changed.x1, 0) // 2 * 2 // step, max(changed.y1, 0) // 2 * 2 // step
            inside[y1 : -(-changed.y2 // 2) * 2 // step, x1 : -(-changed.x2 // 2) * 2 // step] = True
        assert np.array_equal(other[~inside], one[~inside])
        assert np.array_equal(other[inside], anew[inside])


def test_an_original_of_another_size_is_not_used(tmp_path: Path) -> None:
    small = next(iter(VideoReader(write_clip(tmp_path / "a.mp4", 1, size=(160, 120)))))
    assert small.source is not None
    with VideoWriter(tmp_path / "b.mp4", picture_format(161, 121, crf=0)) as writer:
        writer.write(scene(161, 121, 5), Fraction(0), small.source)
    assert number(as_opencv_reads(tmp_path / "b.mp4")[1][0]) == 5


def planes(path: Path) -> list[np.ndarray]:
    """Luma and chroma numbers of the first frame, as they stand in the file."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        rows = [
            np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size) for plane in frame.planes
        ]
        return [row[:, : plane.width] for row, plane in zip(rows, frame.planes, strict=True)]


@pytest.mark.parametrize(("suffix", "shape"), [(".mp4", (122, 162, 3)), (".webm", (121, 161, 3))])
def test_odd_sizes_lose_nothing(tmp_path: Path, suffix: str, shape: tuple[int, int, int]) -> None:
    path = write(tmp_path / f"odd{suffix}", picture_format(161, 121), [Fraction(i, 25) for i in range(3)])
    pictures = as_opencv_reads(path)[1]
    assert pictures[0].shape == shape
    assert np.abs(pictures[0][:121, :161].astype(int) - scene(161, 121)).mean() < 4


@pytest.mark.parametrize(
    ("codec", "suffix"), [("h264", ".mkv"), ("hevc", ".mp4"), ("vp9", ".mp4"), ("av1", ".mp4")]
)
def test_codecs(tmp_path: Path, codec: str, suffix: str) -> None:
    path = write(
        tmp_path / f"c{suffix}", picture_format(codec=codec, crf=30), [Fraction(i, 25) for i in range(5)]
    )
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec.canonical_name == codec


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="root alone may have such threads")
def test_av1_takes_no_real_time_priority(tmp_path: Path) -> None:
    """Else nothing of the machine runs before this process, and the networks' threads not before its main one."""
    with VideoWriter(tmp_path / "a.mp4", picture_format(codec="av1", crf=30)) as writer:
        for i in range(3):
            writer.write(scene(index=i), Fraction(i, 25))
        policies = {os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()}
    assert policies == {os.SCHED_OTHER}


@pytest.mark.parametrize(
    ("suffix", "rate", "channels", "codec", "kept"),
    [
        (".mp4", 44_100, 2, "aac", 44_100),
        (".mp4", 16_000, 1, "aac", 16_000),
        (".mov", 37_800, 1, "aac", 44_100),
        (".mkv", 192_000, 2, "aac", 96_000),
        (".webm", 22_050, 1, "opus", 48_000),
    ],
)
def test_sound_of_every_rate(
    tmp_path: Path, suffix: str, rate: int, channels: int, codec: str, kept: int
) -> None:
    path = tmp_path / f"s{suffix}"
    with VideoWriter(path, picture_format(sound_rate=rate, sound_channels=channels)) as writer:
        for i in range(25):
            time = np.arange(i * rate // 25, (i + 1) * rate // 25) / rate
            writer.write_sound(
                np.repeat(np.sin(2 * np.pi * 440 * time)[:, None], channels, 1).astype(np.float32) * 0.5
            )
            writer.write(scene(index=i), Fraction(i, 25))
    info = probe_sound(path)
    assert (info.rate, info.channels) == (kept, channels)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.codec.canonical_name == codec
    wave = read_audio(path)
    assert len(wave) / 16_000 == pytest.approx(1.0, abs=0.065)
    assert np.sqrt(np.mean(wave[2000:14_000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_picture_and_sound_are_in_step_after_ten_minutes(tmp_path: Path, suffix: str) -> None:
    seconds, rate, fps = 600, 44_100, 5
    path = tmp_path / f"long{suffix}"
    what = picture_format(64, 48, fps=Fraction(fps), time_base=Fraction(1, fps), sound_rate=rate)
    dark, light = np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 230, np.uint8)
    moments = [1, 300, 598]
    with VideoWriter(path, what) as writer:
        for second in range(seconds):
            wave = np.zeros((rate, 1), np.float32)
            if second in moments:
                wave[:441, 0] = 0.9 * np.sin(2 * np.pi * 1000 * np.arange(441) / rate)
            writer.write_sound(wave)
            for part in range(fps):
                bright = second in moments and part == 0
                writer.write(light if bright else dark, Fraction(second * fps + part, fps))
    flashes = [float(frame.time) for frame in VideoReader(path) if frame.image_bgr.mean() > 100]
    assert flashes == moments
    assert onsets(read_audio(path), 16_000) == pytest.approx(moments, abs=0.005)


def test_independent_tool_agrees_on_start_and_length(tmp_path: Path) -> None:
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    path = tmp_path / "a.mp4"
    with VideoWriter(path, picture_format(sound_rate=48_000)) as writer:
        for i in range(50):
            writer.write_sound(np.zeros((1920, 1), np.float32))
            writer.write(scene(index=i), Fraction(i, 25))
    command = ["ffprobe", "-v", "error", "-show_streams", "-count_frames", "-of", "json", str(path)]
    video, sound = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["streams"]
    assert (video["nb_read_frames"], float(video["start_time"]), float(video["duration"])) == ("50", 0.0, 2.0)
    assert float(sound["start_time"]) == pytest.approx(0.0, abs=0.001)
    assert float(sound["duration"]) == pytest.approx(2.0, abs=0.025)


def test_nothing_is_left_after_an_exception(tmp_path: Path) -> None:
    old = tmp_path / "a.mp4"
    old.write_bytes(b"older result")

    def stopped() -> None:
        with VideoWriter(old, picture_format()) as writer:
            writer.write(scene(), Fraction(0))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stopped()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"older result"]


def test_names_that_cannot_be_written(tmp_path: Path) -> None:
    for name in ("a.avi", "a", "a.mp3"):
        with pytest.raises(UsageError):
            check_output(tmp_path / name)
    with pytest.raises(UsageError):
        check_output(tmp_path / "a.mp4", "mpeg2")
    for suffix, codec in ((".mov", "vp9"), (".mov", "av1"), (".webm", "h264"), (".webm", "hevc")):
        with pytest.raises(UsageError, match="takes"):
            check_output(tmp_path / f"a{suffix}", codec)
    with pytest.raises(OutputError):
        check_output(tmp_path / "no such folder" / "a.mp4")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(OutputError):
        check_output(tmp_path / "folder.mp4")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mp4"
    beside(path).symlink_to("/dev/full")
    rng = np.random.default_rng(0)

    def fill() -> None:
        with VideoWriter(path, picture_format(640, 480)) as writer:
            for i in range(50):
                writer.write(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8), Fraction(i, 25))

    with pytest.raises(OutputError) as caught:
        fill()
    assert caught.value.exit_code == 5
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_colour_is_no_obstacle(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", picture_format(color=ColorTags(9, 1, 9, 16)), [Fraction(0)])
    assert probe(path).color.matrix == 9


@pytest.mark.parametrize(
    ("size", "said", "threads"),
    [((1920, 1080), b"bframes=3", 0), ((2560, 1440), b"bframes=1", LARGE_THREADS)],
)
def test_large_pictures_are_encoded_and_decoded_in_less_memory(
    tmp_path: Path, size: tuple[int, int], said: bytes, threads: int
) -> None:
    write(tmp_path / "a.mp4", picture_format(*size), [Fraction(0)])
    assert said in (tmp_path / "a.mp4").read_bytes()  # x264 writes into the film how it was told to work
    with opened(tmp_path / "a.mp4") as container:
        context = video_stream(container, tmp_path / "a.mp4").codec_context
        assert context.thread_count == threads
