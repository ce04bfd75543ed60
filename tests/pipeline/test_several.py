"""Several faces, each with its own voice: who moves when, whatever happens to their places, and what is heard."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile

from lipsync_edge.audio.reader import read_audio
from lipsync_edge.engine import Engine
from lipsync_edge.errors import InputError, NoAudioError, NoFaceError, UsageError
from lipsync_edge.face.align import TEMPLATE
from lipsync_edge.face.detector import Detector
from lipsync_edge.models.preset import Preset
from lipsync_edge.pipeline.prepare import PrepareOptions
from lipsync_edge.pipeline.result import RunResult
from lipsync_edge.pipeline.run_options import RunOptions
from lipsync_edge.render.lips import Lips
from lipsync_edge.render.segment import Segmenter
from lipsync_edge.types import Boxes
from lipsync_edge.video.reader import VideoReader
from tests import fakes
from tests.clips import number, scene, write_clip, write_still

SIZE, SIDE, TOP = (400, 200), 110, 60
LEFT, RIGHT = 30, 250
FRAMES, CUT = 50, 25
TEXTURES = [
    cv2.resize(
        np.random.default_rng(k).integers(60, 200, (9, 9, 3), dtype=np.uint8),
        (SIDE, SIDE),
        interpolation=cv2.INTER_CUBIC,
    )
    for k in range(2)
]
U8 = Any


def places(i: int, swap: bool) -> dict[int, int]:
    """Person → x."""
    return {0: RIGHT, 1: LEFT} if swap and i >= CUT else {0: LEFT, 1: RIGHT}


def picture(i: int, swap: bool) -> U8:
    frame = scene(*SIZE, index=i)
    if swap and i >= CUT:
        frame[30:] = 255 - frame[30:, ::-1]  # a cut: another wall
    for person, x in places(i, swap).items():
        frame[TOP : TOP + SIDE, x : x + SIDE] = TEXTURES[person]
    return frame


class TwoThere(Detector):
    """Sees two faces, but one, or none, in the frames that are said."""

    def __init__(self, one_in: Sequence[int] = (), none_in: Sequence[int] = ()) -> None:
        super().__init__(fakes.blind_detector())
        self._one, self._none = one_in, none_in

    def __call__(self, frames_bgr: Sequence[Any], side: int = 0) -> list[Boxes]:
        return [self._seen(number(frame)) for frame in frames_bgr]

    def _seen(self, i: int) -> Boxes:
        xs = [] if i in self._none else [LEFT] if i in self._one else [RIGHT, LEFT]
        xyxy = np.array([(x, TOP, x + SIDE, TOP + SIDE) for x in xs], np.float32).reshape(-1, 4)
        points = (TEMPLATE * SIDE)[None] + xyxy[:, None, :2]
        return Boxes(xyxy, np.ones(len(xs), np.float32), points.astype(np.float32))


def make_engine(detector: Detector | None = None, **changes: Any) -> Engine:
    usual = {"name": "t", "description": "", "detect": "d", "lips": "l", "detect_every": 2}
    return fakes.engine_of(
        preset=Preset(**(usual | changes)),
        detector=detector or TwoThere(),
        lips=Lips(fakes.warp_lips()),
        segmenter=Segmenter(fakes.regions_segmenter()),
    )


def speech(
    path: Path, *spoken: tuple[float, float], seconds: float = 2.0, rate: int = 16_000, level: float = 0.5
) -> Path:
    """Noise in the stretches that are spoken, silence elsewhere."""
    t = np.arange(round(seconds * rate)) / rate
    loud = np.zeros(len(t), bool)
    for start, end in spoken:
        loud |= (t >= start) & (t < end)
    noise = np.random.default_rng(4).uniform(-level, level, len(t)) * loud
    soundfile.write(str(path), noise.astype(np.float32), rate)
    return path


@pytest.fixture(params=[False, True], ids=["one shot", "swapped after a cut"])
def swap(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def film(tmp_path: Path, swap: bool) -> Path:
    return write_clip(tmp_path / "film.mp4", [picture(i, swap) for i in range(FRAMES)])


@pytest.fixture
def voices(tmp_path: Path) -> dict[str, Path]:
    """The one speaks in the first part of both shots, the other in the second."""
    one = speech(tmp_path / "one.wav", (0.1, 0.5), (1.1, 1.5))
    other = speech(tmp_path / "other.wav", (0.5, 0.9), (1.5, 1.9))
    return {"left": one, "right": other}


def moved(film: Path, out: Path, swap: bool) -> np.ndarray:
    """How far each person's mouth differs from the film, (frames, 2)."""
    rows = []
    pairs = zip(VideoReader(film), VideoReader(out), strict=False)  # published windows end a little early
    for i, (before, after) in enumerate(pairs):
        change = np.abs(after.image_bgr.astype(int) - before.image_bgr).max(2)
        row = []
        for person in (0, 1):
            x, y = places(i, swap)[person] + SIDE // 2, TOP + round(SIDE * 0.68)
            row.append(float(change[y - 6 : y + 6, x - 6 : x + 6].mean()))
        rows.append(row)
    return np.array(rows)


