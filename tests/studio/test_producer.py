"""What the studio makes, on networks of numpy: previews, results, batches; nothing half is left."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from lipsync_edge.cli.studio import form_of
from lipsync_edge.engine import Engine
from lipsync_edge.errors import InputError, NoFaceError, UsageError
from lipsync_edge.mark.check import check_marks
from lipsync_edge.mark.options import MarkOptions
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.pipeline.interrupt import InterruptSource
from lipsync_edge.studio.comparison import loudest_s
from lipsync_edge.studio.history import POSTER, RESULT, SOURCE, History, open_history
from lipsync_edge.studio.options import StudioOptions
from lipsync_edge.studio.producer import Producer
from lipsync_edge.studio.request import DubRequest, check_inputs
from lipsync_edge.studio.runner import Cancelled, Control
from lipsync_edge.studio.several import Pair, check_pairs, make_several, pairs_of
from lipsync_edge.video.reader import VideoReader
from tests.clips import number, write_clip, write_sound
from tests.scripted import SIZE, make_engine

FORM = form_of(StudioOptions())
RATE = 16_000


def load(options: EngineOptions) -> Engine:
    return make_engine()


def load_blind(options: EngineOptions) -> Engine:
    return make_engine(blind=range(1024))


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with open_history(tmp_path / "results") as it:
        yield it


@pytest.fixture
def producer(tmp_path: Path, history: History) -> Producer:
    return Producer(history, tmp_path / "scratch", load, MarkOptions())


@pytest.fixture
def wanted(tmp_path: Path) -> DubRequest:
    """A face of 60 numbered frames, a voice of two seconds that is loud around second 1.5."""
    face = write_clip(tmp_path / "anna.mp4", 60, size=SIZE)
    wave = np.zeros(2 * RATE, np.float32)
    wave[int(1.4 * RATE) : int(1.6 * RATE)] = np.sin(np.arange(int(0.2 * RATE)) * 0.2) * 0.8
    soundfile.write(str(tmp_path / "hello.wav"), wave, RATE)
    options = FORM.options({"label": "top-left"})
    return DubRequest(
        face=face,
        voice=tmp_path / "hello.wav",
        options=options,
        wishes=FORM.words.parse(options),
        title="anna · hello",
    )


def control() -> Control:
    return Control(InterruptSource().token)


def cancelled_after(calls: int) -> Control:
    """A control whose task is cancelled when it was asked that often."""
    source = InterruptSource()

    class Counting(Control):
        left = calls

        def check(self) -> None:
            self.left -= 1
            if self.left < 0:
                source.interrupt()
            super().check()

    return Counting(source.token)


def test_a_result_is_whole_marked_and_described(
    producer: Producer, history: History, wanted: DubRequest
) -> None:
    entry = producer.make(wanted, control())
    assert history.entries() == [entry]
    made, source = (history.folder / entry.key / name for name in (RESULT, SOURCE))
    frames, originals = list(VideoReader(made)), list(VideoReader(source))
    assert len(frames) == len(originals) == 50
    assert [number(one.image_bgr) for one in originals] == list(
        range(50)
    )  # frame by frame what the result was made of
    assert entry.marked
    assert check_marks(made).marked
    assert "marked as made with AI" in entry.check[0]
    assert entry.options == "--label top-left"
    assert "50 frames" in entry.summary
    assert cv2.imread(str(history.folder / entry.key / POSTER)) is not None


def test_a_frame_is_made_of_the_loudest_moment_or_the_one_that_was_named(
    producer: Producer, wanted: DubRequest
) -> None:
    loud = producer.preview_frame(wanted, None, control())
    assert 1.4 <= loud.at_s <= 1.6
    named = producer.preview_frame(wanted, 0.4, control())
    for pair in (loud, named):
        source, result = (cv2.imread(str(path)) for path in (pair.source, pair.result))
        assert source.shape == result.shape == (SIZE[1], SIZE[0], 3)
        assert number(source) == number(result) == int(pair.at_s * 25)  # the frame that is seen then
        assert check_marks(pair.result).marked
        assert not check_marks(pair.source).marked
    silent, loud_result = (cv2.imread(str(one.result)).astype(int) for one in (named, loud))
    changed = [
        np.abs(made - cv2.imread(str(pair.source)))[60:200, 110:250].mean()
        for made, pair in ((silent, named), (loud_result, loud))
    ]
    assert changed[1] > changed[0] + 0.2  # the mouth of the scripted network moves with the sound alone


def test_a_clip_is_three_seconds_at_most(producer: Producer, history: History, wanted: DubRequest) -> None:
    clip = producer.preview_clip(wanted, 1.0, control())
    numbers = [number(one.image_bgr) for one in VideoReader(clip.source)]
    assert numbers == list(range(25, 50))
    assert len(list(VideoReader(clip.result))) == 25
    assert history.entries() == []
    with pytest.raises(UsageError, match=r"before 2\.0"):
        producer.preview_clip(wanted, 2.0, control())


@pytest.mark.parametrize("calls", [0, 1, 2, 5, 40, 120, 170])
def test_wherever_it_is_cancelled_nothing_is_left(
    producer: Producer, history: History, wanted: DubRequest, calls: int
) -> None:
    with pytest.raises(Cancelled):
        producer.make(wanted, cancelled_after(calls))
    assert [path.name for path in history.folder.iterdir()] == [".lock"]
    assert threading.active_count() < 10


def test_what_fails_leaves_nothing_either(tmp_path: Path, history: History, wanted: DubRequest) -> None:
    blind = Producer(history, tmp_path / "other", load_blind, MarkOptions())
    with pytest.raises(NoFaceError):
        blind.make(wanted, control())
    assert [path.name for path in history.folder.iterdir()] == [".lock"]


def test_engines_stay_loaded(tmp_path: Path, history: History, wanted: DubRequest) -> None:
    loaded: list[EngineOptions] = []

    def counting(options: EngineOptions) -> Engine:
        loaded.append(options)
        return make_engine()

    producer = Producer(history, tmp_path / "other", counting, MarkOptions())
    hq = replace(wanted, wishes=FORM.wishes({"preset": "hq"}))
    for one in (wanted, wanted, hq, wanted):
        producer.preview_frame(one, 0.0, control())
    assert [options.preset for options in loaded] == ["lite", "hq"]


def test_files_must_be_there(tmp_path: Path, wanted: DubRequest) -> None:
    face, voice = str(wanted.face), str(wanted.voice)
    assert check_inputs(face, voice) == (wanted.face, wanted.voice)
    with pytest.raises(UsageError, match="a face"):
        check_inputs(None, voice)
    with pytest.raises(UsageError, match="a voice"):
        check_inputs(face, "")
    with pytest.raises(InputError):
        check_inputs(str(tmp_path / "gone.mp4"), voice)


def test_the_loudest_moment() -> None:
    wave = np.zeros(RATE, np.float32)
    assert loudest_s(wave[:100], RATE) == 0.0
    wave[12_000:12_800] = 0.5
    assert abs(loudest_s(wave, RATE) - 0.78) < 0.11


def test_who_says_what() -> None:
    one, two = ["a/anna.mp4"], ["b/anna.wav", "b/ben.wav"]
    assert [pair.title for pair in pairs_of(one, two)] == ["anna · anna", "anna · ben"]
    named = pairs_of(["x/ben.jpg", "y/anna.mp4"], two)
    assert [(pair.face.name, pair.voice.name) for pair in named] == [
        ("anna.mp4", "anna.wav"),
        ("ben.jpg", "ben.wav"),
    ]
    for faces, voices, said in (
        (None, two, "no faces"),
        (one, [], "no voices"),
        (["a.mp4", "c.mp4"], ["a.wav", "b.wav"], "b, c"),
        (["a.mp4", "x/a.mp4"], ["a.wav", "b.wav"], "two of that name"),
    ):
        with pytest.raises(UsageError, match=said):
            pairs_of(faces, voices)


def test_several_are_made_by_the_batch_and_one_that_fails_costs_itself_alone(
    tmp_path: Path, producer: Producer, history: History, wanted: DubRequest
) -> None:
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"no sound at all")
    pairs = [
        Pair(wanted.face, wanted.voice),
        Pair(wanted.face, noise),
        Pair(wanted.face, write_sound(tmp_path / "c.wav")),
    ]
    jobs = check_pairs(pairs, tmp_path, FORM.words, {"crf": "30"})
    work = history.folder / ".draft-batch-1"
    made = make_several(producer, pairs, jobs, FORM.words, work, control(), load=load, said="--crf 30")
    assert [bool(one.key) for one in made] == [True, False, True]
    assert "noise" in made[1].error
    assert {entry.key for entry in history.entries()} == {one.key for one in made if one.key}
    assert all(entry.marked and entry.options == "--crf 30" for entry in history.entries())
    assert not work.exists()
    with pytest.raises(UsageError, match="inside"):
        check_pairs([Pair(Path("/etc/passwd"), wanted.voice)], tmp_path, FORM.words, {})


def test_a_cancelled_batch_keeps_what_is_whole_and_nothing_else(
    tmp_path: Path, producer: Producer, history: History, wanted: DubRequest
) -> None:
    pairs = [Pair(wanted.face, wanted.voice)] * 2
    jobs = check_pairs(pairs, tmp_path, FORM.words, {})
    work = history.folder / ".draft-batch-1"
    with pytest.raises(Cancelled):
        make_several(producer, pairs, jobs, FORM.words, work, cancelled_after(3), load=load)
    assert not list(history.folder.glob(".draft*"))
    assert all((history.folder / entry.key / RESULT).stat().st_size for entry in history.entries())