# frames well within what the one and the other say: 0.1 s round a frame are heard, turns are 0.1 s longer on both sides
FIRST = [*range(5, 8), *range(30, 33)]
SECOND = [*range(18, 21), *range(43, 46)]


def test_everybody_says_their_own(film: Path, voices: dict[str, Path], tmp_path: Path, swap: bool) -> None:
    result = make_engine().run(film, None, tmp_path / "o.mp4", voices=voices, options=RunOptions(crf=0))
    assert result.frames == FRAMES
    by_whom = moved(film, tmp_path / "o.mp4", swap)
    for frames, speaker in ((FIRST, 0), (SECOND, 1)):
        assert by_whom[frames, speaker].min() > 20
        assert by_whom[frames, 1 - speaker].max() < 5
    told = {one.who: one for one in result.people}
    assert [one.sound for one in result.people] == [*voices.values()]
    assert told["left"].frames == told["right"].frames == FRAMES
    # pauses up to half a second are part of it, and a mouth stays open for 0.4 s after the last sound
    assert told["left"].spoke == ((0.04, 2.0),)
    assert told["right"].spoke == ((0.44, 2.0),)
    assert 30 < told["right"].driven < 42 < told["left"].driven  # who begins later is driven for less


def test_with_the_voices_exchanged_the_others_speak(
    film: Path, voices: dict[str, Path], tmp_path: Path, swap: bool
) -> None:
    exchanged = {"left": voices["right"], "right": voices["left"]}
    make_engine().run(film, None, tmp_path / "o.mp4", voices=exchanged, options=RunOptions(crf=0))
    by_whom = moved(film, tmp_path / "o.mp4", swap)
    assert by_whom[FIRST, 1].min() > 20
    assert by_whom[FIRST, 0].max() < 5


RTTM = "".join(
    f"SPEAKER talk 1 {start} 0.4 <NA> <NA> {who} <NA> <NA>\n"
    for who, start in (("A", 0.1), ("B", 0.5), ("A", 1.1), ("B", 1.5))
)
MAP = {"A": "left", "B": "right"}


def spoken(film: Path, folder: Path, turns: str = RTTM, **options: Any) -> RunResult:
    """A run of one sound that never pauses, and turns."""
    (folder / "talk.rttm").write_text(turns, "utf-8")
    mixed = speech(folder / "talk.wav", (0.0, 2.0))
    options = {"crf": 0, "speakers": folder / "talk.rttm", "speaker_map": MAP} | options
    return make_engine().run(film, mixed, folder / "o.mp4", options=RunOptions(**options))


def test_turns_of_one_sound_drive_their_own(film: Path, tmp_path: Path, swap: bool) -> None:
    result = spoken(film, tmp_path)
    by_whom = moved(film, tmp_path / "o.mp4", swap)
    for frames, speaker in ((FIRST, 0), (SECOND, 1)):
        assert by_whom[frames, speaker].min() > 20
        assert by_whom[frames, 1 - speaker].max() < 5
    assert [one.speakers for one in result.people] == [("A",), ("B",)]


def test_overlaps_drive_both_and_nobody_means_nobody(film: Path, tmp_path: Path, swap: bool) -> None:
    turns = "".join(
        f"SPEAKER talk 1 {at} {long} <NA> <NA> {who} <NA> <NA>\n"
        for who, at, long in (("A", 0, 2), ("B", 0, 0.9))
    )
    spoken(film, tmp_path, turns)
    by_whom = moved(film, tmp_path / "o.mp4", swap)
    assert by_whom[FIRST[:3]].min() > 20
    spoken(film, tmp_path, turns, speaker_map={"A": "none", "B": "right"})
    by_whom = moved(film, tmp_path / "o.mp4", swap)
    assert by_whom[5:20, 1].min() > 20
    assert by_whom[:, 0].max() < 5


def test_who_listens_keeps_the_mouth_as_it_was_filmed(film: Path, tmp_path: Path) -> None:
    result = spoken(
        film,
        tmp_path,
        "SPEAKER t 1 0 0.5 <NA> <NA> A <NA> <NA>\nSPEAKER t 1 0.5 1.5 <NA> <NA> B <NA> <NA>\n",
        listen="filmed",
    )
    pairs = [
        (a.image_bgr, b.image_bgr)
        for a, b in zip(VideoReader(film), VideoReader(tmp_path / "o.mp4"), strict=True)
    ]
    assert all((a[:, :180] == b[:, :180]).all() for a, b in pairs[20:24])  # she is silent from 0.5 s on
    assert any((a[:, 220:] != b[:, 220:]).any() for a, b in pairs[20:24])
    assert result.people[0].driven < 20


def test_filmed_listening_needs_no_turns_where_everybody_has_a_sound(film: Path, tmp_path: Path) -> None:
    own = {"left": speech(tmp_path / "a.wav", (0.0, 0.3)), "right": speech(tmp_path / "b.wav", (0.0, 2.0))}
    make_engine().run(film, None, tmp_path / "o.mp4", voices=own, options=RunOptions(crf=0, listen="filmed"))
    pairs = [
        (a.image_bgr, b.image_bgr)
        for a, b in zip(VideoReader(film), VideoReader(tmp_path / "o.mp4"), strict=True)
    ]
    assert all((a[:, :180] == b[:, :180]).all() for a, b in pairs[19:24])
    assert any((a[:, 220:] != b[:, 220:]).any() for a, b in pairs[19:24])


def test_all_say_one_sound(film: Path, tmp_path: Path, swap: bool) -> None:
    sound = speech(tmp_path / "s.wav", (0.0, 2.0))
    result = make_engine().run(film, sound, tmp_path / "o.mp4", options=RunOptions(face="all", crf=0))
    assert moved(film, tmp_path / "o.mp4", swap)[2:-2].min() > 20
    assert [one.who for one in result.people] == ["all 0", "all 1"]


def test_all_is_everybody_who_is_not_named(
    film: Path, voices: dict[str, Path], tmp_path: Path, swap: bool
) -> None:
    given = {"right": voices["right"], "all": voices["left"]}
    make_engine().run(film, None, tmp_path / "o.mp4", voices=given, options=RunOptions(crf=0))
    by_whom = moved(film, tmp_path / "o.mp4", swap)
    assert by_whom[FIRST, 0].min() > 20
    assert by_whom[FIRST, 1].max() < 5


def test_all_where_there_is_nobody_else_is_told(
    film: Path, voices: dict[str, Path], tmp_path: Path, swap: bool
) -> None:
    given = voices | {"all": voices["left"]}
    result = make_engine().run(film, None, tmp_path / "o.mp4", voices=given, options=RunOptions(end=0.4))
    assert [one.who for one in result.people] == ["left", "right"]
    assert f"all: nobody else was seen to say {voices['left'].name}" in result.notes


def test_people_are_named_by_pictures(
    film: Path, voices: dict[str, Path], tmp_path: Path, swap: bool
) -> None:
    one, other = (write_still(tmp_path / f"{k}.png", picture(0, False)) for k in "ab")
    right = cv2.imread(str(other))[:, ::-1].copy()
    right[TOP : TOP + SIDE, LEFT : LEFT + SIDE] = TEXTURES[1]
    right[:40] = picture(9, False)[:40]  # number 9: one face is seen, the left one
    write_still(other, right)
    left = cv2.imread(str(one))
    left[:40] = picture(9, False)[:40]
    write_still(one, left)
    given = {str(other): voices["right"], str(one): voices["left"]}
    engine = make_engine(TwoThere(one_in=[9]))
    engine.run(film, None, tmp_path / "o.mp4", voices=given, options=RunOptions(crf=0))
    by_whom = moved(film, tmp_path / "o.mp4", swap)
    assert by_whom[FIRST[:3], 0].min() > 20
    assert by_whom[FIRST, 1].max() < 5


def test_a_film_that_begins_with_one_of_them_waits_for_both(
    film: Path, voices: dict[str, Path], tmp_path: Path
) -> None:
    engine = make_engine(TwoThere(one_in=range(12)))
    result = engine.run(film, None, tmp_path / "o.mp4", voices=voices)
    told = {one.who: one.frames for one in result.people}
    assert told == {"left": FRAMES, "right": FRAMES - 12}  # and she was known from the first frame on


def test_a_still_with_two_faces(voices: dict[str, Path], tmp_path: Path) -> None:
    still = write_still(tmp_path / "two.png", picture(0, False))
    result = make_engine().run(still, None, tmp_path / "o.mp4", voices=voices, options=RunOptions(crf=0))
    assert result.frames == FRAMES
    frames = [frame.image_bgr.astype(int) for frame in VideoReader(tmp_path / "o.mp4")]
    y = TOP + round(SIDE * 0.68)
    for x, mine, others in ((LEFT, FIRST, SECOND), (RIGHT, SECOND, FIRST)):
        mouth = [
            np.abs(f - frames[0])[y - 6 : y + 6, x + SIDE // 2 - 6 : x + SIDE // 2 + 6].mean() for f in frames
        ]
        assert min(mouth[i] for i in mine) > 15
        assert max(mouth[i] for i in others) < 5


def test_what_is_heard_is_the_sum_or_what_is_given(
    film: Path, voices: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "o.mkv"
    engine = make_engine()
    engine.run(film, None, out, voices=voices)
    heard = read_audio(out)
    assert [
        float(np.abs(heard[int(16_000 * t) : int(16_000 * (t + 0.2))]).mean()) > 0.1 for t in (0.2, 0.6, 0.91)
    ] == [True, True, False]
    loud = {
        "left": speech(tmp_path / "l.wav", (0, 2), level=0.9),
        "right": speech(tmp_path / "r.wav", (0, 2), level=0.9),
    }
    result = engine.run(film, None, out, voices=loud)
    assert "quieter" in result.notes[-1]
    silence = speech(tmp_path / "music.wav")
    result = engine.run(film, None, out, voices=loud, options=RunOptions(play_audio=silence))
    assert np.abs(read_audio(out)).max() < 0.01
    assert not result.notes
    assert result.people[0].driven > 40


def test_a_part_of_the_result_has_its_own_turns(film: Path, tmp_path: Path, swap: bool) -> None:
    spoken(film, tmp_path, start=0.4, end=1.8)
    out = [frame.image_bgr for frame in VideoReader(tmp_path / "o.mp4")]
    assert len(out) == 35
    frames = list(VideoReader(film))
    for i, speaker in ((18, 1), (19, 1), (31, 0), (32, 0)):
        change = np.abs(out[i - 10].astype(int) - frames[i].image_bgr).max(2)
        at = [places(i, swap)[person] + SIDE // 2 for person in (speaker, 1 - speaker)]
        y = TOP + round(SIDE * 0.68)
        mine, others = (change[y - 6 : y + 6, x - 6 : x + 6].mean() for x in at)
        assert mine > 20 > 5 > others


def test_painted_crops_followed_as_published(tmp_path: Path) -> None:
    voices = {
        "left": speech(tmp_path / "one.wav", (0.1, 0.5)),
        "right": speech(tmp_path / "other.wav", (1.2, 1.9)),
    }
    film = write_clip(tmp_path / "f.mp4", [picture(i, False) for i in range(FRAMES)])
    usual = {"name": "t", "description": "", "detect": "d", "lips": "l", "tracking": "reference"}
    engine = fakes.engine_of(preset=Preset(**usual), detector=TwoThere(), lips=Lips(fakes.image_lips()))
    engine.run(film, None, tmp_path / "o.mp4", voices=voices, options=RunOptions(crf=0))
    by_whom = moved(film, tmp_path / "o.mp4", False)
    first, second = FIRST[:3], SECOND[3:]
    assert by_whom[first, 0].min() > by_whom[first, 1].max()
    assert by_whom[second, 1].min() > by_whom[second, 0].max()


def test_people_who_cannot_be_found_are_said_before_any_work(
    film: Path, voices: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "o.mp4"
    one, other = voices.values()
    with pytest.raises(NoFaceError, match="left and 2 in one frame.*at most 2 faces"):
        make_engine().run(film, None, out, voices={"left": one, "2": other})
    with pytest.raises(NoFaceError, match="at most 1 face in a frame"):
        make_engine(TwoThere(one_in=range(FRAMES))).run(film, None, out, voices=voices)
    with pytest.raises(NoFaceError, match="each another face"):
        make_engine().run(film, None, out, voices={"left": one, "0": other})
    with pytest.raises(NoFaceError, match="none"):
        make_engine(TwoThere(none_in=range(FRAMES))).run(film, one, out, options=RunOptions(face="all"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["film.mp4", "one.wav", "other.wav"]


def test_what_contradicts_itself(film: Path, voices: dict[str, Path], tmp_path: Path) -> None:
    engine, out, one = make_engine(), tmp_path / "o.mp4", voices["left"]
    for audio, options, match in (
        (one, {"voices": voices}, "either AUDIO or --voice"),
        (None, {}, "AUDIO, or --voice"),
    ):
        with pytest.raises(UsageError, match=match):
            engine.run(film, audio, out, options=RunOptions(**options))
    for options, match in (
        ({"voices": voices, "box_xyxy": (0, 0, 9, 9)}, "one face for --box"),
        ({"voices": voices, "face": "left"}, "--face left"),
        ({"voices": voices, "speakers": one}, "both"),
        ({"voices": {"tallest": one}}, "all, largest"),
        ({"speaker_map": MAP}, "--speakers"),
        ({"listen": "open"}, "closed, filmed"),
    ):
        with pytest.raises(UsageError, match=match):
            RunOptions(**options)
    with pytest.raises(UsageError, match="one face, whose avatar"):
        PrepareOptions(face="all")
    for names, match in (
        ({"A": "left"}, "nobody for B.*--map B=left"),
        ({**MAP, "C": "right"}, "A, B; got 'C'"),
        ({"A": "none", "B": "none"}, "only none"),
    ):
        with pytest.raises(UsageError, match=match):
            spoken(film, tmp_path, speaker_map=names)
    with pytest.raises(InputError, match="within the 2.0 s of talk.wav.*first at 9.0 s"):
        spoken(film, tmp_path, "SPEAKER t 1 9 1 <NA> <NA> A <NA> <NA>\n", speaker_map={"A": "left"})
    with pytest.raises(NoAudioError):
        engine.run(film, None, out, voices={"left": one, "right": film})
    assert not out.exists()


def test_two_speakers_may_be_one_person(film: Path, tmp_path: Path, swap: bool) -> None:
    result = spoken(film, tmp_path, speaker_map={"A": "right", "B": "right"})
    assert [(one.who, one.speakers) for one in result.people] == [("right", ("A", "B"))]
    assert moved(film, tmp_path / "o.mp4", swap)[FIRST + SECOND, 1].min() > 20


def test_one_voice_by_name_is_the_face_that_is_asked_for(
    film: Path, voices: dict[str, Path], tmp_path: Path
) -> None:
    one, other = tmp_path / "1.mp4", tmp_path / "2.mp4"
    make_engine().run(film, None, one, voices={"right": voices["right"]}, options=RunOptions(crf=0))
    make_engine().run(film, voices["right"], other, options=RunOptions(face="right", crf=0))
    pictures = [[frame.image_bgr for frame in VideoReader(path)] for path in (one, other)]
    assert np.array_equal(*pictures)
    assert Fraction(1, 25) * len(pictures[0]) == 2
